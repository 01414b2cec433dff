"""Measures rungs with models: plays them over HTTP by `neudash play` into a raw file, and scores that file."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.cache import code_digest
from bench.judging import JUDGING_CODE, enlargement, lossless_frames, quality_json
from bench.programs import neudash
from bench.rd.context import Context
from bench.rd.fetching import Bytes, Loopback, loopback
from bench.rd.plain import FETCHING_CODE, quality_key, scored
from bench.rd.points import Point, point_of
from bench.rd.rungs import Rung, write_view
from bench.rd.training import recipe_of, trained
from manifests.names import MANIFEST
from manifests.networks import Size
from media.frames import Frame

PLAYING_CODE = (*JUDGING_CODE, *FETCHING_CODE, "manifests", "media", "player")
"""Code on which an enhanced picture depends, besides its bytes."""


def trained_points(context: Context, kind: str, rungs: Sequence[Rung]) -> tuple[list[Point], dict[str, Any]]:
    """Trains models of one kind for these rungs; returns their points, and what training took. Raises BenchError."""
    clip = context.clip
    made = trained(clip, rungs, recipe_of(kind, clip.settings), context.cache)
    told = {**made.told, "cpu_s_per_video_s": round(made.told["cpu_s"] / rungs[0].duration_s, 2)}
    return enhanced_points(context, kind, made.rungs), told


def enhanced_points(context: Context, kind: str, rungs: Sequence[Rung]) -> list[Point]:
    """Returns a point for every rung with models; on request also one for each of several networks."""
    each = context.clip.settings.each_network
    shown = [variant for rung in rungs for variant in variants(rung, each_network=each)]
    root, cache = context.clip.work / "views" / kind, context.cache
    keys = {}
    # Each view is a bundle of one rung, so that the player has no choice.
    for rung in shown:
        view = write_view(root / rung.id, [rung])
        keys[rung.id] = quality_key(context, rung, view.root / MANIFEST, *rung.models, code_digest(PLAYING_CODE))
    results = {rung.id: cache.known(f"played-{rung.id}", keys[rung.id]) for rung in shown}
    missing = [rung for rung in shown if results[rung.id] is None]
    # A server starts only if something has to be played.
    if missing:
        with loopback(root) as server:
            for rung in missing:
                played = _played(context, rung, server)
                cache.keep(f"played-{rung.id}", keys[rung.id], played)
                results[rung.id] = played
    points = [_point(kind, rung, result) for rung in shown if (result := results[rung.id]) is not None]
    for point in points:
        context.talk.point(point)
    return points


def variants(rung: Rung, *, each_network: bool) -> Iterator[Rung]:
    """Yields the rung as published if it has models, and on request once with each of several networks."""
    tracks = rung.representation.model_tracks
    if tracks:
        yield rung
    if each_network and len(tracks) > 1:
        for track in tracks:
            alone = replace(rung.representation, model_tracks=(track,))
            yield replace(rung, id=f"{rung.id}-rank{track.rank}", representation=alone)


def _played(context: Context, rung: Rung, server: Loopback) -> dict[str, Any]:
    size, enlarge = context.size, enlargement("lanczos", context.size)
    sizes: set[Size] = set()

    def fitted(frame: Frame) -> Frame:
        sizes.add(Size(frame.width, frame.height))
        return enlarge(frame)

    # Raw frames take gigabytes, so they go to the work folder and not to the system's temporary one.
    with tempfile.TemporaryDirectory(dir=context.clip.work) as folder:
        video, stats = Path(folder) / "played.y4m", Path(folder) / "stats.json"
        neudash("play", server.address(rung.id), "--out", video, "--stats", stats)
        # The server's log counts the bytes; the player's own count is only compared with it.
        sent = server.sent(rung.id)
        (scores,) = scored(context, rung, lossless_frames(video), {"as played": fitted}).values()
        told = json.loads(stats.read_bytes())
    return {"bytes": asdict(sent), "quality": quality_json(scores), "notes": _notes(told, sent, sizes, size)}


def _notes(told: dict[str, Any], sent: Bytes, sizes: set[Size], size: Size) -> dict[str, Any]:
    """Returns notes from the player's `--stats`; unusual facts are only there if they occurred."""
    reasons = Counter(segment["reason"] for segment in told["segments"] if segment["reason"])
    notes: dict[str, Any] = {"enhanced_frames": told["enhanced_frames"], "enhance_fps": told["enhance_fps"]}
    if reasons:
        notes["segments_not_enhanced"] = dict(reasons)
    # The player's count of bytes should be the server's.
    if told["total_bytes"] != sent.total:
        notes["bytes_by_the_player's_count"] = told["total_bytes"]
    if sizes != {size}:
        notes["played_size"] = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
    return notes


def _point(kind: str, rung: Rung, result: dict[str, Any]) -> Point:
    tracks = sorted(rung.representation.model_tracks, key=lambda track: track.rank)
    networks = [f"{track.network}x{track.scale}" for track in tracks]
    notes = {**result["notes"], "networks": networks, "macs_per_pixel": [track.macs_per_pixel for track in tracks]}
    return point_of(kind, "+".join(networks), rung, Bytes(**result["bytes"]), result["quality"], notes)
