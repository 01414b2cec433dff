"""Durations, rates and ratios are exact, and nothing that is none of them gets through."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import MalformedManifestError
from manifests.timing import (
    format_duration,
    format_frame_rate,
    format_ratio,
    parse_duration_s,
    parse_frame_rate,
    parse_ratio,
)

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

positive_fractions = st.builds(Fraction, st.integers(1, 10**9 - 1), st.integers(1, 10**9 - 1))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT10S", Fraction(10)),
        ("PT1H2M3.5S", Fraction(37235, 10)),
        ("P1DT1M", Fraction(86460)),
        ("P2D", Fraction(172800)),
        ("PT0.000000001S", Fraction(1, 10**9)),
    ],
)
def test_durations_are_exact(text: str, seconds: Fraction) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *["P", "PT", "P1DT", "10S", "-PT1S", "PT1e400S", "P1Y", "P1M", "PT.5S", "PT1.S", "PTS", "PTnanS"],
        *("", "PT1S ", "PT" + "9" * 10 + "S", "PT\u0661S"),
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(MalformedManifestError, match="not a duration"):
        parse_duration_s(text)


@UNHURRIED
@given(st.builds(Fraction, st.integers(0, 10**15), st.integers(1, 10**6)))
def test_a_written_duration_is_never_shorter_and_less_than_a_nanosecond_longer(duration_s: Fraction) -> None:
    if duration_s < 10**9:
        assert 0 <= parse_duration_s(format_duration(duration_s)) - duration_s < Fraction(1, 10**9)


def test_a_negative_duration_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="never negative"):
        format_duration(Fraction(-1))


@UNHURRIED
@given(positive_fractions)
def test_frame_rates_and_ratios_survive_the_round_trip(value: Fraction) -> None:
    assert parse_frame_rate(format_frame_rate(value)) == value
    assert parse_ratio(format_ratio(value)) == value


@pytest.mark.parametrize("text", ["", "0", "30/0", "0/1", "-30", "30.0", "1e3", "30/1001/1", "\u0663\u0660", "9" * 10])
def test_what_is_no_frame_rate_is_refused(text: str) -> None:
    with pytest.raises(MalformedManifestError, match="not a frame rate"):
        parse_frame_rate(text)


@pytest.mark.parametrize("text", ["", "1", "0:1", "1:0", "16/9", "16:9:1", "-16:9"])
def test_what_is_no_ratio_is_refused(text: str) -> None:
    with pytest.raises(MalformedManifestError, match="not a ratio"):
        parse_ratio(text)
