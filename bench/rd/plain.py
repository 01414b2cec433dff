"""Measures the plain line: fetches every rung over HTTP, resizes it by OpenCV, and scores it against the source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2

from bench.cache import code_digest, digest_of
from bench.judging import JUDGING_CODE, RESIZED, Enlarge, decoded_frames, enlargement, frame_scores, quality_json
from bench.machine import ffmpeg_version
from bench.rd.context import Context
from bench.rd.fetching import Bytes, loopback
from bench.rd.points import Point, point_of
from bench.rd.rungs import Rung, write_view
from manifests.names import MANIFEST
from manifests.networks import Size
from media.frames import Frame
from media.quality import FrameScore
from media.source.reference import reference_frames
from media.vmaf import vmaf_program
from report.measure import frame_count

FETCHING_CODE = (
    *("bench/rd/fetching.py", "server/catalogue.py", "server/responses.py", "server/open_files.py", "server/disk.py"),
)
"""Code that decides how many bytes are sent; manifests count as packed."""


def plain_points(context: Context, rungs: Sequence[Rung], kind: str = "plain") -> list[Point]:
    """Returns two points for each rung, bicubic and Lanczos, or one for a rung of the source's size."""
    sent = fetched(context, rungs)
    points = []
    for rung in rungs:
        for way, quality in qualities(context, rung, ways_of(rung, context.size)).items():
            points.append(point_of(kind, way, rung, sent[rung.id], quality))
            context.talk.point(points[-1])
    return points


def ways_of(rung: Rung, size: Size) -> list[str]:
    """Returns the ways to bring a rung without models to `size`."""
    return ["source"] if rung.size == size else list(RESIZED)


def fetched(context: Context, rungs: Sequence[Rung]) -> dict[str, Bytes]:
    """Returns the bytes of each rung's files with its one-rung manifest. Starts a server only for unknown ones."""
    root, cache = context.clip.work / "views" / "plain", context.cache
    found: dict[str, Bytes] = {}
    keys: dict[str, str] = {}
    for rung in rungs:
        view = write_view(root / rung.id, [rung])
        # Sizes stay known while neither the files nor the server's code change.
        keys[rung.id] = digest_of(view.root / MANIFEST, *rung.media, code_digest(FETCHING_CODE))
        known = cache.known(f"bytes-{rung.id}", keys[rung.id])
        if known is not None:
            found[rung.id] = Bytes(**known)
    # A server starts only if something has to be fetched.
    missing = [rung.id for rung in rungs if rung.id not in found]
    if missing:
        with loopback(root) as server:
            for name in missing:
                found[name] = server.fetch(name)
                cache.keep(f"bytes-{name}", keys[name], asdict(found[name]))
    return found


def qualities(context: Context, rung: Rung, ways: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns the quality of a rung in each of these ways; scores those that are not known from one decode."""
    # The key leaves the decoder out, because H.264, HEVC and AV1 decode exactly.
    key, cache = quality_key(context, rung, code_digest(JUDGING_CODE)), context.cache
    known = {way: cache.known(f"{rung.id}-{way}", key) for way in ways}
    # All unknown ways share one decode.
    missing = {way: enlargement(way, context.size) for way in ways if known[way] is None}
    if missing:
        for way, scores in scored(context, rung, decoded_frames(rung.media), missing).items():
            known[way] = quality = quality_json(scores)
            cache.keep(f"{rung.id}-{way}", key, quality)
    return {way: quality for way, quality in known.items() if quality is not None}


def scored(
    context: Context, rung: Rung, frames: Iterable[Frame], ways: Mapping[str, Enlarge]
) -> dict[str, list[FrameScore]]:
    """Returns the scores of a rung's frames in each of these ways, with a bar on stderr."""
    clip, size = context.clip, context.size
    references = reference_frames(clip.source, rung.treatment, *size)
    with context.talk.frames(f"score {rung.id} {' '.join(ways)}", frame_count(rung.representation)) as on_frame:
        return frame_scores(references, frames, ways, size, vmaf_every=clip.settings.vmaf_every, on_frame=on_frame)


def quality_key(context: Context, rung: Rung, *more: object) -> str:
    """Returns a key for scores. It covers source, segments, size, VMAF interval, tools and `more`."""
    treatment = sorted(rung.treatment.to_json().items())
    vmaf = vmaf_program()
    tools = (cv2.__version__, ffmpeg_version(), vmaf and vmaf.name)
    every = context.clip.settings.vmaf_every
    return digest_of(context.clip.key, treatment, *rung.media, context.size, every, tools, *more)
