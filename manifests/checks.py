"""Checks of a bundle's files against its manifest; each yields one sentence for each problem."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from manifests.errors import MalformedManifestError
from manifests.measure import MeasuredMedia, reason
from manifests.model import (
    AdaptationSet,
    AudioRepresentation,
    ModelFile,
    Presentation,
    Representation,
    Segment,
    VideoRepresentation,
)
from manifests.mp4.fragments import FragmentInfo, InitInfo
from manifests.mpd.write import aspect_ratio
from manifests.names import model_href, quality_href, text_href
from manifests.pace import coverage_problems, pace_problems
from manifests.quality_table import decode_quality

MEDIA_FOLDERS = ("video", "audio", "text")

_WEBVTT = re.compile(rb"(\xef\xbb\xbf)?WEBVTT(?=[ \t\n\r]|$)")


def presentation_problems(p: Presentation) -> Iterator[str]:
    """Yields what a manifest may contain and a bundle may not: rungs out of step or shape, sound that does not fit."""
    base_urls = [*p.base_urls, *(url for s in p.adaptation_sets for url in s.base_urls)]
    if any("://" not in url for url in base_urls):
        yield "a relative BaseURL would lead past the bundle's own files"
    for s in p.adaptation_sets:
        rungs = [r for r in s.representations if isinstance(r, VideoRepresentation)]
        if len({aspect_ratio(r) for r in rungs}) > 1:
            shapes = ", ".join(f"{r.id} {aspect_ratio(r)}" for r in rungs)
            yield f"the rungs differ in aspect ratio: {shapes}; give each its exact sample aspect ratio"
    pictures = (*p.video, *p.hdr_video)
    for r in pictures:
        if r.segments[-1].end_s > p.duration_s:
            yield f"{r.id}: the last segment ends after the presentation does"
    for r in pictures[1:]:
        yield from _boundary_problems(pictures[0], r)
    for r in p.hdr_video:
        if r.model_tracks:
            yield f"{r.id}: models are for SDR pictures, these are HDR"
    yield from coverage_problems(p)


def _boundary_problems(first: Representation, other: Representation) -> Iterator[str]:
    if len(first.segments) != len(other.segments):
        yield f"{other.id} has {len(other.segments)} segments, {first.id} has {len(first.segments)}"
        return
    for a, b in zip(first.segments, other.segments, strict=True):
        if (a.start_s, a.duration_s) != (b.start_s, b.duration_s):
            yield f"segment {b.number} of {other.id} has other boundaries than that of {first.id}"
            return


def media_problems(root: Path, p: Presentation, media: Mapping[str, MeasuredMedia]) -> Iterator[str]:
    """Yields problems of init segments and segments: missing, unlisted, unlike the manifest or unlike the next
    rung's."""
    yield from _unlisted_files(root, p)
    frames_by_segment: list[int] = []
    for r in p.representations:
        yield from _representation_problems(r, media[r.id])
        counts = [s.fragment.sample_count for s in media[r.id].segments]
        if not isinstance(r, VideoRepresentation) or len(counts) != len(r.segments):
            continue
        frames_by_segment = frames_by_segment or counts
        if counts != frames_by_segment:
            yield f"{r.id} has {counts} frames in its segments, {p.representations[0].id} has {frames_by_segment}"
    yield from pace_problems(p, media)


def _unlisted_files(root: Path, p: Presentation) -> Iterator[str]:
    listed = {href for r in p.representations for href in r.hrefs} | {track.href for track in p.text}
    for folder in MEDIA_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            href = path.relative_to(root).as_posix()
            # Dot files are what a killed writer left; nothing lists or serves them.
            if path.is_file() and href not in listed and not path.name.startswith("."):
                yield f"{href} is not in the manifest"


def _representation_problems(r: Representation, measured: MeasuredMedia) -> Iterator[str]:
    if measured.init is not None:
        href = r.init_href
        yield from (f"{href}: {problem}" for problem in _init_problems(measured.init, r))
    yield from measured.problems
    for s in measured.segments:
        yield from (f"{s.href}: {problem}" for problem in _segment_problems(s.fragment, s.segment))


