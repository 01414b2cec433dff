"""Segments by MP4Box (GPAC). Its manifest is thrown away: each defect found was in that, none in a segment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from media.programs import run

DEADLINE_S = 1800.0
_TICKS_PER_S = 4_800_000
"""What it is given times in: milliseconds, its own unit, are too coarse for frames of AAC."""

_MANIFEST = "mp4box.mpd"


@dataclass(frozen=True)
class Mp4boxSegmenter:
    """See `packager.segmenter.Segmenter`."""

    program: Path
    name: str = "mp4box"

    def segment_video(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        # Half a frame short of a segment: the cut then falls on the key frame whatever its rounding does.
        self._segment(track, folder, segment_s - frame_s / 2)

    def segment_audio(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        # It cuts where a frame reaches the given time: a little more lets that frame in, for 50,000 segments.
        self._segment(track, folder, segment_s + frame_s / 100_000)

    def _segment(self, track: Path, folder: Path, segment_s: Fraction) -> None:
        # MP4Box gives `:` and `#` in a path a meaning of its own: it is shown relative ones, all of our making.
        inside = Path(os.path.relpath(folder, track.parent))
        arguments = segment_arguments(Path(track.name), inside, segment_s)
        run([str(self.program), *arguments], deadline_s=DEADLINE_S, cwd=track.parent)
        (folder / _MANIFEST).unlink()


def segment_arguments(track: Path, folder: Path, segment_s: Fraction) -> list[str]:
    """What follows the program's name."""
    ticks = str(ceil(segment_s * _TICKS_PER_S))
    return [
        "-quiet",
        *("-dash", ticks),
        *("-frag", ticks),  # one fragment in each segment
        *("-dash-scale", str(_TICKS_PER_S)),
        "-rap",  # cut at key frames alone
        *("-profile", "live"),
        *("-bs-switching", "no"),  # each rung keeps its own init segment
        "-url-template",
        "-segment-timeline",
        *("-segment-name", "$Number%05d$$Init=init$"),
        *("-out", str(folder / _MANIFEST)),
        str(track),
    ]
