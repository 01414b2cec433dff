"""Computes hulls and delta rates from the points of a clip. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.rd.curves import BdRate, hull, union_bd_rate
from bench.rd.points import COMPARED, Point, curve


def hulls(points: Sequence[Point]) -> dict[str, list[dict[str, Any]]]:
    """Returns the corners of each metric's hull, with the point at each corner."""
    found: dict[str, list[dict[str, Any]]] = {}
    for metric in COMPARED:
        corners = set(hull(curve(points, metric)))
        on_hull = [p for p in points if (p.rate_bps, p.quality[metric]) in corners]
        found[metric] = [
            {"kind": p.kind, "rung": p.rung, "way": p.way, "rate_bps": p.rate_bps, "quality": p.quality[metric]}
            for p in sorted(on_hull, key=lambda p: p.rate_bps)
        ]
    return found


def unions(plain: Sequence[Point], added: Sequence[Point]) -> dict[str, BdRate]:
    """Returns the delta rate of each metric if `added` points may be chosen too."""
    return {metric: union_bd_rate(curve(plain, metric), curve(added, metric)) for metric in COMPARED}


def percents(rates: dict[str, BdRate]) -> dict[str, float | None]:
    """Returns only the percentages."""
    return {metric: rate.percent for metric, rate in rates.items()}


def details(rates: dict[str, BdRate]) -> dict[str, Any]:
    """Returns the percentages with their checks and ranges, and the reasons if any are missing."""
    return {metric: asdict(rate) for metric, rate in rates.items()}
