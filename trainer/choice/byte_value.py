"""Value of a decibel in bytes, from the title's own plain rungs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

RATE_PER_DB = 0.20
"""Share of a segment's bytes that 1 dB of PSNR-Y is worth if no other rung can be compared.

The low end of 20-32 % measured around CRF 27, so that a published model earns its bytes.
"""
LOWEST, HIGHEST = 0.08, 0.35
"""Bounds on a value from a title's rungs: outside them the rungs are too close, or too far apart, to compare."""


@dataclass(frozen=True)
class PlainPoint:
    """A rung without models."""

    size_bytes: int
    psnr_y: float
    """dB, at the size of the title's largest picture."""


def rates_per_db(points: Mapping[str, PlainPoint]) -> dict[str, float]:
    """Returns for each rung the share of its bytes by which plain video grows for 1 dB more.

    The slope of log(bytes) over PSNR-Y between its neighbours on the title's plain curve (the rungs that none beats in
    both), within LOWEST and HIGHEST; RATE_PER_DB if it has no neighbour.
    """
    curve = _unbeaten(list(points.values()))
    return {name: _rate(point, curve) for name, point in points.items()}


def _unbeaten(points: Sequence[PlainPoint]) -> list[PlainPoint]:
    """Returns the points that are better than all with fewer bytes, by ascending bytes."""
    curve: list[PlainPoint] = []
    for point in sorted(points, key=lambda p: (p.size_bytes, -p.psnr_y)):
        if not curve or point.psnr_y > curve[-1].psnr_y:
            curve.append(point)
    return curve


def _rate(point: PlainPoint, curve: Sequence[PlainPoint]) -> float:
    below = [p for p in curve if p.size_bytes < point.size_bytes]
    above = [p for p in curve if p.size_bytes > point.size_bytes]
    low = below[-1] if below else point
    high = above[0] if above else point
    if high.size_bytes <= low.size_bytes or high.psnr_y <= low.psnr_y:
        return RATE_PER_DB
    rate = log(high.size_bytes / low.size_bytes) / (high.psnr_y - low.psnr_y)
    return min(HIGHEST, max(LOWEST, rate))
