"""Measures what one tiny model per title gains over resizing and pretrained networks (`python -m bench.first`).

Three real clips at half size (x264, CRF 27, segments of 4 s) get one C16D2 model each. The real programs package,
train, serve and play them to lossless files, of which every frame is scored.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.cache import Cache, code_digest, digest_of
from bench.first.speed import Plane, Upscale, interleaved_ms
from bench.first.table import goals_of, text_of
from bench.judging import (
    JUDGING_CODE,
    RESIZED,
    Enlarge,
    decoded_frames,
    enlargement,
    frame_scores,
    lossless_frames,
    scores_by_segment,
)
from bench.machine import machine
from bench.programs import ROOT, BenchError, neudash, served
from console.outputs import write_output
from manifests.bundle import Bundle, open_bundle
from manifests.errors import BundleError
from manifests.model import VideoRepresentation
from manifests.networks import Size
from manifests.provenance import read_provenance
from manifests.weights import decode_model
from media.errors import MediaError
from media.frames import Frame, decode_segment, resize_frame
from media.quality import pooled
from media.resize import base_upsample
from media.source.probe import probe
from media.source.reference import reference_frames
from media.source.treatment import SourceTreatment
from player.superres.engines import EngineUnavailableError, Upscaler, open_engine
from player.superres.engines.opencv_dnn import PretrainedGraph

SHARED = ROOT.parent / "shared"
CLIPS = {"sport-juggle-720p24": None, "animation-1080p30": None, "title-makeup-720p25": 24.0}
"""Clips, with the seconds that are taken of them; None takes all."""
CRF, SEGMENT_S, PRESET, NETWORK = 27, 4, "medium", "c16d2"
PRETRAINED = ("FSRCNN", "ESPCN")
SPEED_FRAMES, SPEED_ROUNDS = 4, 5
DEFAULT_STEPS = 2000

# Code on which each result depends, besides its inputs.
RESIZED_CODE = (*JUDGING_CODE, "media/frames.py")
PRETRAINED_CODE = (*RESIZED_CODE, "player/superres/engines/opencv_dnn.py", "player/superres/frames.py")
BUNDLE_CODE = ("manifests", "media", "packager", "trainer", "player/superres")
PLAYER_CODE = (*JUDGING_CODE, "manifests", "media", "player")


@dataclass(frozen=True)
class Settings:
    """Settings for all clips."""

    seconds: float | None
    """Seconds to take of every clip; None takes each clip's own length."""
    steps: int
    scope: str
    vmaf_every: int


@dataclass(frozen=True)
class Case:
    """One clip with its trained bundle."""

    clip: str
    source: Path
    bundle: Bundle
    rung: VideoRepresentation
    work: Path
    settings: Settings
    cache: Cache

    @property
    def size(self) -> Size:
        """(width, height) at which pictures are scored: twice the rung's."""
        return self.rung.size.times(2)

    def media(self) -> list[Path]:
        """Returns the paths of the rung's init segment and segments."""
        return [self.bundle.path(href) for href in self.rung.hrefs]

    def models(self) -> list[Path]:
        return [self.bundle.path(m.href) for track in self.rung.model_tracks for m in track.models]


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    # A run that only shows that everything works.
    if options.quick:
        options.clips, options.seconds, options.steps, options.every = ["sport-juggle-720p24"], 2.0, 200, 4
    settings = Settings(options.seconds, options.steps, options.scope, options.every)
    cache = Cache(options.work / "results", fresh=options.fresh)
    try:
        clips = [bench_clip(clip, settings, options.work, cache, fresh=options.fresh) for clip in options.clips]
    except (BenchError, BundleError, MediaError, EngineUnavailableError, OSError) as error:
        print(f"bench.first: {error}", file=sys.stderr)
        return 1
    result = {
        "bench": "first",
        "command": ["python", "-m", "bench.first", *argv],
        "settings": {**asdict(settings), "crf": CRF, "segment_s": SEGMENT_S, "preset": PRESET, "network": NETWORK},
        "machine": machine(),
        "clips": clips,
    }
    print(text_of(clips))
    if options.json:
        write_output(options.json, (json.dumps(result, indent=1) + "\n").encode())
    return 0


