"""RobustMPC: the best of all plans for the next segments, at a cautious estimate of the throughput.

Xiaoqi Yin, Abhishek Jindal, Vyas Sekar, Bruno Sinopoli, "A Control-Theoretic Approach for Dynamic Adaptive Video
Streaming over HTTP", SIGCOMM 2015. Every plan is tried. Quality is VMAF if it is known, as in later studies (Yan et
al., NSDI 2020), weighed as in `objective`.
"""

from __future__ import annotations

import numpy as np

from player.abr.estimate import robust_bps
from player.abr.objective import STALL_PER_S, SWITCH
from player.abr.state import Decision, Rule, State, full_wait_s
from player.abr.without_models import with_model

HORIZON = 5
MAX_PLANS = 50_000
"""Plans that are tried at most, which bounds time and memory for ladders of many rungs by a shorter horizon."""


def robust_mpc(state: State) -> Decision:
    return with_model(state, _rung(state), full_wait_s(state))


def _rung(state: State) -> int:
    rate_bps = robust_bps(state.transfers)
    if rate_bps is None:
        return 0
    rungs = len(state.upcoming[0].choices)
    steps = min(HORIZON, len(state.upcoming))
    # Shorten the horizon rather than skip plans.
    while rungs**steps > MAX_PLANS and steps > 1:
        steps -= 1
    plans = np.indices((rungs,) * steps).reshape(steps, -1)
    score = np.zeros(plans.shape[1])
    buffer_s = np.full(plans.shape[1], state.buffer_s)
    last = None if state.last_quality is None else np.full(plans.shape[1], state.last_quality)
    # All plans at once, segment by segment: arrays are indexed by plan.
    for rung, segment in zip(plans, state.upcoming, strict=False):
        quality = np.array([choice.quality for choice in segment.choices])[rung]
        download_s = np.array([8 * choice.size_bytes / rate_bps for choice in segment.choices])[rung]
        score += quality - STALL_PER_S * np.maximum(0.0, download_s - buffer_s)
        if last is not None:
            score -= SWITCH * np.abs(quality - last)
        buffer_s = np.minimum(np.maximum(buffer_s - download_s, 0.0) + segment.duration_s, state.capacity_s)
        last = quality
    return int(plans[0, int(score.argmax())])


RULE = Rule("robust-mpc", robust_mpc)
