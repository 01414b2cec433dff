"""The order in which rungs of one size are trained."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainer.choice.training_order import Turn, training_order


def test_from_the_middle_outwards_each_from_its_neighbour() -> None:
    order = training_order({"crf31": 30, "crf23": 90, "crf27": 60, "crf35": 10})
    assert order == [Turn("crf31", None), Turn("crf35", "crf31"), Turn("crf27", "crf31"), Turn("crf23", "crf27")]


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.integers(1, 10**9), max_size=9))
def test_every_rung_has_its_turn_after_a_neighbour(media_bytes: dict[str, int]) -> None:
    order = training_order(media_bytes)
    assert sorted(turn.rung for turn in order) == sorted(media_bytes)
    assert [turn.start for turn in order].count(None) == min(1, len(order))
    ranked = sorted(media_bytes, key=lambda name: (media_bytes[name], name))
    for index, turn in enumerate(order):
        if turn.start is not None:
            assert turn.start in [before.rung for before in order[:index]]
            assert abs(ranked.index(turn.rung) - ranked.index(turn.start)) == 1
