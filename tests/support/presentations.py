"""Representations for tests, at the addresses that the packager would give them."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from manifests.model import (
    AudioFormat,
    AudioRepresentation,
    ModelTrack,
    Representation,
    Segment,
    SegmentSeries,
    VideoFormat,
    VideoRepresentation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

R = TypeVar("R", bound=Representation)


def series_of(name: str, timescale: int, kind: str = "video") -> SegmentSeries:
    """The clock and the addresses of a representation called `name`."""
    return SegmentSeries(timescale, f"{kind}/{name}/init.mp4", f"{kind}/{name}/$Number%05d$.m4s")


def segments_of(series: SegmentSeries, durations_ticks: Iterable[int], start_ticks: int = 0) -> tuple[Segment, ...]:
    """Segments one after the other, numbered from 1."""
    durations = list(durations_ticks)
    starts = accumulate(durations, initial=start_ticks)
    return tuple(Segment(n, start, ticks, series) for n, (start, ticks) in enumerate(zip(starts, durations), 1))  # noqa: B905 - one start too many


def measured_segments(series: SegmentSeries, times_ticks: Iterable[tuple[int, int]]) -> tuple[Segment, ...]:
    """Segments with these starts and durations, numbered from 1."""
    return tuple(Segment(n, start, duration, series) for n, (start, duration) in enumerate(times_ticks, 1))


def rung_of(
    name: str,
    video: VideoFormat,
    durations_ticks: Iterable[int],
    timescale: int,
    *,
    bandwidth_bps: int = 1000,
    codecs: str = "avc1.64001E",
    tracks: Sequence[ModelTrack] = (),
    problem: str | None = None,
) -> VideoRepresentation:
    """A rung whose segments last that long."""
    segments = segments_of(series_of(name, timescale), durations_ticks)
    return VideoRepresentation(name, codecs, bandwidth_bps, segments, video, tuple(tracks), problem)


def sound_of(
    name: str,
    durations_ticks: Iterable[int] = (48000,),
    timescale: int = 48000,
    *,
    channels: int = 2,
    bandwidth_bps: int = 128_000,
) -> AudioRepresentation:
    """A sound track whose segments last that long."""
    segments = segments_of(series_of(name, timescale, "audio"), durations_ticks)
    return AudioRepresentation(name, "mp4a.40.2", bandwidth_bps, segments, AudioFormat(48000, channels))


def with_series(r: R, **changes: object) -> R:
    """The same representation with another clock or other addresses."""
    series = replace(r.series, **changes)  # type: ignore[arg-type]  # the tests name fields of it
    return replace(r, segments=tuple(replace(segment, series=series) for segment in r.segments))
