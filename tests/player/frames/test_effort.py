"""The rule that gives up effort on a machine that is too slow, tried on simulated machines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from player.frames.effort import MOST_PATIENCE_S, Effort, EffortRule

INTERVAL_S = 0.04
QUEUE = 8
FULL_LEAD_S = QUEUE * INTERVAL_S

Cost = Callable[[float, Effort], float]
"""Seconds that a frame takes at a moment with that effort."""


def played(cost: Cost, seconds: float) -> list[tuple[float, Effort, float]]:
    """(moment, effort, lead) of every frame of a video that is shown frame by frame from a queue of 8.

    Shown without a pause from when the queue was first full; a frame that is late moves all later ones, as stalls do.
    """
    rule, now_s, shown_s, frames = EffortRule(FULL_LEAD_S), 0.0, FULL_LEAD_S, []
    by_network = False
    for index in range(round(seconds / INTERVAL_S)):
        due_s = shown_s + index * INTERVAL_S
        now_s = max(now_s, due_s - FULL_LEAD_S)
        effort = rule.judge(due_s - now_s, now_s)
        by_network = effort is Effort.FULL or (effort is Effort.REUSE and not by_network)
        frames.append((now_s, effort, due_s - now_s))
        now_s += cost(now_s, effort if not by_network else Effort.FULL)
        shown_s += max(0.0, now_s - due_s)
    return frames


def machine(network_s: float, reused_s: float, plain_s: float) -> Cost:
    return lambda _, effort: {Effort.FULL: network_s, Effort.REUSE: reused_s, Effort.PLAIN: plain_s}[effort]


def share(frames: list[tuple[float, Effort, float]], effort: Effort) -> float:
    return sum(frame[1] is effort for frame in frames) / len(frames)


@given(st.floats(0.001, 0.9))
def test_a_machine_that_keeps_up_gives_up_nothing(load: float) -> None:
    frames = played(machine(load * INTERVAL_S, 0.001, 0.001), 20)
    assert share(frames, Effort.FULL) == 1


def test_a_machine_that_can_do_half_the_work_does_half_of_it() -> None:
    frames = played(machine(1.4 * INTERVAL_S, 0.2 * INTERVAL_S, 0.1 * INTERVAL_S), 120)
    assert share(frames[200:], Effort.REUSE) > 0.75
    assert min(lead for _, _, lead in frames) > 0, "nothing was late"


def test_a_machine_that_is_far_too_slow_shows_plain_frames() -> None:
    frames = played(machine(4 * INTERVAL_S, 0.3 * INTERVAL_S, 0.1 * INTERVAL_S), 300)
    assert share(frames[200:], Effort.PLAIN) > 0.85
    tries = [now for (now, effort, _), before in zip(frames[1:], frames, strict=False) if effort > before[1]]
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert max(waits) > 30, "what fails is tried less and less often"
    assert max(waits) < 3 * MOST_PATIENCE_S, "but never given up"


def test_it_recovers_when_there_is_time_again() -> None:
    def busy_for_ten_seconds(now_s: float, effort: Effort) -> float:
        return machine(*((3 * INTERVAL_S, 0.04, 0.004) if now_s < 10 else (0.4 * INTERVAL_S, 0.004, 0.004)))(0, effort)

    frames = played(busy_for_ten_seconds, 60)
    assert share([f for f in frames if f[0] < 10], Effort.FULL) < 0.5
    assert share([f for f in frames if f[0] > 40], Effort.FULL) == 1


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=300))
def test_any_leads_give_a_level_and_a_late_frame_the_least(leads_s: list[float]) -> None:
    rule = EffortRule(FULL_LEAD_S)
    for index, lead_s in enumerate(leads_s):
        before = rule.level
        level = rule.judge(lead_s, index * INTERVAL_S)
        assert level <= before + 1, "one step up at a time"
        if lead_s < 0:
            assert level is Effort.PLAIN
        assert level in set(Effort)
