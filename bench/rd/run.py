"""Runs all measurements of one clip, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.cache import Cache
from bench.machine import machine
from bench.rd.context import Context
from bench.rd.curves import bd_rate, hull
from bench.rd.enhanced import trained_points
from bench.rd.ladder import fixed_ladder
from bench.rd.plain import plain_points
from bench.rd.points import COMPARED, Point, curve
from bench.rd.rivals import rival
from bench.rd.rungs import Rung, open_clip, plain_rungs
from bench.rd.settings import CODEC_CRFS, TRAINED_RIVALS, Settings
from bench.rd.summary import details, hulls, percents, unions
from bench.rd.talk import BenchProgress
from bench.rd.training import worth_training


def measure_clip(
    source: Path, settings: Settings, work: Path, talk: BenchProgress, *, fresh: bool
) -> Iterator[dict[str, Any]]:
    """Yields the JSON of the clip in parts, most important first; a later part replaces keys of an earlier one.

    Raises BenchError, BundleError, MediaError, OSError.
    """
    clip = open_clip(source, settings, work)
    rungs = plain_rungs(clip, settings.codecs[0], settings.crfs)
    size = max(rung.size for rung in rungs)
    context = Context(clip, size, Cache(clip.work / "results", fresh=fresh), talk)
    # The plain line comes first: it decides which rungs are worth enhancing.
    plain = plain_points(context, rungs)
    near, left_out = worth_training(rungs, plain, settings.cut_percent)
    points = [point.to_json() for point in plain]
    yield {
        "machine": machine(),
        "clip": _clip_json(context, rungs[0]),
        "class": settings.size_class,
        "settings": settings.to_json(),
        "points": points,
        "plain_hull": hulls(plain),
        "left_out_percent_above_hull": left_out,
    }
    if settings.enhance:
        yield from _enhanced(context, near, plain, points)
    # Other encoders are the slowest, so they come last.
    yield {"codecs": {codec: _other_codec(context, codec, plain) for codec in settings.codecs[1:]}}


def _enhanced(
    context: Context, near: list[Rung], plain: list[Point], plain_json: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yields the JSON of ours, the quick rivals, the fixed ladder and the trained rivals, in this order."""
    settings = context.clip.settings
    points, training = trained_points(context, "enhanced", near)
    rates = unions(plain, points)
    told_points = [*plain_json, *(point.to_json() for point in points)]
    rivals: dict[str, Any] = {}
    yield {
        "points": told_points,
        "union_hull": hulls([*plain, *points]),
        "bd_rate_union": percents(rates),
        "bd_rate_union_details": details(rates),
        "training": training,
        "rivals": rivals,
    }

    def measured(names: Sequence[str]) -> Iterator[dict[str, Any]]:
        for name in names:
            rivals[name], rival_points = rival(context, name, near, plain)
            told_points.extend(point.to_json() for point in rival_points)
            yield {"points": told_points, "rivals": rivals}

    # Training takes hours, so the rivals that need it come last.
    yield from measured([name for name in settings.rivals if name not in TRAINED_RIVALS])
    if settings.ladder:
        yield {"fixed_ladder": fixed_ladder(context)}
    yield from measured([name for name in settings.rivals if name in TRAINED_RIVALS])


def _other_codec(context: Context, codec: str, plain: list[Point]) -> dict[str, Any]:
    """Returns the plain line of another codec against that of ours, on a coarser grid of CRFs."""
    rungs = plain_rungs(context.clip, codec, CODEC_CRFS[codec])
    points = plain_points(context, rungs, f"plain-{codec}")
    rates = {m: bd_rate(hull(curve(plain, m)), hull(curve(points, m))) for m in COMPARED}
    return {
        "points": [point.to_json() for point in points],
        "plain_hull": hulls(points),
        "bd_rate": percents(rates),
        "bd_rate_details": details(rates),
    }


def _clip_json(context: Context, rung: Rung) -> dict[str, Any]:
    return {
        "name": context.clip.name,
        "key": context.clip.key,
        "width": context.size[0],
        "height": context.size[1],
        "duration_s": rung.duration_s,
    }
