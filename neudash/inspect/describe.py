"""Contents of a bundle, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from manifests.model import (
    AdaptationSet,
    AudioRepresentation,
    ContentType,
    ModelTrack,
    Presentation,
    Representation,
    TextTrack,
    VideoFormat,
    VideoRepresentation,
)

SizeOf = Callable[[str], "int | None"]
"""Returns the size of a listed file in bytes, or None if it is not known (a manifest without its files)."""


def describe(p: Presentation, size_of: SizeOf) -> dict[str, Any]:
    """`p` as plain JSON values: durations in seconds, sizes in bytes, null where `size_of` does not know."""
    sounds = [_sound(r, size_of) | _track_facts(s) for s in p.audio_sets for r in s.sound]
    rungs = [*(_rung(r, size_of) for r in (*p.video, *p.hdr_video)), *sounds]
    models = {m.href: m.size_bytes for r in p.video for track in r.model_tracks for m in track.models}
    media = [rung["media_bytes"] for rung in rungs]
    return {
        "title": p.title,
        "duration_s": float(p.duration_s),
        "rungs": rungs,
        "subtitles": [{"id": t.id, **_track_facts(t), "bytes": size_of(t.href)} for t in p.text],
        "media_bytes": None if None in media else sum(media),
        "model_files": len(models),
        "model_bytes": sum(models.values()),
    }


def _track_facts(track: AdaptationSet | TextTrack) -> dict[str, Any]:
    """The part by which a viewer chooses it."""
    return {"language": track.language, "label": track.label, "role": track.role}


def _rung(r: VideoRepresentation, size_of: SizeOf) -> dict[str, Any]:
    return _media("video", r, size_of) | {
        "models": [_track(track, r.video) for track in r.model_tracks],
        "model_problem": r.model_problem,
        "width": r.video.width,
        "height": r.video.height,
        "frame_rate": float(r.video.frame_rate),
        "dynamic_range": r.video.dynamic_range,
    }


def _sound(r: AudioRepresentation, size_of: SizeOf) -> dict[str, Any]:
    return _media("audio", r, size_of) | {
        "models": [],
        "model_problem": None,
        "sample_rate_hz": r.audio.sample_rate_hz,
        "channels": r.audio.channels,
    }


def _media(kind: ContentType, r: Representation, size_of: SizeOf) -> dict[str, Any]:
    sizes = [size_of(href) for href in r.hrefs]
    known = [size for size in sizes if size is not None]
    return {
        "id": r.id,
        "type": kind,
        "codecs": r.codecs,
        "bandwidth_bps": r.bandwidth_bps,
        "segments": len(r.segments),
        "media_bytes": sum(known) if len(known) == len(sizes) else None,
    }


def _track(track: ModelTrack, rung: VideoFormat) -> dict[str, Any]:
    width, height = track.enhanced_size_of(rung)
    return {
        "id": track.id,
        "network": track.network,
        "scale": track.scale,
        "width": width,
        "height": height,
        "macs_per_pixel": track.macs_per_pixel,
        "files": len(track.models),
        "updates": sum(model.base is not None for model in track.models),
        "bytes": sum({model.href: model.size_bytes for model in track.models}.values()),
        "enhanced_segments": sum(n is not None for n in track.uses),
        "uses": list(track.uses),
    }


_HEADINGS = (
    *("rung", "picture or sound", "codecs", "kbit/s", "segments", "media"),
    *("network", "models", "model bytes", "enhanced"),
)


def as_text(description: dict[str, Any]) -> str:
    """A description as a heading, a table with one line per rung and network, and a sum."""
    rows = [_HEADINGS, *(row for rung in description["rungs"] for row in _rows(rung))]
    title = description["title"] or "untitled"
    media, models = _bytes(description["media_bytes"]), _bytes(description["model_bytes"])
    total = f"media {media}, {description['model_files']} model files {models}"
    notes = [f"{r['id']}: not enhanced: {r['model_problem']}" for r in description["rungs"] if r["model_problem"]]
    notes += [_text_line(track) for track in description["subtitles"]]
    return "\n".join([f"{title}, {description['duration_s']:.3f} s", "", *_aligned(rows), "", total, *notes])


def _text_line(track: dict[str, Any]) -> str:
    return f"{track['id']}: subtitles, {_chosen_by(track)}, {_bytes(track['bytes'])}"


def _chosen_by(track: dict[str, Any]) -> str:
    """`fr "Français", dub`; roles that say nothing of their own are left out."""
    label = f'"{track["label"]}"' if track["label"] else ""
    role = "" if track["role"] in (None, "subtitle") else track["role"]
    return ", ".join(filter(None, (f"{track['language'] or 'of no stated language'} {label}".rstrip(), role)))


def _rows(rung: dict[str, Any]) -> list[tuple[str, ...]]:
    if rung["type"] == "video":
        colour = "" if rung["dynamic_range"] == "sdr" else f" {rung['dynamic_range'].upper()}"
        form = f"{rung['width']}x{rung['height']} {rung['frame_rate']:.5g} fps{colour}"
    else:
        form = f"{rung['sample_rate_hz']} Hz, {rung['channels']} ch, {_chosen_by(rung)}"
    rate = f"{rung['bandwidth_bps'] / 1000:.0f}"
    head = (rung["id"], form, rung["codecs"], rate, str(rung["segments"]), _bytes(rung["media_bytes"]))
    blank = ("",) * len(head)
    tracks = [_track_cells(track, rung["segments"]) for track in rung["models"]] or [("-", "-", "-", "-")]
    return [(*(head if index == 0 else blank), *cells) for index, cells in enumerate(tracks)]


def _track_cells(track: dict[str, Any], segments: int) -> tuple[str, ...]:
    files = f"{track['files'] - track['updates']} + {track['updates']} updates"
    enhanced = f"{track['enhanced_segments']} of {segments}"
    return f"{track['network']} to {track['width']}x{track['height']}", files, _bytes(track["bytes"]), enhanced


def _bytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size:,} B".replace(",", " ")


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
