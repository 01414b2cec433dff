"""Dynamic, the default of dash.js: throughput while the buffer is low, BOLA once it is high.

Kevin Spiteri, Ramesh Sitaraman, Daniel Sparacio, "From Theory to Practice: Improving Bitrate Adaptation in the DASH
Reference Player", MMSys 2018.
"""

from __future__ import annotations

from player.abr.abandon import abandon_request
from player.abr.policies.bola import bola_rung
from player.abr.policies.throughput import throughput_rung
from player.abr.state import Decision, Rule, State, full_wait_s
from player.abr.without_models import with_model

SWITCH_S = 10.0
"""Buffer at which BOLA takes over; half of a buffer that is smaller than twice that."""


def dynamic(state: State) -> Decision:
    """Decides by buffer or by throughput; remembers BOLA's placeholder and which of them decides."""
    by_buffer, placeholder_s = bola_rung(state)
    by_rate = throughput_rung(state)
    buffer_decides = len(state.memory) > 1 and state.memory[1] > 0
    high = state.buffer_s >= min(SWITCH_S, state.capacity_s / 2)
    if not buffer_decides and high and by_buffer >= by_rate:
        buffer_decides = True
    elif buffer_decides and not high and by_buffer < by_rate:
        buffer_decides = False
    rung = by_buffer if buffer_decides else by_rate
    return with_model(state, rung, full_wait_s(state), (placeholder_s, float(buffer_decides)))


RULE = Rule("dynamic", dynamic, abandon_request)
