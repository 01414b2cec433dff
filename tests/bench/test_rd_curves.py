"""Hulls and Bjontegaard's delta rate: claims that hold for every set of points, and the worked example."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.rd.curves import bd_rate, hull, monotone, pchip, rate_at, union_bd_rate
from media.hull import Point

RATES = st.floats(5e4, 2e7)
POINTS = st.lists(st.tuples(RATES, st.floats(20, 50)), min_size=2, max_size=30)

# The example that goes round with VCEG-M33: kbit/s and dB of two encoders.
EXAMPLE_A = [(85.95, 31.42), (157.11, 34.24), (309.58, 37.18), (686.76, 40.28)]
EXAMPLE_B = [(112.75, 31.24), (204.93, 34.17), (407.8, 37.21), (893.34, 40.39)]


def curve_of(points: list[Point]) -> list[Point]:
    """A hull whose points are not so near that only rounding is left between them."""
    found = hull(points)
    steps = list(pairwise(found))
    assume(len(found) >= 2 and all(b[1] - a[1] > 1e-3 and b[0] / a[0] > 1 + 1e-6 for a, b in steps))
    return found


def cubic_bd_rate(a: list[Point], b: list[Point]) -> float:
    """Computes VCEG-M33's BD rate: one cubic goes through the four points of each curve."""
    low, high = max(a[0][1], b[0][1]), min(a[-1][1], b[-1][1])

    def integral(curve: list[Point]) -> float:
        cubic = np.polyint(np.polyfit([p[1] for p in curve], [np.log10(p[0]) for p in curve], 3))
        return float(np.polyval(cubic, high) - np.polyval(cubic, low))

    return float(10 ** ((integral(b) - integral(a)) / (high - low)) - 1) * 100


@given(POINTS)
def test_a_hull_grows_bends_down_and_leaves_no_point_above(points: list[Point]) -> None:
    found = hull(points)
    assert set(found) <= set(points)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(found)]
    assert all(left >= right * (1 - 1e-9) for left, right in pairwise(slopes))
    for rate, quality in points:
        assert quality <= np.interp(rate, [p[0] for p in found], [p[1] for p in found]) + 1e-9


@given(POINTS)
def test_equal_curves_differ_by_nothing(points: list[Point]) -> None:
    curve = curve_of(points)
    result = bd_rate(curve, curve)
    assert result.percent == pytest.approx(0, abs=1e-9)
    assert result.chords_percent == pytest.approx(0, abs=1e-9)


@given(POINTS, st.floats(0.3, 3))
def test_a_factor_on_all_rates_is_the_delta_rate(points: list[Point], factor: float) -> None:
    curve = curve_of(points)
    result = bd_rate(curve, [(rate * factor, quality) for rate, quality in curve])
    assert result.percent == pytest.approx((factor - 1) * 100, abs=1e-6)
    assert result.chords_percent == pytest.approx((factor - 1) * 100, abs=1e-6)
    assert result.quality_range == (curve[0][1], curve[-1][1])


@given(POINTS, POINTS)
def test_what_may_be_chosen_beside_plain_never_costs_more(points: list[Point], added: list[Point]) -> None:
    """A theorem holds along the chords. Cubics may differ if a hull's points lie far apart."""
    plain = curve_of(points)
    result = union_bd_rate(plain, added)
    if result.chords_percent is not None:
        assert result.chords_percent <= 1e-6
    assert union_bd_rate(plain, points).percent == pytest.approx(0, abs=1e-9)


@given(POINTS)
def test_each_curve_is_the_inverse_of_the_other(points: list[Point]) -> None:
    a = curve_of(points)
    b = [(rate * 1.3, quality + 0.1) for rate, quality in a]
    there, back = bd_rate(a, b), bd_rate(b, a)
    if there.percent is not None and back.percent is not None:
        assert (1 + there.percent / 100) * (1 + back.percent / 100) == pytest.approx(1)


@given(POINTS, st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_the_cubic_goes_through_its_points_and_never_turns(points: list[Point], shares: list[float]) -> None:
    curve = curve_of(points)
    x, y = np.array([p[1] for p in curve]), np.log10([p[0] for p in curve])
    assert pchip(x, y, x) == pytest.approx(y)
    places = np.sort(x[0] + (x[-1] - x[0]) * np.array(shares))
    assert np.all(np.diff(pchip(x, y, places)) >= -1e-9)
    assert rate_at(curve, curve[0][1]) == pytest.approx(curve[0][0])


def test_the_published_example_comes_out_as_published() -> None:
    exact = cubic_bd_rate(EXAMPLE_A, EXAMPLE_B)
    assert exact == pytest.approx(31.4, abs=0.05)
    assert bd_rate(EXAMPLE_A, EXAMPLE_B).percent == pytest.approx(exact, abs=0.3)
    assert bd_rate(EXAMPLE_B, EXAMPLE_A).percent == pytest.approx(cubic_bd_rate(EXAMPLE_B, EXAMPLE_A), abs=0.3)


def test_the_cubic_of_fritsch_and_butland() -> None:
    """Slopes 1 and 4 with weights 3 and 3 have the harmonic mean 1.6 at 1; the left end's parabola, -0.5, becomes 0."""
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 5.0])
    middle = 0.5 * 0.0 + 0.125 * 0.0 + 0.5 * 1.0 - 0.125 * 1.6
    assert pchip(x, y, np.array([0.5])) == pytest.approx([middle])


def test_what_cannot_be_compared_says_why() -> None:
    assert "1 points" in str(bd_rate(EXAMPLE_A, EXAMPLE_B[:1]).reason)
    assert "no quality in common" in str(bd_rate(EXAMPLE_A, [(1.0, 10.0), (2.0, 20.0)]).reason)
    assert union_bd_rate([], EXAMPLE_A).percent is None


def test_a_ladder_keeps_its_order_but_no_rung_that_costs_more_for_less() -> None:
    assert monotone([(300, 35), (100, 30), (200, 29), (400, 35.5)]) == [(100, 30), (300, 35), (400, 35.5)]
