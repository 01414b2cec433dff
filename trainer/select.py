"""Which model, if any, for which segment: pure arithmetic of bytes and decibels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.judge import SegmentScore

RATE_PER_DB = 0.20
"""Share of a segment's bytes that 1 dB of PSNR-Y is worth: the low end of 20-32 % measured around CRF 27
(research/quality-prototype.md section 2). The low end, so that a model that is sent has earned its bytes."""


@dataclass(frozen=True)
class Candidate:
    """A coded model that could be published."""

    size_bytes: int
    base: int | None = None
    """Index of the candidate that it updates."""


def choose(
    scores: Sequence[SegmentScore], media_bytes: Sequence[int], candidates: Sequence[Candidate]
) -> list[int | None]:
    """For each segment the index of its candidate, or None for plain upscaling.

    A candidate is published where the bytes that plain video would need for the same gains exceed its own, those of
    its base included. Candidates are taken greedily, the one that brings most first.
    """
    value = [
        [RATE_PER_DB * max(score.gain_db(index), 0.0) * size for index in range(len(candidates))]
        for score, size in zip(scores, media_bytes, strict=True)
    ]
    published: set[int] = set()
    while True:
        best = max(
            (index for index in range(len(candidates)) if index not in published),
            key=lambda index: _net_bytes(value, candidates, published, index),
            default=None,
        )
        if best is None or _net_bytes(value, candidates, published, best) <= 0:
            break
        published |= _with_bases(candidates, best)
    return [_best_of(row, published) for row in value]


def _net_bytes(
    value: Sequence[Sequence[float]], candidates: Sequence[Candidate], published: set[int], index: int
) -> float:
    """Bytes saved by publishing one more candidate, less the bytes it costs."""
    added = _with_bases(candidates, index) - published
    before = sum(max((row[i] for i in published), default=0.0) for row in value)
    after = sum(max(row[i] for i in published | added) for row in value)
    return after - before - sum(candidates[i].size_bytes for i in added)


def _with_bases(candidates: Sequence[Candidate], index: int) -> set[int]:
    chain = {index}
    base = candidates[index].base
    while base is not None:
        chain.add(base)
        base = candidates[base].base
    return chain


def _best_of(row: Sequence[float], published: set[int]) -> int | None:
    # Of equals the first: a full model before an update that adds nothing to it.
    best = max(sorted(published), key=lambda index: row[index], default=None)
    return best if best is not None and row[best] > 0 else None
