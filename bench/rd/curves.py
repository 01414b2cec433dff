"""Computes convex hulls of points of rate and quality, and Bjontegaard delta rates between curves. Pure.

Follows G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, with the piecewise
cubic (PCHIP; Fritsch and Butland, 1984) that the JCT-VC uses instead of his single cubic, because hulls have many
points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.hull import Point, upper_hull

Array = NDArray[np.float64]

MIN_POINTS = 2
"""Smallest number of points of a curve."""
SAMPLES = 4001
"""Number of samples of the quality range in the integral; its error is below a millionth of a per cent."""


@dataclass(frozen=True)
class BdRate:
    """Mean difference in rate at equal quality; negative if the other curve needs fewer bits."""

    percent: float | None
    """Result of PCHIP on the logarithm of the rate; None if the curves cannot be compared."""
    chords_percent: float | None = None
    """Result along the hulls' straight lines in linear rate, which mixtures of rungs over time reach: a check of
    `percent` that no interpolation can distort."""
    quality_range: tuple[float, float] | None = None
    """Range of quality that both curves reach, over which the mean is taken."""
    reason: str | None = None
    """Reason why there is no result."""


def hull(points: Sequence[Point]) -> list[Point]:
    """Returns the upper convex hull of (rate, quality) in linear rate; both grow strictly."""
    return upper_hull(points)


def bd_rate(reference: Sequence[Point], other: Sequence[Point]) -> BdRate:
    """Returns the delta rate of `other` against `reference`: (rate, quality), both growing strictly, rates above 0."""
    for name, curve in (("reference", reference), ("other", other)):
        if len(curve) < MIN_POINTS:
            return BdRate(None, reason=f"the {name} curve has {len(curve)} points, not {MIN_POINTS} or more")
    # Only the range of quality that both curves reach can be compared.
    low = max(reference[0][1], other[0][1])
    high = min(reference[-1][1], other[-1][1])
    if low >= high:
        return BdRate(None, reason="the curves have no quality in common")
    at = np.linspace(low, high, SAMPLES)
    return BdRate(
        _percent(at, _log_rates(reference, at), _log_rates(other, at)),
        _percent(at, _chord_log_rates(reference, at), _chord_log_rates(other, at)),
        (low, high),
    )


def union_bd_rate(plain: Sequence[Point], added: Sequence[Point]) -> BdRate:
    """Returns the delta rate of the hull of `plain` and `added` points against the hull of `plain`."""
    return bd_rate(hull(plain), hull([*plain, *added]))


def monotone(points: Sequence[Point]) -> list[Point]:
    """Returns the points by rate, without those that cost more and are not better: a ladder, not a hull."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept


def rate_at(curve: Sequence[Point], quality: float) -> float | None:
    """Returns the rate that the curve needs for a quality, by PCHIP; None outside of its range."""
    if len(curve) < MIN_POINTS or not curve[0][1] <= quality <= curve[-1][1]:
        return None
    return float(10 ** _log_rates(curve, np.array([quality]))[0])


def _percent(at: Array, reference: Array, other: Array) -> float:
    difference = float(_mean(other - reference, at))
    return (float(10**difference) - 1) * 100


def _mean(values: Array, at: Array) -> float:
    widths = np.diff(at)
    return float(((values[1:] + values[:-1]) / 2 * widths).sum() / (at[-1] - at[0]))


def _chord_log_rates(curve: Sequence[Point], at: Array) -> Array:
    rates: Array = np.interp(at, [p[1] for p in curve], [p[0] for p in curve])
    return np.log10(rates)


def _log_rates(curve: Sequence[Point], at: Array) -> Array:
    return pchip(np.array([p[1] for p in curve]), np.log10([p[0] for p in curve]), at)


def pchip(x: Array, y: Array, at: Array) -> Array:
    """Returns the monotone piecewise cubic through two points (x, y) or more, at places in x. `x` grows strictly."""
    widths, slopes = np.diff(x), np.diff(y) / np.diff(x)
    tangents = _tangents(widths, slopes)
    piece = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    width = widths[piece]
    t = (at - x[piece]) / width
    # The four cubic Hermite polynomials, one for each end's value and slope.
    value: Array = (
        (1 + 2 * t) * (1 - t) ** 2 * y[piece]
        + t * (1 - t) ** 2 * width * tangents[piece]
        + t**2 * (3 - 2 * t) * y[piece + 1]
        + t**2 * (t - 1) * width * tangents[piece + 1]
    )
    return value


def _tangents(widths: Array, slopes: Array) -> Array:
    """Returns the slopes at the points: a weighted harmonic mean of both sides, 0 at a turn, one-sided at the ends."""
    if len(slopes) == 1:
        return np.repeat(slopes, 2)
    left, right = slopes[:-1], slopes[1:]
    rising = left * right > 0
    heavy_left, heavy_right = 2 * widths[1:] + widths[:-1], widths[1:] + 2 * widths[:-1]
    # 1 replaces slopes whose mean is not used, so that nothing is divided by 0.
    left, right = np.where(rising, left, 1.0), np.where(rising, right, 1.0)
    inner = (heavy_left + heavy_right) / (heavy_left / left + heavy_right / right)
    first = _end_tangent(widths[0], widths[1], slopes[0], slopes[1])
    last = _end_tangent(widths[-1], widths[-2], slopes[-1], slopes[-2])
    return np.concatenate([[first], np.where(rising, inner, 0.0), [last]])


def _end_tangent(near: float, far: float, near_slope: float, far_slope: float) -> float:
    """Returns the end slope of a parabola through three points, limited so that the piece stays monotone."""
    tangent = ((2 * near + far) * near_slope - near * far_slope) / (near + far)
    if tangent * near_slope <= 0:
        return 0.0
    if near_slope * far_slope <= 0 and abs(tangent) > 3 * abs(near_slope):
        return 3 * near_slope
    return tangent
