"""The bundle that the bench plays, where none is given: six rungs of a real clip with models, made by the programs."""

from __future__ import annotations

from pathlib import Path

from bench.programs import ROOT, BenchError, neudash
from manifests.bundle import open_bundle
from manifests.errors import BundleError

CLIP = ROOT.parent / "shared" / "clips" / "title-makeup-720p25.mp4"
RUNGS = "234@crf31,360@crf31,360@crf27,468@crf27,720@crf27,720@crf23"
"""From 0.2 to 2.7 Mbit/s, as ladders in the literature have it."""
SECONDS = 28
"""Of the clip: what bounds the time it takes, with STEPS."""
STEPS = 600
VMAF_EVERY = 8


def made_bundle(work: Path, clip: Path = CLIP) -> Path:
    """The bundle in `work`, made or finished where it is not whole. Raises BenchError."""
    bundle = work / clip.stem
    if not clip.is_file():
        raise BenchError(f"{clip} is no file; name a bundle with a quality table instead")
    if not _packaged(bundle):
        neudash("package", clip, "-o", bundle, "--rungs", RUNGS, "--duration", str(SECONDS))
    if not any(r.model_tracks for r in open_bundle(bundle).presentation.video):
        neudash("train", bundle, "--source", clip, "--net", "auto", "--scope", "title", "--steps", str(STEPS))
    if not any(s.quality for s in open_bundle(bundle).presentation.adaptation_sets):
        report = ("-o", work / f"{clip.stem}.html", "--every", str(VMAF_EVERY))
        neudash("report", bundle, "--source", clip, *report)
    return bundle


def _packaged(bundle: Path) -> bool:
    try:
        open_bundle(bundle)
    except BundleError:
        return False
    return True
