"""Egress at equal quality over recorded networks: each side plays its own bundle by the player's default rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from bench.abr.run import Settings, link_of
from bench.abr.simulate import simulate
from bench.abr.title import Title, read_title
from bench.rd.curves import bd_rate, monotone
from media.hull import Point
from player.abr.rules import DEFAULT, RULES
from player.fetching.network_trace import NetworkTrace

DURATION_S = 300.0
BUFFER_S = 20.0


def egress_percent(ours: Path, reference: Path, traces: Mapping[str, NetworkTrace]) -> float | None:
    """Returns how many more (negative: fewer) bytes ours sends for the same mean VMAF-NEG, in per cent.

    Each side is played over every network, with all its rungs and with only the lowest 2, 3, ... of them; bytes and
    quality, means over the networks, make a curve for each side, and the curves are compared (BD-rate).
    """
    titles = [read_title(root, Settings().macs_per_s) for root in (ours, reference)]
    curves = [monotone(egress_curve(title, traces)) for title in titles]
    return bd_rate(curves[1], curves[0]).percent


def egress_curve(title: Title, traces: Mapping[str, NetworkTrace]) -> list[Point]:
    """Returns (bytes, mean VMAF-NEG) for sessions that are capped at each rung from the second on."""
    rungs = [choice.rung for choice in title.segments[0].choices]
    return [_played(_capped(title, set(rungs[:count])), traces) for count in range(min(2, len(rungs)), len(rungs) + 1)]


def _capped(title: Title, rungs: set[str]) -> Title:
    segments = (
        replace(segment, choices=tuple(choice for choice in segment.choices if choice.rung in rungs))
        for segment in title.segments
    )
    return replace(title, segments=tuple(segments))


def _played(title: Title, traces: Mapping[str, NetworkTrace]) -> Point:
    rule = RULES[DEFAULT]
    segments = title.looped(DURATION_S, forget=False)
    sizes, qualities = [], []
    for name, trace in traces.items():
        session = simulate(segments, rule.choose, link_of(name, trace), BUFFER_S, rule.abandon)
        shown = session.segments
        sizes.append(title.table_bytes + sum(s.media_bytes + s.model_bytes + s.given_up_bytes for s in shown))
        qualities.append(fmean(s.quality for s in shown))
    return fmean(sizes), fmean(qualities)
