"""Makes the bundles that are compared, by the commands that a person would type, and reads what they cost and show."""

from __future__ import annotations

import gzip
import shutil
import time
from dataclasses import dataclass
from math import floor
from pathlib import Path

from bench.cache import code_digest, digest_of
from bench.machine import ffmpeg_version
from bench.programs import neudash
from bench.rd.ladder import ladder_rungs
from manifests.bundle import open_bundle, read_json
from manifests.names import MANIFEST, QUALITY
from media.source.probe import probe
from media.staircase import Step
from report.results import RungResult, rungs_of_json

CODE = ("manifests", "media", "packager", "trainer", "player/superres", "report/measure.py")
OURS = "ours"
PLAIN_TUNED, PLAIN_DEFAULT, FIXED, HALVES = "plain_tuned", "plain_default", "fixed", "halves"
REFERENCES = (PLAIN_TUNED, PLAIN_DEFAULT, FIXED)
"""Sides that ours is compared with: the best plain ladder of as many rungs, the same by the encoder's own settings,
and the ladder of NAS by the encoder's own settings."""


@dataclass(frozen=True)
class Request:
    """Settings of the comparison."""

    codec: str
    seconds: float | None
    """Seconds that are taken; None takes all."""
    vmaf_every: int
    steps: int | None
    """Training steps; None takes the trainer's default."""


@dataclass(frozen=True)
class Side:
    """One bundle, measured."""

    name: str
    root: Path
    rungs: tuple[Step, ...]
    """Every rung as a viewer sees it, with all bytes that are fetched for it."""
    made_s: float | None
    """Seconds that making it took; None if it was there."""


def packaging(name: str, source: Path, request: Request, count: int | None) -> list[str]:
    """Returns the options of `neudash package` (or `make`) for a side. `count` is the number of our rungs."""
    part = ["--duration", f"{request.seconds:g}"] if request.seconds else []
    common = [*(["--codec", request.codec] if request.codec != "h264" else []), *part]
    size = [floor(side) for side in probe(source).video.display_size]
    nas = ",".join(ladder_rungs(size[0], size[1]))
    equal = ["--count", str(count)] if count else []
    own = {
        OURS: [],
        PLAIN_TUNED: ["--plain", *equal],
        PLAIN_DEFAULT: ["--plain", "--tune", "film", *equal],
        FIXED: ["--rungs", nas, "--tune", "film"],
        HALVES: ["--rungs", "fixed", "--tune", "film"],
    }
    return [*own[name], *common]


def made_side(name: str, source: Path, request: Request, work: Path, count: int | None = None) -> Side:
    """Returns a side, made and measured now unless the same code has done so. Raises BenchError, BundleError."""
    options = packaging(name, source, request, count)
    steps = ["--steps", str(request.steps)] if request.steps and name == OURS else []
    key = digest_of(source, *options, *steps, request.vmaf_every, code_digest(CODE), ffmpeg_version())
    root = work / f"{source.stem}-{name}-{key}"
    made_s = None
    if not (root / QUALITY).is_file():
        begun_s = time.monotonic()
        shutil.rmtree(root, ignore_errors=True)
        neudash("package", source, "-o", root, *options)
        if name == OURS:
            neudash("train", root, "--source", source, *steps)
        neudash("report", root, "--source", source, "--every", str(request.vmaf_every))
        made_s = time.monotonic() - begun_s
    return Side(name, root, steps_of(root), made_s)


def steps_of(root: Path) -> tuple[Step, ...]:
    """Returns every rung of a measured bundle, lowest rate first.

    Its bytes are those of the manifest and the quality table, packed as they are sent, of the init segment, of all
    segments, and of the models that playing from the start fetches.
    """
    bundle = open_bundle(root)
    content = read_json(root, QUALITY)
    target = content["target"]
    results = rungs_of_json(content, target["width"], target["height"])
    sets = bundle.presentation.adaptation_sets
    table_bytes = sum(s.quality.size_bytes for s in sets if s.quality is not None)
    fixed_bytes = len(gzip.compress((root / MANIFEST).read_bytes())) + table_bytes
    steps = [_step(results[r.id], fixed_bytes, float(r.duration_s)) for r in bundle.presentation.video]
    return tuple(sorted(steps, key=lambda step: step.rate_bps))


def _step(result: RungResult, fixed_bytes: int, duration_s: float) -> Step:
    played = result.played_scores
    assert played.vmaf_neg is not None, "libvmaf is there, or the ladder would not have been measured"
    size_bytes = fixed_bytes + result.video_bytes + result.model_bytes
    return Step(result.id, 8 * size_bytes / duration_s, {"psnr_y": played.psnr_y, "vmaf_neg": played.vmaf_neg})
