"""Makes the bundle that the bench plays by default: six rungs of a real clip, with models and a quality table."""

from __future__ import annotations

from pathlib import Path

from bench.programs import ROOT, BenchError, neudash
from manifests.bundle import open_bundle
from manifests.errors import BundleError

CLIP = ROOT.parent / "shared" / "clips" / "title-makeup-720p25.mp4"
RUNGS = "234@crf31,360@crf31,360@crf27,468@crf27,720@crf27,720@crf23"
"""Rungs from 0.2 to 2.7 Mbit/s, as in ladders of the literature."""
SECONDS = 28
"""Seconds of the clip that are used; with STEPS, they determine how long making the bundle takes."""
STEPS = 600
VMAF_EVERY = 8


def made_bundle(work: Path, clip: Path = CLIP) -> Path:
    """Returns the bundle in `work`, after making or completing it if necessary. Raises BenchError."""
    bundle = work / clip.stem
    if not clip.is_file():
        raise BenchError(f"{clip} is not a file; name a bundle with a quality table instead")
    # Each step is skipped if an earlier run has done it.
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
