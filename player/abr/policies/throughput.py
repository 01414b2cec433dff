"""The throughput rule: the largest rung below a safe part of the measured throughput.

Kevin Spiteri, Ramesh Sitaraman, Daniel Sparacio, "From Theory to Practice: Improving Bitrate Adaptation in the DASH
Reference Player", MMSys 2018: THROUGHPUT, with the estimate and the safety of dash.js.
"""

from __future__ import annotations

from player.abr.abandon import abandon_request
from player.abr.estimate import SAFETY, ewma_bps
from player.abr.state import Decision, Rule, State, full_wait_s
from player.abr.without_models import capped, rung_below, with_model


def throughput(state: State) -> Decision:
    return with_model(state, throughput_rung(state), full_wait_s(state))


def throughput_rung(state: State) -> int:
    """Returns the index of the rung that it chooses; the lowest before anything was transferred."""
    rate_bps = ewma_bps(state.transfers)
    if rate_bps is None:
        return 0
    return capped(state, rung_below(state, SAFETY * rate_bps), rate_bps)


RULE = Rule("throughput", throughput, abandon_request)