def bench_clip(clip: str, settings: Settings, work: Path, cache: Cache, *, fresh: bool) -> dict[str, Any]:
    """Returns all figures of one clip."""
    case, timings = prepared(clip, settings, work, cache, fresh=fresh)
    rows = [row for rows in (_resized_rows(case), _player_rows(case), _pretrained_rows(case)) for row in rows]
    for name, ms in _speeds(case).items():
        next(row for row in rows if row["method"] == name)["ms_per_frame"] = ms
    width, height = case.size
    result = {
        "clip": clip,
        "source_sha256": digest_of(case.source),
        "width": width,
        "height": height,
        "seconds": float(case.rung.duration_s),
        "segments": len(case.rung.segments),
        **timings,
        "rows": rows,
    }
    # The goals are for whole clips and full training.
    whole = settings.seconds is None and settings.steps >= DEFAULT_STEPS
    return {**result, "goals": goals_of(result) if whole else []}


def prepared(clip: str, settings: Settings, work: Path, cache: Cache, *, fresh: bool) -> tuple[Case, dict[str, Any]]:
    """Packages and trains the clip, unless an earlier run did; returns the case and the seconds that both took."""
    source = SHARED / "clips" / f"{clip}.mp4"
    if not source.is_file():
        raise BenchError(f"{source} is missing: this bench needs the shared clips")
    seconds = settings.seconds or CLIPS[clip]
    # The key covers all that decides the bundle, so a change makes a new one.
    key = digest_of(source, seconds, settings.steps, settings.scope, code_digest(BUNDLE_CODE))
    root = work / f"{clip}-{key}" / clip

    def make() -> dict[str, Any]:
        height = probe(source).video.height // 2
        cut = ["--duration", str(seconds)] if seconds else []
        rate = ["--rungs", f"{height}@crf{CRF}", "--preset", PRESET, "--segment-seconds", str(SEGMENT_S)]
        package_s = neudash("package", source, "--out", root, "--force", *rate, *cut)
        train = ["--net", NETWORK, "--scope", settings.scope, "--steps", str(settings.steps)]
        train_s = neudash("train", root, "--source", source, *train, *(["--force"] if fresh else []))
        return {"package_s": package_s, "train_s": train_s}

    # The timings are kept, but the bundle may have been deleted since.
    timings = cache.result(f"{clip}-bundle", key, make)
    if not root.exists():
        timings = make()
    bundle = open_bundle(root)
    return Case(clip, source, bundle, bundle.presentation.video[0], root.parent, settings, cache), timings


def _resized_rows(case: Case) -> Iterator[dict[str, Any]]:
    """Yields a row for each of OpenCV's resizings; their bytes are only those of the video."""
    video_bytes = sum(path.stat().st_size for path in case.media())
    for name in RESIZED:
        enlarge = enlargement(name, case.size)
        judge = partial(_judged, case, decoded_frames(case.media()), enlarge)
        quality = case.cache.result(f"{case.clip}-{name}", _key(case, RESIZED_CODE, []), judge)
        yield {"method": name, "video_bytes": video_bytes, "model_bytes": 0, "total_bytes": None, **quality}


def _player_rows(case: Case) -> Iterator[dict[str, Any]]:
    """Yields the rows of plain playback and of ours."""
    yield _played(case, "plain", PLAYER_CODE, [], "--no-enhance")
    yield _played(case, "ours", PLAYER_CODE, case.models())


def _pretrained_rows(case: Case) -> Iterator[dict[str, Any]]:
    for name in PRETRAINED:
        graph = SHARED / "pretrained" / f"{name}_x2.pb"
        yield _played(case, name, PRETRAINED_CODE, [graph], "--model", graph)


