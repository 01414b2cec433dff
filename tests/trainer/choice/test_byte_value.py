"""The value of a decibel, read from the plain rungs of a title."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.choice.byte_value import HIGHEST, LOWEST, RATE_PER_DB, PlainPoint, rates_per_db


def test_a_rung_alone_is_taken_for_an_average_one() -> None:
    assert rates_per_db({"a": PlainPoint(1000, 30.0)}) == {"a": RATE_PER_DB}
    assert rates_per_db({}) == {}


@given(st.lists(st.integers(200, 500), min_size=2, max_size=8, unique=True), st.floats(LOWEST, HIGHEST))
def test_on_an_exponential_curve_every_rung_knows_its_slope(levels: list[int], rate: float) -> None:
    points = {str(x): PlainPoint(round(1e7 * exp(rate * (x / 10 - 20))), x / 10) for x in levels}
    assert all(found == pytest.approx(rate, abs=1e-4) for found in rates_per_db(points).values())


def test_the_slope_is_that_between_the_neighbours() -> None:
    points = {"low": PlainPoint(100, 30.0), "mid": PlainPoint(150, 33.0), "high": PlainPoint(300, 35.0)}
    rates = rates_per_db(points)
    assert rates["low"] == pytest.approx(0.1352, abs=1e-4)
    assert rates["mid"] == pytest.approx(0.2197, abs=1e-4)
    assert rates["high"] == pytest.approx(0.3466, abs=1e-4)


def test_a_rung_below_the_curve_is_measured_by_the_curve() -> None:
    points = {"low": PlainPoint(100, 30.0), "poor": PlainPoint(150, 29.0), "high": PlainPoint(200, 35.0)}
    rates = rates_per_db(points)
    assert rates["poor"] == rates["low"] == rates["high"]


points = st.builds(PlainPoint, st.integers(1, 10**9), st.floats(10, 100))


@given(st.dictionaries(st.text(max_size=3), points, max_size=8))
def test_it_stays_within_reason(found: dict[str, PlainPoint]) -> None:
    rates = rates_per_db(found)
    assert rates.keys() == found.keys()
    assert all(LOWEST <= rate <= HIGHEST for rate in rates.values())
