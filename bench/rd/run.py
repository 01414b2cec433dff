"""All measurements of one clip, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cache import Cache
from bench.machine import machine
from bench.rd.enhanced import enhanced_points
from bench.rd.plain import plain_points
from bench.rd.points import Point
from bench.rd.rungs import Clip, Rung, open_clip, plain_rungs
from bench.rd.settings import Settings
from bench.rd.summary import details, hulls, percents, unions
from bench.rd.talk import Talk
from bench.rd.training import recipe_of, trained, worth_training


@dataclass(frozen=True)
class Plain:
    """The plain line of a clip, that all else is held against."""

    rungs: list[Rung]
    near: list[Rung]
    """Those worth enhancing."""
    left_out: dict[str, float]
    """Each other rung, and by how many dB it is below the hull."""
    points: list[Point]
    size: tuple[int, int]
    """At which everything is judged."""


def measure_clip(source: Path, settings: Settings, work: Path, talk: Talk, *, fresh: bool) -> dict[str, Any]:
    """What `--json` holds of the clip. Raises BenchError, BundleError, MediaError, OSError."""
    clip = open_clip(source, settings, work)
    cache = Cache(clip.work / "results", fresh=fresh)
    plain = _plain(clip, cache, talk)
    result: dict[str, Any] = {
        "machine": machine(),
        "clip": _clip_json(clip, plain),
        "class": settings.size_class,
        "settings": settings.to_json(),
        "points": [point.to_json() for point in plain.points],
        "plain_hull": hulls(plain.points),
        "left_out_db_below_hull": plain.left_out,
    }
    if settings.enhance:
        points, told = _enhanced(clip, "enhanced", plain, cache, talk)
        rates = unions(plain.points, points)
        result["points"] += [point.to_json() for point in points]
        result |= {
            "union_hull": hulls([*plain.points, *points]),
            "bd_rate_union": percents(rates),
            "bd_rate_union_details": details(rates),
            "training": told,
        }
    return result


def _plain(clip: Clip, cache: Cache, talk: Talk) -> Plain:
    settings = clip.settings
    rungs = plain_rungs(clip, settings.codecs[0], settings.crfs)
    size = max(rung.size for rung in rungs)
    points = plain_points(clip, rungs, size, cache, talk)
    near, left_out = worth_training(rungs, points, settings.cut_db)
    return Plain(rungs, near, left_out, points, size)


def _enhanced(clip: Clip, kind: str, plain: Plain, cache: Cache, talk: Talk) -> tuple[list[Point], dict[str, Any]]:
    """Points of a kind of models on the rungs near the hull, and what training took."""
    made = trained(clip, kind, plain.near, recipe_of(kind, clip.settings), cache)
    points = enhanced_points(clip, kind, made.rungs, plain.size, cache, talk)
    duration_s = plain.rungs[0].duration_s
    return points, {**made.told, "cpu_s_per_video_s": round(made.told["cpu_s"] / duration_s, 2)}


def _clip_json(clip: Clip, plain: Plain) -> dict[str, Any]:
    return {
        "name": clip.name,
        "key": clip.key,
        "width": plain.size[0],
        "height": plain.size[1],
        "duration_s": plain.rungs[0].duration_s,
    }
