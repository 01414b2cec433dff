"""Scenes: segments that share a model, because they look alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.data.samples import Sample

_BINS = 32
_DIFFERENT = 0.5
"""Share of pixels that change their histogram bin from one segment to the next at a change of scene."""


def scenes_of(shots: Sequence[Sample]) -> list[list[int]]:
    """Runs of segment indices of like brightness, in order; segments without a kept frame are in none."""
    by_segment: dict[int, list[Sample]] = {}
    for shot in shots:
        by_segment.setdefault(shot.segment, []).append(shot)
    histograms = {segment: _histogram(kept) for segment, kept in by_segment.items()}
    runs: list[list[int]] = []
    for segment in sorted(by_segment):
        if runs and _difference(histograms[runs[-1][-1]], histograms[segment]) < _DIFFERENT:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def _histogram(shots: Sequence[Sample]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    counts, _ = np.histogram(np.stack([shot.luma[::4, ::4] for shot in shots]), bins=_BINS, range=(0, 256))
    return np.asarray(counts / counts.sum(), np.float64)


def _difference(
    first: np.ndarray[tuple[int], np.dtype[np.float64]], second: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float:
    return float(np.abs(first - second).sum() / 2)
