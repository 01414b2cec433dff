"""Computes the figures of a simulated session in the forms of the literature. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from bench.abr.simulate import SimulatedSession
from bench.abr.title import Title
from player.abr.objective import STALL_PER_S, SWITCH

PENSIEVE_STALL_MBPS = 4.3
"""Mbit/s that a second of stall costs (Mao et al., SIGCOMM 2017), also in the NAS form."""
GROUPS = ("3g", "fcc", "4g", "5g", "umts")
"""Groups of traces, recognised by a part of their names."""


def metrics(title: Title, session: SimulatedSession) -> dict[str, float]:
    """Returns QoE, quality and rates as means per segment, and stalls, start-up and bytes of the whole session.

    `qoe_bones` is quality minus its changes minus 0.1 per millisecond of stall (Wang et al., SIGMETRICS 2024).
    `qoe_pensieve` is the rungs' Mbit/s minus their changes minus 4.3 per second of stall. `qoe_nas` is the same of the
    effective bitrate.
    """
    count = len(session.segments)
    qualities = [segment.quality for segment in session.segments]
    rates = [segment.bandwidth_bps / 1e6 for segment in session.segments]
    effective = [title.effective_mbps(segment.rung, segment.track) for segment in session.segments]
    model_bytes = sum(segment.model_bytes for segment in session.segments)
    stall = session.stall_s / count
    return {
        "qoe_bones": fmean(qualities) - SWITCH * _changes(qualities) - STALL_PER_S * stall,
        "qoe_pensieve": fmean(rates) - _changes(rates) - PENSIEVE_STALL_MBPS * stall,
        "qoe_nas": fmean(effective) - _changes(effective) - PENSIEVE_STALL_MBPS * stall,
        "quality": fmean(qualities),
        "change": _changes(qualities),
        "stall_s": session.stall_s,
        "startup_s": session.startup_s,
        # All that was fetched, used or not.
        "bytes": sum(s.media_bytes + s.given_up_bytes for s in session.segments) + model_bytes + title.table_bytes,
        "model_bytes": model_bytes,
        "enhanced": sum(segment.track is not None for segment in session.segments) / count,
    }


def _changes(values: Sequence[float]) -> float:
    """Returns the mean over the segments of the change from the one before; the first has none."""
    return sum(abs(later - earlier) for earlier, later in pairwise(values)) / len(values)


def mean_metrics(by_trace: Mapping[str, Mapping[str, float]], group: str | None = None) -> dict[str, float]:
    """Returns means over all traces, or over those with the group in their names. Every trace counts once."""
    chosen = [found for name, found in by_trace.items() if group is None or group in name]
    return {key: fmean(found[key] for found in chosen) for key in chosen[0]}


def groups_of(traces: Sequence[str]) -> list[str]:
    """Returns the groups that have traces."""
    return [group for group in GROUPS if any(group in name for name in traces)]
