"""Choice of the model of each segment, and of the networks to publish: arithmetic of bytes and decibels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from manifests.mpd.models import MAX_MODELS
from trainer.choice.judge import SegmentScore

Array = NDArray[np.float64]

_SMALLER = 0.6
"""A network that is offered to slow players takes at most this share of the operations of the one before it."""


@dataclass(frozen=True)
class Candidate:
    """A coded model that could be published."""

    size_bytes: int
    base: int | None = None
    """Index of the candidate that it updates."""


def choose(
    scores: Sequence[SegmentScore], media_bytes: Sequence[int], candidates: Sequence[Candidate], rate_per_db: float
) -> list[int | None]:
    """Returns the index of each segment's candidate, or None for plain.

    A candidate is published if the bytes that plain video would need for the same gains exceed its own, including those
    of its base. Candidates are taken greedily, the one that saves most first. `rate_per_db`: share of the bytes that 1
    dB is worth.
    """
    gains = np.array([[max(score.gain_db(index), 0.0) for index in range(len(candidates))] for score in scores])
    value = rate_per_db * gains.reshape(len(scores), -1) * np.asarray(media_bytes, float)[:, None]
    published: set[int] = set()
    saved = np.zeros(len(scores))
    """Bytes of each segment, by the best of what is published."""
    while True:
        net = [
            -inf if index in published else _net_bytes(value, saved, candidates, published, index)
            for index in range(len(candidates))
        ]
        best = max(range(len(candidates)), key=net.__getitem__, default=None)
        if best is None or net[best] <= 0:
            break
        published |= _with_bases(candidates, best)
        saved = np.maximum(saved, value[:, sorted(published)].max(axis=1))
    return [_best_of(row, published) for row in value]


def worth_bytes(
    scores: Sequence[SegmentScore], media_bytes: Sequence[int], uses: Sequence[int | None], rate_per_db: float
) -> float:
    """Bytes that plain video would need more for the gains of `uses` (as `choose` returns them)."""
    parts = zip(scores, media_bytes, uses, strict=True)
    return sum(rate_per_db * score.gain_db(use) * size for score, size, use in parts if use is not None)


def side_by_side(saved_bytes: Sequence[float], macs: Sequence[int]) -> list[int]:
    """Indices of the networks to publish, best first: the one that saves most bytes, then for slow players smaller
    ones that save any. `macs`: multiply-adds a frame.
    """
    order = sorted(range(len(macs)), key=lambda index: (-saved_bytes[index], macs[index]))
    taken: list[int] = []
    for index in order:
        if saved_bytes[index] > 0 and (not taken or macs[index] <= _SMALLER * macs[taken[-1]]):
            taken.append(index)
    return taken


def _net_bytes(value: Array, saved: Array, candidates: Sequence[Candidate], published: set[int], index: int) -> float:
    """Returns bytes saved by publishing one more candidate, minus its own; a manifest has room for `MAX_MODELS`."""
    added = _with_bases(candidates, index) - published
    if len(published) + len(added) > MAX_MODELS:
        return -inf
    more = np.maximum(value[:, sorted(added)].max(axis=1) - saved, 0.0)
    return float(more.sum()) - sum(candidates[i].size_bytes for i in added)


def _with_bases(candidates: Sequence[Candidate], index: int) -> set[int]:
    chain = {index}
    base = candidates[index].base
    while base is not None:
        chain.add(base)
        base = candidates[base].base
    return chain


def _best_of(row: Array, published: set[int]) -> int | None:
    # Of equals the first: a full model before an update that adds nothing to it.
    best = max(sorted(published), key=lambda index: row[index], default=None)
    return best if best is not None and row[best] > 0 else None
