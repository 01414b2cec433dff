"""Looking ahead: the value of a session after each way to get the next segment, over the throughputs that may come.

Dynamic programming (`planner`) over the network's forecast (`forecast`) and the coming segments' bytes and quality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from player.abr.forecast import forecast
from player.abr.objective import SWITCH
from player.abr.planner import MOST_LEVELS, Array, Planner, Step
from player.abr.state import Decision, Enhancement, RungChoice, State, Upcoming
from player.abr.without_models import in_time

EXPECTED_SEGMENTS = 20
"""Segments that are expected after those that are known."""
EXPECTED_BUFFERS = 8 / 3
"""Largest buffer, as a multiple of its capacity, that the expected segments have to cover.

What is in the buffer at the end of the horizon counts for nothing, so with fewer segments a plan that soon spends it
would look too good.
"""
MOST_EXPECTED_SEGMENTS = 40
"""Limit on both, for the time that planning takes."""
AMORTISED_SEGMENTS = 8
"""Segments over which the bytes of a model are spread, or fewer if fewer are left."""
NEGLIGIBLE_MODEL = 0.02
"""Share of a segment's bytes up to which a model is taken for granted in plans."""


@dataclass(frozen=True)
class Option:
    """A way to get and show a segment."""

    choice: RungChoice
    enhancement: Enhancement | None
    missing_bytes: float
    """Bytes of its model that are not held."""

    @property
    def quality(self) -> float:
        return self.enhancement.quality if self.enhancement else self.choice.quality

    def decision(self, wait_s: float) -> Decision:
        return Decision(self.choice.rung, self.enhancement.track if self.enhancement else None, wait_s)


@dataclass(frozen=True)
class Plan:
    """Value of a session after each option of the next segment."""

    planner: Planner
    now: Step
    """Options of the next segment."""
    value: Array
    """Value of having taken each option, as `Planner.before` takes it."""
    chances: Array
    """Probability of every level of throughput for the next transfer."""


def _options(state: State, choice: RungChoice, *, now: bool) -> list[Option]:
    """Returns the rung plain, and with each model that gains and that the machine can run."""
    options = [Option(choice, None, 0.0)]
    duration_s = state.upcoming[0].duration_s
    for e in choice.enhancements:
        able = in_time(state, e) if now else e.cost_s <= duration_s
        if able and e.quality > choice.quality:
            options.append(Option(choice, e, e.missing_bytes(state.held)))
    return options


def ways(state: State, choices: Sequence[RungChoice]) -> list[Option]:
    """Returns the options to get the next segment from these rungs."""
    return [option for choice in choices for option in _options(state, choice, now=True)]


def _step(state: State, segment: Upcoming, spread: int) -> Step:
    """Returns the options of a later segment, without those that no plan would take."""
    best: list[Option] = []
    for choice in segment.choices:
        options = _options(state, choice, now=False)
        top = max(options, key=lambda o: o.quality)
        cheap = top.missing_bytes / spread <= NEGLIGIBLE_MODEL * choice.size_bytes
        best += [top] if cheap else options
    return Step(
        segment.duration_s,
        np.array([o.quality for o in best]),
        np.array([o.choice.size_bytes + o.missing_bytes / spread for o in best]),
    )


def plan(state: State, options: Sequence[Option]) -> Plan:
    """Plans from at least one transfer."""
    predicted = forecast(state.transfers)
    planner = Planner(state.capacity_s, predicted)
    spread = max(1, min(AMORTISED_SEGMENTS, state.remaining))
    now = Step(
        state.upcoming[0].duration_s,
        np.array([o.quality for o in options]),
        np.array([o.choice.size_bytes + o.missing_bytes / spread for o in options]),
    )
    steps = [now, *(_step(state, segment, spread) for segment in state.upcoming[1:])]
    value = _later(planner, steps, state.remaining - len(steps))
    for step, before in zip(steps[:0:-1], steps[-2::-1], strict=True):
        value = planner.before(step, value, before.quality)
    return Plan(planner, now, value, predicted.now @ predicted.transition)


def expected_segments(capacity_s: float, duration_s: float) -> int:
    """Returns the number of segments to expect after those that are known."""
    lasting = math.ceil(EXPECTED_BUFFERS * capacity_s / duration_s)
    return min(max(EXPECTED_SEGMENTS, lasting), MOST_EXPECTED_SEGMENTS)


def _later(planner: Planner, steps: Sequence[Step], left: int) -> Array:
    """Returns the value of having taken each option of the last step, with `left` segments still to come."""
    last = steps[-1]
    levels = len(planner.predicted.rates_bps)
    if left <= 0:
        return np.zeros((MOST_LEVELS, len(last.quality), levels))
    alike = [step for step in steps if len(step.quality) == len(last.quality)]
    usual = Step(
        float(np.mean([step.duration_s for step in alike])),
        np.mean([step.quality for step in alike], axis=0),
        np.mean([step.size_bytes for step in alike], axis=0),
    )
    value = np.zeros((MOST_LEVELS, len(usual.quality), levels))
    for _ in range(min(left, expected_segments(planner.capacity_s, usual.duration_s)) - 1):
        value = planner.before(usual, value, usual.quality)
    return planner.before(usual, value, last.quality)


def changes(state: State, now: Step) -> Array:
    """Returns the cost of the change from the previous segment for every option."""
    before = now.quality if state.last_quality is None else state.last_quality
    return np.asarray(SWITCH * np.abs(now.quality - before))
