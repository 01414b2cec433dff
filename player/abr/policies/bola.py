"""BOLA-E: the buffer's level chooses the rung, by Lyapunov optimisation.

Kevin Spiteri, Rahul Urgaonkar, Ramesh Sitaraman, "BOLA: Near-Optimal Bitrate Adaptation for Online Videos", INFOCOM
2016, in the form of "From Theory to Practice" (MMSys 2018), which is that of dash.js: a placeholder stands for buffer
that could not grow yet at the start, a rise goes no higher than the throughput carries, and a nearly empty buffer is
not risked.
"""

from __future__ import annotations

import math

from player.abr.abandon import abandon_request
from player.abr.estimate import SAFETY, ewma_bps
from player.abr.state import Decision, Rule, State, choice_of, full_wait_s
from player.abr.without_models import capped, rung_below, with_model

MINIMUM_BUFFER_S = 10.0
"""Buffer up to which the lowest rung is taken; half of a buffer that is smaller than twice that."""


def bola(state: State) -> Decision:
    rung, placeholder_s = bola_rung(state)
    return with_model(state, rung, _wait_s(state, rung, placeholder_s), (placeholder_s,))


def bola_rung(state: State) -> tuple[int, float]:
    """Returns the index of the rung that it chooses, and the placeholder buffer to remember, in seconds."""
    rate_bps = ewma_bps(state.transfers)
    safe = rung_below(state, None if rate_bps is None else SAFETY * rate_bps)
    if not state.memory or state.buffer_s < state.upcoming[0].duration_s / 2:
        # Start-up, also after a stall: the throughput's rung, and as much placeholder as makes BOLA agree with it.
        return capped(state, safe, rate_bps), max(0.0, _reaching_s(state, safe) - state.buffer_s)
    placeholder_s = min(state.memory[0], max(0.0, _reaching_s(state, safe) - state.buffer_s))
    level_s = state.buffer_s + placeholder_s
    rung = max(range(len(state.upcoming[0].choices)), key=lambda i: (_score(state, i, level_s), i))
    last = choice_of(state, state.last_rung)
    if rung > safe and rung > last:
        rung = max(safe, last)
    return capped(state, rung, rate_bps), placeholder_s


def _parameters(state: State) -> tuple[float, float]:
    """Returns V and gamma, both times p of the paper: lowest rung at the minimum buffer, highest at a full one."""
    target_s = max(2.0, state.capacity_s - state.upcoming[0].duration_s)
    minimum_s = min(MINIMUM_BUFFER_S, target_s / 2)
    top = _utility(state, len(state.upcoming[0].choices) - 1)
    gamma = (top - 1) / (target_s / minimum_s - 1) if top > 1 else 1.0
    return minimum_s / gamma, gamma


def _utility(state: State, rung: int) -> float:
    choices = state.upcoming[0].choices
    return 1 + math.log(choices[rung].bandwidth_bps / choices[0].bandwidth_bps)


def _score(state: State, rung: int, level_s: float) -> float:
    v, gamma = _parameters(state)
    return (v * (_utility(state, rung) - 1 + gamma) - level_s) / state.upcoming[0].choices[rung].bandwidth_bps


def _reaching_s(state: State, rung: int) -> float:
    """Returns the least buffer at which no lower rung scores better than `rung`."""
    choices, (v, gamma) = state.upcoming[0].choices, _parameters(state)
    least_s = 0.0
    for lower in range(rung):
        high_bps, low_bps = choices[rung].bandwidth_bps, choices[lower].bandwidth_bps
        if high_bps > low_bps:
            mixed = (high_bps * _utility(state, lower) - low_bps * _utility(state, rung)) / (high_bps - low_bps)
            least_s = max(least_s, v * (mixed - 1 + gamma))
    return least_s


def _wait_s(state: State, rung: int, placeholder_s: float) -> float:
    """Returns the time until the buffer is no longer too full for that rung: then a better one is worth waiting for."""
    full_s = full_wait_s(state)
    if rung == len(state.upcoming[0].choices) - 1:
        return full_s
    v, gamma = _parameters(state)
    most_s = v * (_utility(state, rung) - 1 + gamma)
    return max(full_s, min(state.buffer_s, state.buffer_s + placeholder_s - most_s))


RULE = Rule("bola", bola, abandon_request)
