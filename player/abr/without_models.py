"""Parts shared by policies that ignore models: they choose the rung first, and take its best model if there is one."""

from __future__ import annotations

from player.abr.state import Decision, Enhancement, RungChoice, State

INSUFFICIENT_BUFFER_SAFETY = 0.7
"""Part of the throughput that a nearly empty buffer is filled with (dash.js, InsufficientBufferRule)."""
UNTOUCHED_SEGMENTS = 2
"""Transfers before the insufficient-buffer rule applies."""


def with_model(state: State, rung: int, wait_s: float, memory: tuple[float, ...] = ()) -> Decision:
    """The rung at that place with the best of its models that is ready before the segment is shown, if any is."""
    choice = state.upcoming[0].choices[rung]
    best = best_enhancement(state, choice)
    return Decision(choice.rung, best.track if best else None, wait_s, memory)


def best_enhancement(state: State, choice: RungChoice) -> Enhancement | None:
    """Returns the best enhancement that gains something and that the machine finishes in time; None without any."""
    able = [e for e in choice.enhancements if e.quality > choice.quality and in_time(state, e)]
    return max(able, key=lambda e: e.quality, default=None)


def in_time(state: State, enhancement: Enhancement) -> bool:
    """Returns True if the segment is enhanced before it is due, or at least as fast as it plays."""
    duration_s = state.upcoming[0].duration_s
    return state.enhancing_s + enhancement.cost_s <= max(state.buffer_s, duration_s)


def rung_below(state: State, rate_bps: float | None) -> int:
    """Returns the index of the largest bandwidth up to that rate; the lowest rung if the rate is not known."""
    choices = state.upcoming[0].choices
    return max((i for i, choice in enumerate(choices) if choice.bandwidth_bps <= (rate_bps or 0.0)), default=0)


def capped(state: State, rung: int, rate_bps: float | None) -> int:
    """No rung whose segment the buffer would not outlast (dash.js, InsufficientBufferRule)."""
    if rate_bps is None or len(state.transfers) <= UNTOUCHED_SEGMENTS:
        return rung
    affordable_bps = INSUFFICIENT_BUFFER_SAFETY * rate_bps * state.buffer_s / state.upcoming[0].duration_s
    return min(rung, rung_below(state, affordable_bps))
