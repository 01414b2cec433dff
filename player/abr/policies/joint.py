"""Joint: rung, model and enhancement chosen together, by looking ahead over the throughputs that may come.

A stochastic form of model-predictive control (Yin et al., SIGCOMM 2015; Yan et al., "Learning in situ", NSDI 2020). The
manifest and its quality table give the bytes and the quality of the coming segments on every rung, plain and enhanced,
and the bytes of models that are not held yet. The rule maximises the expected sum of quality minus changes minus stalls
(`objective`). Beyond the segments that it knows it expects more of the same, so that a full buffer keeps its value.
Before the first finished transfer it takes the lowest rung.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from player.abr.joint_abandon import joint_abandon
from player.abr.lookahead import Option, changes, plan, ways
from player.abr.objective import STALL_PER_S
from player.abr.state import Decision, Rule, State, full_wait_s

CHEAP_MODEL = 0.1
"""Largest share of a segment's bytes for its model while nothing is known of the throughput."""


def joint(state: State) -> Decision:
    """Decides by looking ahead; remembers nothing."""
    option = _best(state, ways(state, state.upcoming[0].choices)) if state.transfers else _first(state)
    return option.decision(full_wait_s(state))


def _first(state: State) -> Option:
    """Returns the lowest rung, with a model if that hardly delays it."""
    options = ways(state, state.upcoming[0].choices[:1])
    return max(
        (o for o in options if o.missing_bytes <= CHEAP_MODEL * o.choice.size_bytes), key=lambda option: option.quality
    )


def _best(state: State, options: Sequence[Option]) -> Option:
    """Returns the option of highest value.

    A model's bytes count in full for a stall now, and spread over several segments for what they take from later ones.
    """
    planned = plan(state, options)
    predicted = planned.planner.predicted
    worth = planned.planner.taking(planned.now, planned.value, np.array([state.buffer_s]))[0] @ predicted.now
    worth -= changes(state, planned.now)
    for index, option in enumerate(options):
        spread_s, full_s = (
            8 * size_bytes / predicted.rates_bps + predicted.delays_s
            for size_bytes in (planned.now.size_bytes[index], option.choice.size_bytes + option.missing_bytes)
        )
        more_s = np.maximum(full_s - state.buffer_s, 0.0) - np.maximum(spread_s - state.buffer_s, 0.0)
        worth[index] -= STALL_PER_S * float(planned.chances @ more_s)
    return options[int(worth.argmax())]


RULE = Rule("joint", joint, joint_abandon)
