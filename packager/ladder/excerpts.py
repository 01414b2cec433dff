"""Choice of the excerpts that stand for a title when its ladder is planned. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

PART_OF_TITLE = 0.1
MIN_S, MAX_S = 8.0, 60.0
"""Total length of all excerpts: a tenth of the title within these bounds."""


def choose_excerpts(segment_bytes: Sequence[float], segment_s: float) -> tuple[int, ...]:
    """Returns the indices of the segments to encode as a trial, ascending.

    `segment_bytes` are the bytes that the source spends on each whole segment, a measure of its complexity. Segments
    are ranked by it and cut into strata of equal size; the middle of each is taken, so that the mean over the excerpts
    is that of the title. A title of one segment gives that one.
    """
    total_s = min(MAX_S, max(MIN_S, PART_OF_TITLE * len(segment_bytes) * segment_s))
    most = max(1, int(MAX_S / segment_s))
    count = min(len(segment_bytes), most, max(1, ceil(total_s / segment_s)))
    ranked = sorted(range(len(segment_bytes)), key=lambda index: (segment_bytes[index], index))
    middles = [(2 * stratum + 1) * len(ranked) // (2 * count) for stratum in range(count)]
    return tuple(sorted(ranked[middle] for middle in middles))
