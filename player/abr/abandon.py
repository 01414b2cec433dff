"""The rule of dash.js for abandoning a running download for a smaller segment: AbandonRequestsRule.

Kevin Spiteri, Ramesh Sitaraman, Daniel Sparacio, "From Theory to Practice: Improving Bitrate Adaptation in the DASH
Reference Player", MMSys 2018. dash.js applies it in addition to the rule that chooses.
"""

from __future__ import annotations

from player.abr.estimate import SAFETY
from player.abr.state import Decision, Progress, State, choice_of
from player.abr.without_models import rung_below, with_model

GRACE_S = 0.5
"""Grace period before a download may be abandoned."""
STABLE_BUFFER_S = 18.0
"""Buffer above which nothing is abandoned."""
MULTIPLIER = 1.8
"""Time that a download may take, as a multiple of the segment's duration."""


def abandon_request(state: State, progress: Progress) -> Decision | None:
    """Abandons for the rung that a safe part of this download's throughput carries, if that saves bytes; else None."""
    if progress.elapsed_s < GRACE_S or state.buffer_s > STABLE_BUFFER_S:
        return None
    segment, current = state.upcoming[0], choice_of(state, progress.rung)
    needed_s = progress.elapsed_s + 8 * progress.rest_bytes / progress.rate_bps
    if needed_s <= MULTIPLIER * segment.duration_s:
        return None
    lower = rung_below(state, SAFETY * progress.rate_bps)
    choices = segment.choices
    likely_bytes = progress.size_bytes * choices[lower].bandwidth_bps / choices[current].bandwidth_bps
    if lower >= current or likely_bytes >= progress.rest_bytes:
        return None
    return with_model(state, lower, 0.0, state.memory)
