"""The presentation for the manifest, measured from the segments on disk, never assumed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from manifests.model import (
    AdaptationSet,
    AudioFormat,
    AudioRepresentation,
    DynamicRange,
    Presentation,
    Role,
    Segment,
    SegmentSeries,
    TextTrack,
    VideoFormat,
    VideoRepresentation,
)
from manifests.mp4.fragments import InitInfo, read_fragment, read_init
from manifests.names import text_href
from packager.ladder.sizes import LadderRung


@dataclass(frozen=True)
class MeasuredTrack:
    """Facts measured from one representation's folder."""

    init: InitInfo
    segments: tuple[Segment, ...]
    sizes_bytes: tuple[int, ...]
    frames: int
    """Samples in all segments."""
    sha256: str
    """SHA-256 over the init segment and all segments, in order."""

    @property
    def duration_s(self) -> Fraction:
        return self.segments[-1].end_s


@dataclass(frozen=True)
class MeasuredSound:
    """A representation of sound and what a viewer chooses it by."""

    id: str
    language: str | None
    label: str | None
    role: Role
    track: MeasuredTrack


@dataclass(frozen=True)
class Text:
    """A track of subtitles and what a viewer chooses it by."""

    webvtt: bytes
    language: str | None
    label: str | None
    role: Role


def measure_track(folder: Path) -> MeasuredTrack:
    """Read `init.mp4` and every segment. Raises MalformedFragmentError."""
    data = (folder / "init.mp4").read_bytes()
    init, digest = read_init(data), hashlib.sha256(data)
    series = SegmentSeries(init.timescale, "init.mp4", "$Number%05d$.m4s")
    segments, sizes, frames = [], [], 0
    for number, path in enumerate(sorted(folder.glob("*.m4s")), start=1):
        data = path.read_bytes()
        digest.update(data)
        fragment = read_fragment(data, init)
        segments.append(Segment(number, fragment.start_ticks, fragment.duration_ticks, series))
        sizes.append(len(data))
        frames += fragment.sample_count
    return MeasuredTrack(init, tuple(segments), tuple(sizes), frames, digest.hexdigest())


def content_tag(tracks: Iterable[MeasuredTrack]) -> str:
    """Returns eight hex digits for the folder names of all tracks of a bundle.

    Segments are cached forever under their addresses, so a bundle that is packaged again needs others; one tag for all
    keeps one SegmentTemplate for all rungs.
    """
    return hashlib.sha256("".join(track.sha256 for track in tracks).encode()).hexdigest()[:8]


def bandwidth_bps(track: MeasuredTrack) -> int:
    """Bits per second of the most demanding segment, a shorter last one counted as if it were whole.

    With a buffer of one segment that is what `Representation@bandwidth` promises (ISO/IEC 23009-1, 5.3.5.2).
    """
    whole = track.segments[0].duration_ticks
    rates = (
        Fraction(8 * size * track.init.timescale, max(segment.duration_ticks, whole))
        for segment, size in zip(track.segments, track.sizes_bytes, strict=True)
    )
    return max(1, -(-max(rates) // 1))


@dataclass(frozen=True)
class HdrLadder:
    """The rungs that are HDR, and how."""

    dynamic_range: DynamicRange
    rungs: tuple[tuple[LadderRung, MeasuredTrack], ...]


def build_presentation(
    video: Sequence[tuple[LadderRung, MeasuredTrack]],
    frame_rate: Fraction,
    sound: Sequence[MeasuredSound],
    text: Sequence[Text],
    title: str,
    tag: str,
    hdr: HdrLadder | None = None,
) -> Presentation:
    """The presentation of measured tracks, `tag` being their `content_tag`; each sound is an AdaptationSet of its own.

    It lasts as long as the video: audio may end up to one AAC frame later.
    """
    rungs = tuple(_video_representation(rung, track, frame_rate, tag) for rung, track in video)
    sets = [AdaptationSet("1", "video", "video/mp4", rungs)]
    # Each track is a set of its own, because a viewer chooses between them and a player must not.
    for number, one in enumerate(sound, start=2):
        representations = (_audio_representation(one.id, one.track, tag),)
        sets.append(
            AdaptationSet(str(number), "audio", "audio/mp4", representations, one.language, one.label, one.role)
        )
    # HDR comes last: players that cannot show it then start with a set that they can.
    if hdr is not None:
        wide = tuple(_video_representation(*pair, frame_rate, tag, hdr.dynamic_range) for pair in hdr.rungs)
        sets.append(AdaptationSet(str(len(sets) + 1), "video", "video/mp4", wide))
    # A buffer of one segment suffices, for which the bandwidths are computed.
    longest = max(s.duration_s for r in rungs for s in r.segments)
    duration_s = video[0][1].duration_s
    return Presentation(
        duration_s=duration_s,
        adaptation_sets=tuple(sets),
        min_buffer_s=longest,
        title=title,
        text=tuple(
            TextTrack(
                f"t{number}",
                text_href(one.webvtt),
                ceil(8 * len(one.webvtt) / duration_s),
                one.language,
                one.label,
                one.role,
            )
            for number, one in enumerate(text, start=1)
        ),
    )


def _video_representation(
    rung: LadderRung, track: MeasuredTrack, frame_rate: Fraction, tag: str, dynamic_range: DynamicRange = "sdr"
) -> VideoRepresentation:
    video = VideoFormat(track.init.width, track.init.height, frame_rate, rung.size.sar, dynamic_range)
    segments = _addressed(track, f"video/{rung.id}-{tag}")
    return VideoRepresentation(rung.id, track.init.codecs, bandwidth_bps(track), segments, video)


def _audio_representation(name: str, track: MeasuredTrack, tag: str) -> AudioRepresentation:
    audio = AudioFormat(track.init.sample_rate_hz, track.init.channels)
    segments = _addressed(track, f"audio/{name}-{tag}")
    return AudioRepresentation(name, track.init.codecs, bandwidth_bps(track), segments, audio)


def _addressed(track: MeasuredTrack, folder: str) -> tuple[Segment, ...]:
    """Returns the segments of `track` with the addresses that they have in `folder`."""
    series = SegmentSeries(track.init.timescale, f"{folder}/init.mp4", f"{folder}/$Number%05d$.m4s")
    return tuple(replace(segment, series=series) for segment in track.segments)