def _played(case: Case, name: str, code: tuple[str, ...], inputs: list[Path], *arguments: str | Path) -> dict[str, Any]:
    """Plays one session over HTTP into a lossless file; returns its row with bytes and scores."""

    def play() -> dict[str, Any]:
        video, stats = case.work / f"{name}.mkv", case.work / f"{name}.json"
        with served(case.bundle.root) as address:
            play_s = neudash("play", address, "--out", video, "--stats", stats, *arguments)
        told = json.loads(stats.read_bytes())
        # Without a model, the player leaves frames at the rung's size.
        result = _judged(case, lossless_frames(video), lambda frame: resize_frame(frame, *case.size)) | {
            "video_bytes": sum(segment["video_bytes"] for segment in told["segments"]),
            "model_bytes": sum(segment["model_bytes"] for segment in told["segments"]),
            "total_bytes": told["total_bytes"],
            "enhanced_frames": told["enhanced_frames"],
            "play_s": play_s,
        }
        # Lossless files are large.
        video.unlink()
        return result

    return {"method": name, **case.cache.result(f"{case.clip}-{name}", _key(case, code, inputs), play)}


def _judged(case: Case, frames: Iterator[Frame], enlarge: Enlarge) -> dict[str, Any]:
    """Returns the quality over all frames, and PSNR-Y of each segment."""
    treatment = SourceTreatment.from_json(read_provenance(case.bundle.root).treatment)
    references, every = reference_frames(case.source, treatment, *case.size), case.settings.vmaf_every
    (scores,) = frame_scores(references, frames, {"": enlarge}, case.size, vmaf_every=every).values()
    per_segment = [pooled(of_segment).psnr_y for of_segment in scores_by_segment(scores, case.rung)]
    return {**asdict(pooled(scores)), "segments_psnr_y": per_segment}


def _key(case: Case, code: tuple[str, ...], inputs: list[Path]) -> str:
    return digest_of(case.source, *case.media(), *inputs, case.settings.vmaf_every, code_digest(code))


def _speeds(case: Case) -> dict[str, float]:
    """Returns the median ms per luma plane: plain, by our network on the CPU engine, by the pretrained ones."""
    ways: dict[str, Upscale] = {"plain": partial(base_upsample, scale=2)}
    if models := case.models():
        weights = decode_model(models[0].read_bytes())
        width, height = case.rung.video.width, case.rung.video.height
        ways["ours"] = _on_planes(open_engine("openvino").upscaler(weights, width, height))
    for name in PRETRAINED:
        ways[name] = _on_planes(PretrainedGraph(SHARED / "pretrained" / f"{name}_x2.pb"))
    return interleaved_ms(ways, list(_some_luma(case)), SPEED_ROUNDS)


def _on_planes(upscaler: Upscaler) -> Upscale:
    return lambda luma: upscaler.upscale([luma])


def _some_luma(case: Case) -> Iterator[Plane]:
    """Yields luma planes spread over the first segment."""
    init, media = case.media()[:2]
    frames = list(decode_segment(init.read_bytes(), media.read_bytes()))
    for index in range(SPEED_FRAMES):
        yield frames[index * len(frames) // SPEED_FRAMES].y


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.first",
        description=__doc__,
        epilog="example: python -m bench.first --clips sport-juggle-720p24 --json bench-out/first.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clips", nargs="+", choices=CLIPS, default=list(CLIPS), metavar="CLIP", help=", ".join(CLIPS))
    parser.add_argument("--seconds", type=float, help="take only this many seconds of every clip")
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS, help=f"training steps (default: {DEFAULT_STEPS})")
    parser.add_argument(
        "--scope", choices=("title", "scene", "segment"), default="title", help="scope of the models (default: title)"
    )
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="compute VMAF of every Nth frame (default: 1)"
    )
    parser.add_argument("--quick", action="store_true", help="only 2 s of one clip and 200 steps, to see that it runs")
    parser.add_argument("--fresh", action="store_true", help="measure again even if results are kept")
    parser.add_argument("--work", type=Path, default=ROOT / "bench-out" / "first", help="folder of bundles and results")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
