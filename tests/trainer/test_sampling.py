"""The frames of a title that are learnt from and judged by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainer.sampling import kept_positions

counts = st.lists(st.integers(1, 50), min_size=1, max_size=20)


@given(counts, st.integers(1, 2000))
def test_they_spread_over_the_title_and_no_frame_is_kept_twice(counts: list[int], budget: int) -> None:
    positions = kept_positions(counts, 1, budget)
    assert len(positions) == min(sum(counts), max(budget, 3 * len(counts)))
    places = [(p.segment, p.index) for p in positions]
    assert places == sorted(set(places))
    for segment, count in enumerate(counts):
        indices = [p.index for p in positions if p.segment == segment]
        assert all(0 <= index < count for index in indices)
        assert abs(len(indices) - count * len(positions) / sum(counts)) <= 1


@given(counts)
def test_every_segment_of_some_length_is_learnt_from_and_judged(counts: list[int]) -> None:
    positions = kept_positions(counts, 1, sum(counts))
    for segment, count in enumerate(counts):
        if count >= 3:
            assert {p.judged for p in positions if p.segment == segment} == {True, False}


def test_a_third_is_judged() -> None:
    positions = kept_positions([30, 30], 1, 60)
    assert [p.judged for p in positions[:4]] == [False, True, False, False]
    assert sum(p.judged for p in positions) == 20
