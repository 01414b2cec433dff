"""Constant rates from the times of frames: standards, jitter, odd rates and varying ones."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.source.grid import STANDARD_RATES, Grid, assign_ticks, choose_grid, frame_count

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow

Times = list[Fraction]


def even(rate: Fraction, frames: int, start_s: Fraction = Fraction(0)) -> Times:
    return [start_s + number / rate for number in range(frames)]


def rounded(times: Sequence[Fraction], per_s: int = 1000) -> Times:
    """Rounds times as a container with that many ticks a second keeps them."""
    return [Fraction(round(time * per_s), per_s) for time in times]


def ticks(times: Sequence[Fraction], grid: Grid) -> list[int]:
    """The ticks of all frames, none of which may be left out."""
    assigned = assign_ticks(times, grid)
    assert None not in assigned
    return [tick for tick in assigned if tick is not None]


def assert_each_once(times: Sequence[Fraction], grid: Grid) -> None:
    """No frame is doubled or lost, and each is shown within a frame of its time."""
    assert grid.constant
    assert ticks(times, grid) == list(range(len(times)))
    assert all(abs(grid.origin_s + n / grid.rate - time) * grid.rate < 1 for n, time in enumerate(times))


@pytest.mark.parametrize("rate", STANDARD_RATES)
@pytest.mark.parametrize("frames", [2, 5, 100, 5000])
def test_standard_rates_are_known_from_milliseconds(rate: Fraction, frames: int) -> None:
    times = rounded(even(rate, frames, Fraction(7, 20)))
    grid = choose_grid(times, [])
    assert_each_once(times, grid)
    if frames >= 5000:  # fewer do not tell 24 from 23.976
        assert grid.rate == rate


@pytest.mark.parametrize("rate", STANDARD_RATES)
def test_a_named_rate_is_kept_if_it_fits(rate: Fraction) -> None:
    for frames in (1, 2, 5, 100):
        assert choose_grid(rounded(even(rate, frames)), [rate]).rate == rate


@pytest.mark.parametrize(
    ("named", "duration_s", "expected"),
    [
        ("2997/100", 7200, "30000/1001"),  # WebM's milliseconds
        ("90000/3001", Fraction(3, 10), "30"),  # means 30, in the nine frames there are
        ("90000/3001", 3600, "2999/100"),  # does not mean 30: it would lose 36 frames
        ("24000/1001", 600, "24000/1001"),
        ("24", 600, "24"),
    ],
)
def test_a_named_rate_is_the_standard_that_it_means(named: str, duration_s: Fraction, expected: str) -> None:
    rate = Fraction(expected)
    times = even(Fraction(named) if rate not in STANDARD_RATES else rate, max(2, int(duration_s * rate)))
    assert choose_grid(times, [Fraction(named)]).rate == rate


def test_a_header_that_is_wrong_is_not_believed() -> None:
    for rate in map(Fraction, ("24000/1001", "24", "25", "60")):
        times = even(rate, 3000)
        grid = choose_grid(times, [Fraction(90_000), Fraction(30), Fraction(1000)])
        assert grid.rate == rate
        assert_each_once(times, grid)


def test_fields_that_a_header_counts_are_not_frames() -> None:
    assert choose_grid(even(Fraction(25), 100), [Fraction(50), Fraction(25)]).rate == 25


def test_film_and_its_slower_twin_are_told_apart() -> None:
    for true, other in (("24000/1001", "24"), ("24", "24000/1001"), ("30000/1001", "30"), ("60", "60000/1001")):
        times = rounded(even(Fraction(true), 2000))
        grid = choose_grid(times, [Fraction(other)])
        assert grid.rate == Fraction(true)
        assert_each_once(times, grid)


@pytest.mark.parametrize("rate", ["47/2", "1/5", "1", "17", "1000", "240", "120", "18"])
def test_odd_rates_are_kept(rate: str) -> None:
    times = even(Fraction(rate), 200, Fraction(3))
    assert choose_grid(times, [Fraction(rate)]) == Grid(Fraction(rate), Fraction(3), constant=True)
    assert_each_once(times, choose_grid(times, []))


@given(
    rate=st.sampled_from(STANDARD_RATES),
    named=st.booleans(),
    seed=st.integers(0, 10_000),
    frames=st.integers(48, 400),
    jitter=st.integers(0, 35),
)
def test_jitter_neither_doubles_nor_loses_frames(
    rate: Fraction, named: bool, seed: int, frames: int, jitter: int
) -> None:
    places = random.Random(seed)
    jitter = jitter if named else min(jitter, 25)  # so much hides which rate is meant
    times = [time + Fraction(places.randint(-jitter, jitter), 100) / rate for time in even(rate, frames)]
    grid = choose_grid(sorted(times), [rate] if named else [])
    assert_each_once(sorted(times), grid)
    assert abs(grid.rate - rate) * frames < rate  # less than a frame of drift in all


@pytest.mark.parametrize("early", ["-0.35", "0.35", "-0.2"])
def test_a_first_frame_that_is_off_does_not_move_the_grid(early: str) -> None:
    times = even(Fraction(24), 100)
    times[0] += Fraction(early) / 24
    grid = choose_grid(times, [Fraction(24)])
    assert_each_once(times, grid)
    assert abs(grid.origin_s) < Fraction(1, 24) / 20


def test_a_media_recorders_times_are_a_constant_rate() -> None:
    # 0, 12, 24, 6, 18 ms late in turn, in whole milliseconds.
    times = rounded([time + Fraction(6 * (7 * n % 5), 1000) for n, time in enumerate(even(Fraction(24), 96))])
    assert_each_once(times, choose_grid(times, [Fraction(1000)]))


def test_missing_frames_leave_holes_at_their_ticks() -> None:
    times = [time for n, time in enumerate(even(Fraction(25), 200)) if n not in (7, 60, 61, 62, 150)]
    grid = choose_grid(times, [Fraction(25)])
    assert grid.constant
    assert set(range(200)) - set(ticks(times, grid)) == {7, 60, 61, 62, 150}


def test_a_long_gap_is_not_a_varying_rate() -> None:
    times = even(Fraction(24), 48) + even(Fraction(24), 48, Fraction(22))
    grid = choose_grid(times, [Fraction(24)])
    assert (grid.rate, grid.constant) == (24, True)
    assert ticks(times, grid)[48] == 22 * 24


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([("60", 120), ("30", 60), ("15", 30)], "60"),
        ([("15", 30), ("60", 120), ("5", 20)], "60"),
        ([("144", 300), ("30", 60), ("7", 60)], "60"),
        ([("25", 50), ("5", 50)], "25"),
        ([("24", 12), ("6", 15)], "24"),
        ([("8", 30), ("3", 30)], "10"),
    ],
)
def test_a_varying_rate_keeps_its_lively_part(parts: list[tuple[str, int]], expected: str) -> None:
    times: Times = []
    at_s = Fraction(0)
    for rate, frames in parts:
        times += even(Fraction(rate), frames, at_s)
        at_s += frames / Fraction(rate)
    grid = choose_grid(times, [Fraction(1000)])
    assert (grid.rate, grid.constant) == (Fraction(expected), False)
    if Fraction(parts[0][0]) <= 60:
        ticks(times, grid)  # none is left out


def test_a_screen_recording_keeps_frames_that_follow_quickly_now_and_then() -> None:
    """Few frames in a second do not mean that they may come slowly."""
    times = [second + Fraction(25 * n, 1000) for second in range(10) for n in range(8)]
    grid = choose_grid(times, [Fraction(8), Fraction(1000)])
    assert not grid.constant
    assert assign_ticks(times, grid).count(None) <= 12


def test_a_phone_that_means_30_becomes_30() -> None:
    places = random.Random(4)
    times, at_s = [], Fraction(0)
    for _ in range(900):
        times.append(at_s)
        at_s += Fraction(places.choice([30, 33, 33, 34, 37, 66]), 1000)
    grid = choose_grid(times, [Fraction(90_000)])
    assert abs(grid.rate - 30) < Fraction(1, 10)
    assert assign_ticks(times, grid).count(None) <= 9


def test_one_frame_lasts_as_long_as_the_header_says() -> None:
    assert choose_grid([Fraction(7)], [Fraction(24)]) == Grid(Fraction(24), Fraction(7), constant=True)
    assert choose_grid([Fraction(7)], []) == Grid(Fraction(25), Fraction(7), constant=True)


def test_frames_of_one_and_the_same_time_do_not_count_twice() -> None:
    assert choose_grid([Fraction(0)] * 3, [Fraction(24)]) == Grid(Fraction(24), Fraction(0), constant=True)
    times = sorted(2 * even(Fraction(24), 50))
    assert choose_grid(times, []) == Grid(Fraction(24), Fraction(0), constant=True)


@given(
    times=st.lists(st.fractions(0, 100, max_denominator=1000), min_size=1, max_size=60).map(sorted),
    rate=st.sampled_from(STANDARD_RATES),
    origin_s=st.fractions(-1, 1, max_denominator=90),
)
def test_ticks_ascend_and_are_within_a_frame_of_their_times(times: Times, rate: Fraction, origin_s: Fraction) -> None:
    grid = Grid(rate, origin_s, constant=False)
    kept = [(tick, time) for tick, time in zip(assign_ticks(times, grid), times, strict=True) if tick is not None]
    assert all(earlier < later for (earlier, _), (later, _) in pairwise(kept))
    assert all(tick >= 0 for tick, _ in kept)
    for tick, time in kept:
        if time >= origin_s:
            assert abs(origin_s + tick / rate - time) * rate < 1


@given(times=st.lists(st.fractions(0, 20, max_denominator=1000), min_size=1, max_size=60).map(sorted))
def test_whatever_the_times_a_grid_is_found_and_begins_by_the_first_frame(times: Times) -> None:
    grid = choose_grid(times, [])
    assert grid.rate > 0
    assert abs(grid.origin_s - times[0]) * grid.rate <= Fraction(1, 2)
    assert assign_ticks(times, grid)[0] == 0


def test_the_last_frame_lasts_until_its_end() -> None:
    grid = Grid(Fraction(25), Fraction(1), constant=True)
    assert frame_count(99, Fraction(5), grid) == 100
    assert frame_count(99, Fraction(8), grid) == 175
    assert frame_count(99, Fraction(0), grid) == 100
    assert frame_count(99, Fraction(5) + Fraction(1, 1000), grid) == 100
