"""Ladders compared as staircases: exact sums, no interpolation."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.staircase import Step, picture_at, psnr_at_neg, rate_needed, saving_percent, savings

LADDER = [(100e3, 40.0), (300e3, 60.0), (900e3, 80.0), (2.7e6, 95.0)]


def ladder(points: list[tuple[float, float]]) -> list[Step]:
    return [
        Step(f"v{number}", rate, {"vmaf_neg": neg, "psnr_y": 20 + neg / 5}) for number, (rate, neg) in enumerate(points)
    ]


ladders = st.lists(st.tuples(st.floats(1e4, 1e7), st.floats(1, 100)), min_size=1, max_size=8).map(ladder)


def test_the_same_ladder_saves_nothing() -> None:
    assert saving_percent(ladder(LADDER), ladder(LADDER), "vmaf_neg") == 0


def test_half_the_rate_at_every_quality_is_half() -> None:
    half = ladder([(rate / 2, neg) for rate, neg in LADDER])
    assert saving_percent(half, ladder(LADDER), "vmaf_neg") == pytest.approx(-50)
    assert saving_percent(half, ladder(LADDER), "psnr_y") == pytest.approx(-50)
    assert saving_percent(half, ladder(LADDER), "vmaf_neg", 70.0) == pytest.approx(-50)


def test_a_better_rung_saves_where_it_replaces_the_next() -> None:
    """A viewer gets by with the second rung between 60 and 64; the third takes three times as much."""
    better = [(rate, 64.0 if neg == 60 else neg) for rate, neg in LADDER]
    expected = 100 * (3 ** (-4 / 55) - 1)
    assert saving_percent(ladder(better), ladder(LADDER), "vmaf_neg") == pytest.approx(expected)


def test_ladders_without_a_quality_in_common_are_not_compared() -> None:
    assert saving_percent(ladder([(1e5, 30.0)]), ladder([(2e5, 30.0), (3e5, 40.0)]), "vmaf_neg") is None


@given(ladders, ladders)
def test_savings_one_way_are_costs_the_other_way(ours: list[Step], reference: list[Step]) -> None:
    there, back = (saving_percent(*pair, "vmaf_neg") for pair in ((ours, reference), (reference, ours)))
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert log(1 + there / 100) == pytest.approx(-log(1 + back / 100), abs=1e-9)


@given(ladders, st.floats(0, 100))
def test_the_rate_needed_grows_with_the_quality(steps: list[Step], quality: float) -> None:
    needed, more = (rate_needed(steps, "vmaf_neg", q) for q in (quality, quality + 5))
    assert needed is not None or more is None
    if needed is not None and more is not None:
        assert more >= needed


def test_a_line_carries_the_best_rung_below_its_speed() -> None:
    steps = ladder(LADDER)
    assert picture_at(steps, 1e6) == steps[2]
    assert picture_at(steps, 99e3) is None


def test_savings_have_every_measure_whole_and_under_85() -> None:
    found = savings(ladder(LADDER), ladder(LADDER))
    assert found == dict.fromkeys(("vmaf_neg", "psnr_y", "vmaf_neg_under_85", "psnr_y_under_85"), 0)
    assert psnr_at_neg(ladder(LADDER), 85) == pytest.approx(37)
