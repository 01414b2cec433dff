"""Giving up a segment under way: for a lower rung alone, and where that helps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.abr.abandon import abandon_request
from player.abr.joint_abandon import joint_abandon
from player.abr.rules import RULES
from player.abr.state import Abandon, Progress, State, Transfer
from tests.player.abr.test_policies import ladder_state, states

ABANDON = {name: rule.abandon for name, rule in RULES.items() if rule.abandon is not None}
EVERY_RULE = pytest.mark.parametrize("abandon", ABANDON.values(), ids=ABANDON)


def on_its_way(rung: str, size_bytes: float, received_bytes: float, elapsed_s: float, recent_bps: float) -> Progress:
    """A download with the bytes that came in the last two seconds."""
    recent_s = min(2.0, elapsed_s)
    recent = Transfer(30.0 + elapsed_s, recent_s, round(recent_bps * recent_s / 8))
    return Progress(rung, None, size_bytes, received_bytes, elapsed_s, recent)


def late(buffer_s: float, recent_bps: float, *, elapsed_s: float = 6.0) -> tuple[State, Progress]:
    """A segment of the top rung, 1.6 MB, of which a quarter came before the network of 4 Mbit/s slowed down."""
    state = replace(ladder_state(buffer_s, 4e6), last_rung="r4", last_quality=98.0)
    return state, on_its_way("r4", 1.6e6, 0.4e6, elapsed_s, recent_bps)


@EVERY_RULE
@given(
    state=states(),
    rung=st.integers(0, 4),
    size_bytes=st.floats(0, 1e9),
    part=st.floats(0, 1.2),
    elapsed_s=st.floats(0, 1e4),
    recent=st.builds(Transfer, st.floats(0, 1e6), st.floats(0, 10), st.integers(0, 10**9)),
)
@settings(deadline=None, max_examples=60)
def test_it_goes_to_a_lower_rung_that_is_offered_or_stays(
    abandon: Abandon, state: State, rung: int, size_bytes: float, part: float, elapsed_s: float, recent: Transfer
) -> None:
    names = [choice.rung for choice in state.upcoming[0].choices]
    current = min(rung, len(names) - 1)
    progress = Progress(names[current], None, size_bytes, part * size_bytes, elapsed_s, recent)
    decision = abandon(state, progress)
    assert decision == abandon(state, progress)
    if decision is not None:
        assert names.index(decision.rung) < current
        chosen = state.upcoming[0].choices[names.index(decision.rung)]
        assert decision.track is None or decision.track in {e.track for e in chosen.enhancements}
        assert decision.wait_s == 0


@EVERY_RULE
def test_what_comes_in_time_is_not_given_up(abandon: Abandon) -> None:
    assert abandon(*late(10.0, 4e6, elapsed_s=1.0)) is None


@EVERY_RULE
def test_what_cannot_come_in_time_is_given_up(abandon: Abandon) -> None:
    """The rest takes a minute at 150 kbit/s, all of the lowest rung 5 s: as long as the buffer lasts."""
    state, progress = late(6.0, 150e3, elapsed_s=20.0)
    decision = abandon(state, progress)
    assert decision is not None
    assert decision.rung == "r0"


@EVERY_RULE
def test_nothing_is_lower_than_the_lowest(abandon: Abandon) -> None:
    state = ladder_state(2.0, 4e6)
    assert abandon(state, on_its_way("r0", 1e5, 1e3, 8.0, 1e3)) is None


def test_ours_waits_for_the_end_of_an_outage_that_the_buffer_outlasts() -> None:
    """Nothing of a smaller segment would come while nothing comes at all."""
    assert joint_abandon(*late(16.0, 0.0)) is None
    assert abandon_request(*late(16.0, 0.0, elapsed_s=12.0)) is not None


def test_ours_gives_up_sooner_the_less_there_is_to_wait_with() -> None:
    """A network of 400 kbit/s for some seconds now."""
    given_up = [joint_abandon(*late(buffer_s, 400e3)) is not None for buffer_s in (1.0, 3.0, 6.0, 12.0, 19.0)]
    assert given_up[0]
    assert not given_up[-1]
    assert given_up == sorted(given_up, reverse=True)


def test_the_rule_of_dash_js_speaks_after_its_grace_and_below_a_stable_buffer() -> None:
    state, progress = late(10.0, 100e3, elapsed_s=20.0)
    assert abandon_request(state, progress) is not None
    assert abandon_request(replace(state, buffer_s=18.5), progress) is None
    assert abandon_request(state, replace(progress, elapsed_s=0.4, received_bytes=1e3)) is None


def test_the_rules_of_dash_js_and_ours_give_up() -> None:
    assert set(ABANDON) == {"bola", "dynamic", "joint", "throughput"}
