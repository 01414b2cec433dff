"""Which segments share a model: all of a title, or those that look alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.pairs import Pair
from trainer.settings import Scope

_BINS = 32
_DIFFERENT = 0.5
"""Share of pixels that change their histogram bin from one segment to the next at a change of scene."""


def groups_of(scope: Scope, pairs: Sequence[Pair]) -> list[list[int]]:
    """Groups of segment indices that get a full model of their own; segments without a sampled frame are in none.

    `title` and `segment` have one group (a segment's own model is an update to it); `scene` adds a group for every
    run of segments of like brightness, where there are two or more such runs.
    """
    segments = sorted({pair.segment for pair in pairs})
    if scope != "scene":
        return [segments]
    histograms = {segment: _histogram([p for p in pairs if p.segment == segment]) for segment in segments}
    runs: list[list[int]] = []
    for segment in segments:
        if runs and _difference(histograms[runs[-1][-1]], histograms[segment]) < _DIFFERENT:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return [segments] if len(runs) < 2 else [segments, *runs]


def _histogram(pairs: Sequence[Pair]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    counts, _ = np.histogram(np.stack([pair.luma[::4, ::4] for pair in pairs]), bins=_BINS, range=(0, 256))
    return np.asarray(counts / counts.sum(), np.float64)


def _difference(
    first: np.ndarray[tuple[int], np.dtype[np.float64]], second: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float:
    return float(np.abs(first - second).sum() / 2)
