"""Choice of the segments that are tried: few, spread over easy and hard parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.ladder.excerpts import MAX_S, choose_excerpts


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=2000), st.sampled_from([1.0, 2.0, 4.0, 10.0, 100.0]))
def test_they_are_segments_of_the_title_and_never_more_than_a_minute(sizes: list[int], segment_s: float) -> None:
    chosen = choose_excerpts(sizes, segment_s)
    assert chosen == tuple(sorted(set(chosen)))
    assert set(chosen) <= set(range(len(sizes)))
    assert len(chosen) * segment_s <= max(MAX_S, segment_s)


@pytest.mark.parametrize(
    ("segments", "count"),
    [(1, 1), (2, 2), (3, 2), (14, 2), (34, 4), (900, 15), (5000, 15)],
    ids=["4 s", "8 s", "12 s", "56 s", "136 s", "an hour", "longer"],
)
def test_a_tenth_of_the_title_is_tried(segments: int, count: int) -> None:
    assert len(choose_excerpts([1] * segments, 4.0)) == count


def test_each_stratum_of_complexity_gives_its_middle() -> None:
    sizes = [100, 1, 50, 2, 101, 3, 51, 4, 102, 5, 52, 6]
    chosen = choose_excerpts(sizes, 4.0)
    assert sorted(sizes[index] for index in chosen) == [4, 100]
