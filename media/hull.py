"""Cost of plain video at a given quality: the upper hull of a ladder's points, in linear rate. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]
"""(bytes, quality)."""


def upper_hull(points: Sequence[Point]) -> list[Point]:
    """The points that no mixture of two others beats, by growing size.

    In linear rate: two rungs can be mixed in time, and the mixture lies on the straight line between them.
    """
    hull: list[Point] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _below(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _below(left: Point, middle: Point, right: Point) -> bool:
    """Returns True if `middle` is not above the line from `left` to `right`."""
    run, rise = right[0] - left[0], right[1] - left[1]
    return (middle[1] - left[1]) * run <= rise * (middle[0] - left[0])


def bytes_at(points: Sequence[Point], quality: float) -> float | None:
    """Bytes the hull needs for that quality; None outside of what its points reach."""
    hull = upper_hull(points)
    for (left_bytes, left_quality), (right_bytes, right_quality) in pairwise(hull):
        if left_quality <= quality <= right_quality:
            share = (quality - left_quality) / (right_quality - left_quality)
            return left_bytes + share * (right_bytes - left_bytes)
    return None
