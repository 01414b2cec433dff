"""All measurements of one clip, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.cache import Cache
from bench.machine import machine
from bench.rd.plain import plain_points
from bench.rd.rungs import open_clip, plain_rungs
from bench.rd.settings import Settings
from bench.rd.summary import hulls
from bench.rd.talk import Talk


def measure_clip(source: Path, settings: Settings, work: Path, talk: Talk, *, fresh: bool) -> dict[str, Any]:
    """What `--json` holds of the clip. Raises BenchError, BundleError, MediaError, OSError."""
    clip = open_clip(source, settings, work)
    cache = Cache(clip.work / "results", fresh=fresh)
    rungs = plain_rungs(clip, settings.codecs[0], settings.crfs)
    top = max(rungs, key=lambda rung: rung.size)
    plain = plain_points(clip, rungs, top.size, cache, talk)
    return {
        "machine": machine(),
        "clip": {
            "name": clip.name,
            "key": clip.key,
            "width": top.size[0],
            "height": top.size[1],
            "duration_s": top.duration_s,
        },
        "class": settings.size_class,
        "settings": settings.to_json(),
        "points": [point.to_json() for point in plain],
        "plain_hull": hulls(plain),
    }
