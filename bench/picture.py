"""Draws the README's picture from the demo's files: parts of one frame, plain, enhanced and source."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from media.colour.bgr import Picture, bgr_of_frame
from media.frames import Frame
from media.quality import psnr_y, squared_error
from neudash.demo import rung_to_play
from player.superres.engines import open_engine
from report.measure import RungPlayer, pairs, rung_player
from report.run import open_subject

FRAME = 150
PARTS = ((560, 165, 204, 130), (226, 340, 204, 130))
"""Parts of the frame that are drawn: (left, top, width, height) in pixels."""
ZOOM = 2
GAP, STRIP = 6, 34
PAPER = (38, 30, 26)


def main(argv: list[str]) -> int:
    """Draws the picture and returns the exit code."""
    options = _parser().parse_args(argv)
    subject = open_subject(options.demo / "bundle", options.demo / "canal.mp4")
    played = rung_to_play(subject.bundle.root)
    rung = next(rung for rung in subject.bundle.presentation.video if rung.id == played)
    player = rung_player(subject, rung, partial(open_engine, "openvino"))
    versions = frame_versions(player, FRAME)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.output), sheet(versions), (cv2.IMWRITE_PNG_COMPRESSION, 9))
    print(f"{options.output}: {options.output.stat().st_size} bytes; {', '.join(versions)}")
    return 0


def frame_versions(player: RungPlayer, number: int) -> dict[str, Picture]:
    """Returns frame `number` (from 0) plain, enhanced and as in the source, by caption."""
    position, decoded, source = next(pair for index, pair in enumerate(pairs(player)) if index == number)
    plain, enhanced = player.plain(decoded), player.played(decoded, position)
    model_bytes = sum(player.model_bytes)
    return {
        f"{decoded.height}p plain: {_psnr_y(plain, source):.1f} dB": bgr_of_frame(plain),
        f"with {model_bytes / 1000:.1f} kB of model: {_psnr_y(enhanced, source):.1f} dB": bgr_of_frame(enhanced),
        f"source, {source.height}p": bgr_of_frame(source),
    }


def _psnr_y(frame: Frame, source: Frame) -> float:
    return psnr_y(squared_error(source.y, frame.y), source.y.size)


def sheet(versions: dict[str, Picture]) -> Picture:
    """Returns a column for each version, its caption on top, a row for each part. Pixels are not smoothed."""
    columns = []
    for name, picture in versions.items():
        tiles = [_strip(name, PARTS[0][2] * ZOOM)]
        for left, top, width, height in PARTS:
            part = picture[top : top + height, left : left + width]
            tiles.append(cv2.copyMakeBorder(_zoomed(part), 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=PAPER))
        columns.append(np.vstack(tiles))
    whole: Picture = np.hstack(columns)[:-GAP, :-GAP]
    return whole


def _zoomed(part: Picture) -> Picture:
    return part.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


def _strip(text: str, width: int) -> Picture:
    strip = np.full((STRIP, width + GAP, 3), PAPER, np.uint8)
    cv2.putText(strip, text, (4, STRIP - 11), cv2.FONT_HERSHEY_DUPLEX, 0.62, (235, 235, 235), 1, cv2.LINE_AA)
    return strip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.picture", description=__doc__)
    parser.add_argument(
        "--demo", type=Path, default=Path("demo-out/canal-10s"), metavar="DIR", help="(default: %(default)s)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("docs/images/enhanced.png"),
        metavar="FILE",
        help="(default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
