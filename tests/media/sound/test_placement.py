"""Placing decoded blocks, whatever their time stamps say."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.sound.placement import JITTER, MOST, STEP, Placement, Placer, stretched

END = 10 * 48_000
BLOCK = 1024


def placed(times: list[Fraction | None], end: int = END) -> list[Placement]:
    placer = Placer(end)
    return [placer.place(time_s, BLOCK) for time_s in times]


def test_blocks_with_exact_times_are_left_alone() -> None:
    times = [Fraction(BLOCK * n, 48_000) for n in range(-2, 40)]
    assert placed(list(times)) == [Placement(BLOCK * n, 0, BLOCK) for n in range(-2, 40)]


@given(st.lists(st.fractions(Fraction(-1, 2000), Fraction(1, 2000)), min_size=2, max_size=100))
def test_stamps_rounded_to_milliseconds_change_nothing(offs: list[Fraction]) -> None:
    placements = placed([Fraction(BLOCK * n, 48_000) + off for n, off in enumerate(offs)])
    assert all(p.skip == 0 and p.length == BLOCK for p in placements)
    assert all(abs(p.start - BLOCK * n) <= 24 for n, p in enumerate(placements))


@given(
    st.lists(
        st.one_of(st.none(), st.fractions(-2, 9, max_denominator=90_000)),
        max_size=60,
    ),
    st.integers(1, 5000),
)
def test_blocks_never_overlap_whatever_the_stamps_say(times: list[Fraction | None], samples: int) -> None:
    placer, follows = Placer(END), None
    for time_s in times:
        placement = placer.place(time_s, samples)
        assert 0 <= placement.skip <= samples
        assert (placement.length == 0) == (placement.skip == samples)
        if placement.length:
            assert follows is None or placement.start >= follows
            if time_s is not None:
                # Of what is skipped nothing is heard: what remains is where its own time says.
                assert abs(placement.start - placement.skip - round(time_s * 48_000)) < STEP
            follows = placement.start + placement.length


@given(st.integers(STEP, 48_000), st.booleans())
@settings(deadline=None)
def test_a_hole_or_an_overlap_is_put_right_at_once(size: int, is_hole: bool) -> None:
    shift = Fraction(size if is_hole else -size, 48_000)
    times = [Fraction(BLOCK * n, 48_000) + (shift if n >= 50 else 0) for n in range(150)]
    placements = placed(list(times))
    heard = [p for p in placements[50:] if p.length]
    if is_hole:
        assert heard[0] == Placement(BLOCK * 50 + size, 0, BLOCK)
    else:
        assert heard[0].start == BLOCK * 50
        assert heard[0].skip == size % BLOCK
    assert all(p.length == BLOCK and p.skip == 0 for p in heard[1:])


@given(st.fractions(Fraction(85, 100), Fraction(115, 100), max_denominator=10_000))
@settings(deadline=None)
def test_a_drift_never_gets_beyond_its_bound(pace: Fraction) -> None:
    times = [Fraction(BLOCK * n, 48_000) * pace for n in range(400)]
    placements = placed(list(times), end=100 * END)
    assert all(p.skip == 0 for p in placements)
    assert all(a.start + a.length == b.start for a, b in pairwise(placements))
    per_block = abs(pace - 1) * BLOCK
    for placement, time_s in zip(placements, times, strict=True):
        assert abs(placement.start - time_s * 48_000) <= MOST + per_block + 1


def test_the_clock_of_a_cheap_microphone_costs_a_sample_now_and_then() -> None:
    pace = 1 + Fraction(100, 1_000_000)
    times = [Fraction(BLOCK * n, 48_000) * pace for n in range(20_000)]  # 7 minutes, 43 ms off at their end
    placements = placed(list(times), end=100 * END)
    assert max(abs(p.length - BLOCK) for p in placements) <= 1
    assert all(abs(p.start - t * 48_000) <= JITTER + 5 for p, t in zip(placements, times, strict=True))


def test_blocks_without_a_time_follow() -> None:
    placements = placed([Fraction(1), None, None, Fraction(2), None])
    starts = [48_000, 48_000 + BLOCK, 48_000 + 2 * BLOCK, 96_000, 96_000 + BLOCK]
    assert [p.start for p in placements] == starts


def test_a_stamp_far_beyond_the_end_does_not_silence_what_comes_after_it() -> None:
    times: list[Fraction | None] = [Fraction(BLOCK * n, 48_000) for n in range(10)]
    times[5] = Fraction(3600)
    placements = placed(times)
    assert placements[5].length == 0
    assert [p.start for p in placements[6:]] == [BLOCK * n for n in range(6, 10)]


@pytest.mark.parametrize("length", [900, 1024, 1300])
def test_stretching_keeps_the_line_unbroken(length: int) -> None:
    line = np.linspace(0, 1, 1025, dtype=np.float32)[:, None]
    result = stretched(line[1:], length, line[:1])
    assert result.shape == (length, 1)
    steps = np.diff(np.concatenate([line[:1], result]), axis=0)
    assert np.allclose(steps, 1 / length, atol=1e-6)
    assert result[-1] == line[-1]
