"""BONES: rung and enhancement together, by Lyapunov optimisation over the buffers of downloads and of enhancements.

Lingdong Wang, Simran Singh, Jacob Chakareski, Mohammad Hajiesmaili, Ramesh Sitaraman, "BONES: Near-Optimal
Neural-Enhanced Video Streaming", SIGMETRICS 2024. The option is chosen whose drift minus V times its reward is least
for each byte of its segment; models cost no bytes in the decision, as in the paper, but they are fetched nevertheless.
"""

from __future__ import annotations

from collections.abc import Iterator

from player.abr.state import Decision, Enhancement, Rule, RungChoice, State, full_wait_s
from player.abr.without_models import in_time

GAMMA_P = 10.0
"""Value of keeping the buffer filled, in quality: gamma·p of the paper."""
V_FACTOR = 1.0
"""V as a part of the largest one that keeps the buffer within its capacity."""


def bones(state: State) -> Decision:
    return bones_with(state, GAMMA_P, V_FACTOR)


def bones_with(state: State, gamma_p: float, v_factor: float) -> Decision:
    """Decides with given parameters; the paper tunes them for each network."""
    segment = state.upcoming[0]
    top_quality = max(choice.quality for choice in segment.choices)
    room_s = max(segment.duration_s, state.capacity_s - segment.duration_s)
    v = v_factor * room_s * segment.duration_s / max(1.0, top_quality + gamma_p)

    def loss(option: tuple[RungChoice, Enhancement | None]) -> float:
        choice, enhancement = option
        drift = state.buffer_s * segment.duration_s
        quality = choice.quality
        if enhancement is not None:
            drift += state.enhancing_s * enhancement.cost_s
            quality = enhancement.quality
        return (drift - v * (quality + gamma_p)) / max(1.0, choice.size_bytes)

    choice, enhancement = min(_options(state), key=loss)
    return Decision(choice.rung, enhancement.track if enhancement else None, full_wait_s(state))


def _options(state: State) -> Iterator[tuple[RungChoice, Enhancement | None]]:
    """Yields every rung plain, and with each model that is done before the segment is due."""
    for choice in state.upcoming[0].choices:
        yield choice, None
        for enhancement in choice.enhancements:
            if in_time(state, enhancement):
                yield choice, enhancement


RULE = Rule("bones", bones)