def _init_problems(init: InitInfo, r: Representation) -> Iterator[str]:
    said: list[tuple[str, object, object]] = [
        ("timescale", init.timescale, r.timescale),
        ("codecs", init.codecs.lower(), r.codecs.lower()),
    ]
    if isinstance(r, VideoRepresentation):
        said.append(("size", (init.width, init.height), r.size))
        if init.dynamic_range is not None:
            said.append(("dynamic range", init.dynamic_range, r.video.dynamic_range))
    if isinstance(r, AudioRepresentation):
        said.append(("format", (init.sample_rate_hz, init.channels), (r.audio.sample_rate_hz, r.audio.channels)))
    for what, found, promised in said:
        if found != promised:
            yield f"{what} is {found}, the manifest says {promised}"


def _segment_problems(fragment: FragmentInfo, segment: Segment) -> Iterator[str]:
    found = (fragment.start_ticks, fragment.duration_ticks)
    if found != (segment.start_ticks, segment.duration_ticks):
        yield (
            f"starts at {found[0]} and lasts {found[1]} ticks, "
            f"the manifest says {segment.start_ticks} and {segment.duration_ticks}"
        )
    if not fragment.starts_with_sync:
        yield "does not start with a sync sample: no player can start here"


def text_problems(root: Path, p: Presentation) -> Iterator[str]:
    """Subtitles: missing, no WebVTT, not named by their content."""
    for track in p.text:
        try:
            data = (root / track.href).read_bytes()
        except OSError as error:
            yield f"{track.href}: {reason(error)}"
            continue
        if not _WEBVTT.match(data):
            yield f"{track.href}: is not WebVTT: it does not begin with that word"
        elif text_href(data) != track.href:
            yield f"{track.href}: is not named by its content, which would be {text_href(data)}"


def model_problems(root: Path, p: Presentation) -> Iterator[str]:
    """Model files: missing, of another size or hash than promised, not named by their content."""
    models: dict[str, ModelFile] = {}
    for r in p.video:
        for model in (model for track in r.model_tracks for model in track.models):
            first = models.setdefault(model.href, model)
            if (first.size_bytes, first.sha256) != (model.size_bytes, model.sha256):
                yield f"{model.href}: listed twice, with different hashes"
    for label, model in sorted(models.items()):
        if model.href is None:
            continue
        try:
            data = (root / model.href).read_bytes()
        except OSError as error:
            yield f"{label}: {reason(error)}"
            continue
        yield from (f"{label}: {problem}" for problem in _model_problems(data, model))


def _model_problems(data: bytes, model: ModelFile) -> Iterator[str]:
    if len(data) != model.size_bytes or hashlib.sha256(data).hexdigest() != model.sha256:
        yield f"size or SHA-256 of its {len(data)} bytes is not the one promised"
    elif model_href(data) != model.href:
        yield f"is not named by its content, which would be {model_href(data)}"


def quality_problems(root: Path, p: Presentation) -> Iterator[str]:
    """Quality tables: missing, of another hash than promised, unreadable, or of other segments than these."""
    for s in p.adaptation_sets:
        if s.quality is not None:
            try:
                data = (root / s.quality.href).read_bytes()
            except OSError as error:
                yield f"{s.quality.href}: {reason(error)}"
                continue
            if len(data) != s.quality.size_bytes or hashlib.sha256(data).hexdigest() != s.quality.sha256:
                yield f"{s.quality.href}: size or SHA-256 of its {len(data)} bytes is not the one promised"
            elif quality_href(data) != s.quality.href:
                yield f"{s.quality.href}: is not named by its content, which would be {quality_href(data)}"
            else:
                yield from _table_problems(root, s, data)


def _table_problems(root: Path, s: AdaptationSet, data: bytes) -> Iterator[str]:
    assert s.quality is not None, "asked of a set with a table"
    try:
        table = decode_quality(data)
    except MalformedManifestError as error:
        yield f"{s.quality.href}: {error}"
        return
    for r in s.representations:
        told = table.rungs.get(r.id)
        if told is None or len(told.segments) != len(r.segments):
            yield f"{s.quality.href}: does not have the {len(r.segments)} segments of {r.id}"
            continue
        for segment, entry in zip(r.segments, told.segments, strict=True):
            path = root / segment.href
            if path.is_file() and path.stat().st_size != entry.size_bytes:
                yield f"{s.quality.href}: has {entry.size_bytes} bytes for segment {segment.number} of {r.id}"
                break
