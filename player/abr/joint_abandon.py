"""The rule of `joint` for abandoning a running download: both outcomes are valued as `joint` values rungs.

A slow stretch of the network is assumed to last about as long again as it has lasted: a Pareto distribution of index 2.
Until it ends bytes come at the recent rate, then as `forecast` predicts. A download that continues may still be
abandoned after the stretch, so a smaller segment is better only by what arrives of it before: in an outage, nothing. So
short outages, which end before the buffer does, abandon nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from player.abr.lookahead import Option, changes, plan, ways
from player.abr.state import Decision, Progress, State, choice_of

GRACE_S = 0.5
"""Grace period before a download may be abandoned."""
LASTING = (0.1, 0.4, 1.5)
"""Remaining length of a slow stretch, as multiples of its length so far: sixths 1, 3 and 5 of the distribution."""


def joint_abandon(state: State, progress: Progress) -> Decision | None:
    """Returns None if the rest will arrive before the buffer is empty, and before the first finished transfer."""
    current = choice_of(state, progress.rung)
    rest_s = 8 * progress.rest_bytes / progress.recent.rate_bps
    if not state.transfers or progress.elapsed_s < GRACE_S or current == 0 or rest_s <= state.buffer_s:
        return None
    choices = state.upcoming[0].choices
    model = next((e for e in choices[current].enhancements if e.track == progress.track), None)
    going_on = Option(replace(choices[current], size_bytes=progress.rest_bytes), model, 0.0)
    option = _better(state, progress, (going_on, *ways(state, choices[:current])))
    return None if option is going_on else option.decision(0.0)


def _better(state: State, progress: Progress, options: Sequence[Option]) -> Option:
    """Returns the best option, of which the first is to continue. Arrays: [length of the slow stretch, option,
    level]."""
    planned = plan(state, options)
    planner, duration_s = planned.planner, state.upcoming[0].duration_s
    rates_bps, slow_bps = planner.predicted.rates_bps, progress.recent.rate_bps
    slow_s = progress.elapsed_s * np.array(LASTING)[:, None, None]
    bits = 8 * np.array([o.choice.size_bytes + o.missing_bytes for o in options])[None, :, None]
    within = bits <= slow_bps * slow_s
    asked_after_s = slow_s + bits / rates_bps + planner.predicted.delays_s
    asked_now_s = np.where(within, bits / slow_bps, asked_after_s - slow_bps * slow_s / rates_bps)
    shown = (planned.now.quality - changes(state, planned.now))[None, :, None]
    after, now = (
        shown + planner.leaving(planned.value, duration_s, state.buffer_s - takes_s)
        for takes_s in (asked_after_s, asked_now_s)
    )
    now[:, :1] = np.where(within[:, :1], now[:, :1], np.maximum(now[:, :1], after[:, 1:].max(axis=1, keepdims=True)))
    return options[int((now @ planned.chances).mean(axis=0).argmax())]
