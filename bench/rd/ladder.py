"""The fixed ladder of NAS (Yeo et al., OSDI 2018): what models save where rungs are given, not chosen.

A rate and a height each, whatever the title; the same rungs enhanced, every model byte charged. No hull: each point in
the order of the ladder, as published figures have it, which flatters enhancement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.rd.context import Context
from bench.rd.curves import BdRate, bd_rate, monotone
from bench.rd.enhanced import trained_points
from bench.rd.plain import plain_points
from bench.rd.points import COMPARED, Point
from bench.rd.rungs import packaged
from bench.rd.summary import details, percents
from bench.rd.training import LADDER
from report.hull import Point as RateAndQuality

KBPS = {240: 400, 360: 800, 480: 1200, 720: 2400, 1080: 4800}
"""By the rows of a wide picture."""


def ladder_rungs(width: int, height: int) -> list[str]:
    """For `--rungs`: what of the ladder a source of that size reaches; for tall video the rows count across."""
    short = min(width, height)
    return [f"{round(rows * height / short)}@{kbps}k" for rows, kbps in KBPS.items() if rows <= short]


def fixed_ladder(context: Context) -> dict[str, Any]:
    """What `--json` says of the ladder. Raises BenchError."""
    clip = context.clip
    wanted = ladder_rungs(*context.size)
    if len(wanted) < 2:
        return {"reason": "the clip is lower than the ladder's second rung"}
    rungs = packaged(clip, clip.settings.codecs[0], "ladder", wanted)
    plain = plain_points(context, rungs, f"{LADDER}plain")
    enhanced, told = trained_points(context, f"{LADDER}enhanced", rungs)
    rates = {metric: ladder_bd_rate(plain, enhanced, metric) for metric in COMPARED}
    return {
        "rungs": wanted,
        "points": [point.to_json() for point in (*plain, *enhanced)],
        "bd_rate": percents(rates),
        "bd_rate_details": details(rates),
        "training": told,
    }


def ladder_bd_rate(plain: Sequence[Point], enhanced: Sequence[Point], metric: str) -> BdRate:
    """Each rung the better of its ways, against the same with models where the rung has any."""
    reference = best_of_each(plain, metric)
    other = {**reference, **best_of_each(enhanced, metric)}
    return bd_rate(monotone(list(reference.values())), monotone(list(other.values())))


def best_of_each(points: Sequence[Point], metric: str) -> dict[str, RateAndQuality]:
    """For each rung the best quality, with its rate."""
    best: dict[str, RateAndQuality] = {}
    for point in points:
        quality = point.quality[metric]
        if quality is not None and (point.rung not in best or quality > best[point.rung][1]):
            best[point.rung] = (point.rate_bps, quality)
    return best
