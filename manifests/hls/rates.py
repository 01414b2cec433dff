"""Bit rates as HLS defines them (RFC 8216, 4.1): the peak and the mean of a playlist, measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from manifests.model import Representation

MAX_SET = 64
"""Segments of a set that the peak is sought in; segments of one title do not differ in duration by more."""


@dataclass(frozen=True)
class Rates:
    """The load of a playlist on a network, in whole bits per second, rounded up."""

    peak_bps: int
    mean_bps: int

    def __add__(self, other: Rates) -> Rates:
        return Rates(self.peak_bps + other.peak_bps, self.mean_bps + other.mean_bps)


NOTHING = Rates(0, 0)


def most(rates: Sequence[Rates]) -> Rates:
    """Returns the largest peak and the largest mean of `rates`; 0 if it is empty."""
    return Rates(max((r.peak_bps for r in rates), default=0), max((r.mean_bps for r in rates), default=0))


def measured_rates(r: Representation, sizes_bytes: Sequence[int], target_s: int) -> Rates:
    """Returns the bit rates of the segments of `r`, whose sizes are given in order.

    The peak is the largest rate of any contiguous set of segments that lasts 0.5 to 1.5 target durations, or the mean
    if there is no such set.
    """
    ticks = [segment.duration_ticks for segment in r.segments]
    mean = Fraction(8 * sum(sizes_bytes) * r.timescale, sum(ticks))
    peak = _peak_bytes_per_tick(sizes_bytes, ticks, target_s * r.timescale)
    peak_bps = math.ceil(mean if peak is None else peak * 8 * r.timescale)
    return Rates(max(1, peak_bps), max(1, math.ceil(mean)))


def _peak_bytes_per_tick(sizes_bytes: Sequence[int], ticks: Sequence[int], target_ticks: int) -> Fraction | None:
    best: tuple[int, int] | None = None  # bytes and ticks, compared without fractions: there are many sets
    for first in range(len(ticks)):
        size = duration = 0
        for index in range(first, min(len(ticks), first + MAX_SET)):
            size, duration = size + sizes_bytes[index], duration + ticks[index]
            if 2 * duration > 3 * target_ticks:
                break
            if 2 * duration >= target_ticks and (best is None or size * best[1] > best[0] * duration):
                best = size, duration
    return None if best is None else Fraction(*best)
