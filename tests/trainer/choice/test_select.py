"""Choice of a model for each segment: the arithmetic of bytes and decibels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from manifests.mpd.models import MAX_MODELS
from trainer.choice.judge import SegmentScore
from trainer.choice.select import Candidate, choose, side_by_side, worth_bytes

PLAIN = 1_000_000
RATE = 0.2


def score(*gains_db: float | None) -> SegmentScore:
    """A segment on which each model gains that much; None where it was not tried."""
    return SegmentScore(1000, PLAIN, tuple(None if g is None else round(PLAIN / 10 ** (g / 10)) for g in gains_db))


def test_a_model_that_saves_more_than_it_costs_is_used_where_it_wins() -> None:
    assert choose([score(0.5), score(-0.1), score(0.3)], [100_000] * 3, [Candidate(4000)], RATE) == [0, None, 0]


def test_a_model_that_costs_more_than_it_saves_is_not_sent() -> None:
    saves = RATE * 0.5 * 30_000
    assert choose([score(0.5)], [30_000], [Candidate(int(saves) + 10)], RATE) == [None]
    assert choose([score(0.5)], [30_000], [Candidate(int(saves) - 10)], RATE) == [0]


def test_no_candidates_is_plain_throughout() -> None:
    assert choose([score(), score()], [1000, 1000], [], RATE) == [None, None]


def test_an_update_goes_out_only_where_it_pays() -> None:
    shared, small, dear = Candidate(4000), Candidate(500, base=0), Candidate(50_000, base=0)
    scores = [score(0.5, 0.6, None), score(0.5, None, 0.9), score(0.5, None, None)]
    assert choose(scores, [100_000] * 3, [shared, small, dear], RATE) == [1, 0, 0]


def test_an_update_pays_for_its_base_too() -> None:
    scores = [score(-0.5, 0.3)]
    assert choose(scores, [100_000], [Candidate(4000), Candidate(1000, base=0)], RATE) == [1]
    assert choose(scores, [70_000], [Candidate(4000), Candidate(1000, base=0)], RATE) == [None]


def test_of_a_title_model_and_scene_models_the_set_that_saves_most() -> None:
    title, first, second = Candidate(4000), Candidate(4000), Candidate(4000)
    alike = [score(0.50, 0.52, None), score(0.50, None, 0.52)]
    assert choose(alike, [100_000] * 2, [title, first, second], RATE) == [0, 0]
    different = [score(0.1, 0.9, None), score(0.1, None, 0.9)]
    assert choose(different, [100_000] * 2, [title, first, second], RATE) == [1, 2]


gains = st.one_of(st.none(), st.floats(-2, 2))


@given(st.lists(st.tuples(st.lists(gains, min_size=3, max_size=3), st.integers(0, 10**6)), min_size=1, max_size=8))
def test_nothing_chosen_is_worse_than_plain_nor_costs_more_than_it_saves(
    segments: list[tuple[list[float | None], int]],
) -> None:
    candidates = [Candidate(4000), Candidate(900, base=0), Candidate(3000)]
    scores = [score(*row) for row, _ in segments]
    uses = choose(scores, [size for _, size in segments], candidates, RATE)
    saved = 0.0
    for (_, size), segment, use in zip(segments, scores, uses, strict=True):
        if use is not None:
            assert segment.gain_db(use) > 0
            saved += RATE * segment.gain_db(use) * size
    sent = {use for use in uses if use is not None}
    if 1 in sent:
        sent.add(0)
    assert saved >= sum(candidates[index].size_bytes for index in sent)


def test_what_is_worth_more_on_steep_titles_is_sent_there_alone() -> None:
    assert choose([score(0.5)], [60_000], [Candidate(4000)], 0.08) == [None]
    assert choose([score(0.5)], [60_000], [Candidate(4000)], 0.35) == [0]


def test_gains_are_worth_their_share_of_the_segments_bytes() -> None:
    assert round(worth_bytes([score(0.5), score(1.0)], [10_000, 20_000], [0, None], 0.2)) == 1000


def test_the_network_that_saves_most_is_first_and_smaller_ones_that_pay_stand_beside_it() -> None:
    assert side_by_side([100, 900, 500], [10, 30, 90]) == [1, 0]
    assert side_by_side([-1, 900], [10, 30]) == [1]
    assert side_by_side([800, 900], [29, 30]) == [1], "as slow as the first: of no use beside it"
    assert side_by_side([-5, 0], [10, 30]) == []


def test_a_film_gets_the_models_that_pay_most_as_far_as_a_manifest_has_room() -> None:
    segments = MAX_MODELS + 60
    gains = [0.5 + 0.4 * (n % 7) / 7 for n in range(segments)]
    scores = [score(0.5, *(gain if other == n else None for other in range(segments))) for n, gain in enumerate(gains)]
    candidates = [Candidate(4000), *(Candidate(100, base=0) for _ in range(segments))]
    uses = choose(scores, [100_000] * segments, candidates, RATE)
    assert None not in uses, "where there is no room for an update, the model of the title serves"
    assert len(set(uses)) == MAX_MODELS
    updated = [gains[n] for n, use in enumerate(uses) if use != 0]
    left = [gain for gain, use in zip(gains, uses, strict=True) if use == 0]
    assert min(updated) >= max(left)
