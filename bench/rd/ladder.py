"""Measures the fixed ladder of NAS (Yeo et al., OSDI 2018): what models save if rungs are given, not chosen.

Each rung has a height and a rate, the same for every title. It is also enhanced, with every model byte counted. The
points are compared in the order of the ladder and not by a hull, as in published figures, which flatters enhancement.
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
from media.hull import Point as RateAndQuality

KBPS = {240: 400, 360: 800, 480: 1200, 720: 2400, 1080: 4800}
"""Rates in kbit/s, by the rows of a wide picture."""


def ladder_rungs(width: int, height: int) -> list[str]:
    """Returns the ladder's rungs that a source of this size reaches, for `--rungs`. A tall video counts its columns."""
    short = min(width, height)
    return [f"{round(rows * height / short)}@{kbps}k" for rows, kbps in KBPS.items() if rows <= short]


def fixed_ladder(context: Context) -> dict[str, Any]:
    """Returns the JSON of the ladder. Raises BenchError."""
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
    """Returns the delta rate of the ladder with models against the plain ladder, each rung at its best."""
    reference = best_of_each(plain, metric)
    other = {**reference, **best_of_each(enhanced, metric)}
    return bd_rate(monotone(list(reference.values())), monotone(list(other.values())))


def best_of_each(points: Sequence[Point], metric: str) -> dict[str, RateAndQuality]:
    """Returns the best quality of each rung, with its rate."""
    best: dict[str, RateAndQuality] = {}
    for point in points:
        quality = point.quality[metric]
        if quality is not None and (point.rung not in best or quality > best[point.rung][1]):
            best[point.rung] = (point.rate_bps, quality)
    return best
