"""Facts of a source from its header and its first picture; opened with the same whitelists as ffmpeg is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from manifests.languages import bcp47
from media.colour.dolby_vision import DolbyVision, dolby_vision
from media.colour.mastering import MasteringDisplay, content_light, mastering_display, side_data
from media.errors import ProgramFailedError, UnreadableSourceError
from media.programs import MAX_SOURCE_PIXELS, find_program, run, source_options, source_url
from media.source.formats import reason_not_opened
from media.source.orientation import Turn, turn_of
from media.source.scan import MAX_PACKETS_TO_FIRST_FRAME, decoded, open_container, packets, undecodable, video_decoder
from media.source.transport_stream import programmes_of
from media.source.treatment import Crop, display_size

DESCRIPTION_DEADLINE_S = 120.0

TEXT_SUBTITLES = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})
"""Decoders of ffmpeg whose subtitles it can write as WebVTT; the others' are pictures, or rare."""

DISPOSITIONS = ("default", "dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired")
"""Dispositions of a track, as ffmpeg names them, for which manifests have a role."""
_PROGRAMS_NAME = re.compile("handler|media|video|audio|sound|subtitle|gpac|mainconcept|^iso|^core", re.IGNORECASE)

FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_MATRICES = {  # the numbers are those of ITU-T H.273
    0: "identity",
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
    15: "ipt-c2",
    16: "ycgco-re",
    17: "ycgco-ro",
}
_PALETTES_WITH_ALPHA = frozenset({"apng", "png"})
"""Decoders whose palettes have a true alpha; the fourth byte of other palettes means nothing."""


@dataclass(frozen=True)
class VideoInfo:
    """The video stream of a source, as its header and its first decodable frame say."""

    index: int
    """Number of the stream within the file."""
    codec: str
    width: int
    """Stored columns, before rotation."""
    height: int
    sar: Fraction
    """Sample aspect ratio of the stored picture; 1 if the file does not state it."""
    turn: Turn
    """Rotation or mirroring of the picture for display."""
    turn_is_exact: bool
    """False if the file asks for an angle that no player shows."""
    crop: Crop | None
    """Pixels of the stored picture that the container hides; None if there are none."""
    pixel_format: str
    named_rates: tuple[Fraction, ...]
    """Frame rates that the file states, the most trustworthy first."""
    frames: int | None
    """Frame count in the header, which may be wrong; None if it is not stated."""
    duration_s: Fraction | None
    """Duration of this stream, or of the file from the first frame on if the stream does not state it."""
    duration_known: bool
    """True if the duration is this stream's own; even then it may be wrong."""
    full_range: bool
    matrix: str | None
    """YUV matrix as in `media.colour.conversion.Colour`; `gbr` for RGB, None if the file does not say."""
    transfer: int
    """Transfer characteristics, a number of ITU-T H.273; 2 is unknown."""
    primaries: int = 2
    """Colour primaries, a number of ITU-T H.273; 2 is unknown."""
    alpha: bool = False
    """True if the frames have an alpha plane."""
    opaque: bool = True
    """True if the first frame hides everything behind it."""
    mastering: MasteringDisplay | None = None
    """Mastering display; None if the file states it partly or not at all."""
    content_light: tuple[int, int] | None = None
    """Brightest sample and brightest mean of a frame in nits (MaxCLL, MaxFALL); None if the file does not say."""
    dolby_vision: DolbyVision | None = None
    """None for a stream without Dolby Vision."""

    @property
    def display_size(self) -> tuple[Fraction, Fraction]:
        """Columns and rows of the first picture as it is shown."""
        return display_size(self.width, self.height, self.sar, self.crop, self.turn)


@dataclass(frozen=True)
class AudioInfo:
    """A sound stream according to its header; the decoder's output may change on the way."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: tuple[str, ...]
    """Name of each channel (`FL`, `FC`, `LFE`); `NONE` if the file does not say."""
    language: str | None = None
    """BCP 47."""
    title: str | None = None
    """Its name in the file."""
    dispositions: tuple[str, ...] = ()
    """ffmpeg's names for the part that it plays, in DISPOSITIONS."""
    duration_s: Fraction | None = None
    """Duration in the header; None if it is not stated."""


@dataclass(frozen=True)
class SubtitleInfo:
    """A track of subtitles that are text, not pictures."""

    index: int
    codec: str
    language: str | None
    title: str | None = None
    """Its name in the file."""
    dispositions: tuple[str, ...] = ()
    """ffmpeg's names for the part that it plays, in DISPOSITIONS."""


@dataclass(frozen=True)
class SourceInfo:
    """Streams and facts of a source."""

    name: str
    format: str
    """ffmpeg's name of the container."""
    video: VideoInfo
    audio: tuple[AudioInfo, ...] = ()
    """All sound of the programme that the picture belongs to, in the order of the file."""
    subtitles: tuple[SubtitleInfo, ...] = ()
    programme: int | None = None
    """Number of the picture's programme; None if the file does not hold several."""
    other_programmes: tuple[int, ...] = ()
    others: tuple[str, ...] = ()
    """Other streams that a viewer would miss, in a few words each: `audio 2 (aac, fra)`."""

    start_s: Fraction = Fraction(0)
    """The raw time that players, and ffmpeg, count as the start of the file."""

    def to_json(self) -> dict[str, Any]:
        """Returns the facts for provenance.json, fractions as `n/d`."""
        value: dict[str, Any] = _plain(asdict(self))
        return value


def probe(path: Path, programme: int | None = None) -> SourceInfo:
    """Reads the header of the file at `path` and decodes one frame.

    `programme` is the number of one of several programmes in a transport stream; None takes that of the picture that a
    player would choose. Raises UnreadableSourceError for anything that is not a video file of an accepted kind.
    """
    with _opened(path) as container:
        members = _programmes(path, container)
        stream = _video_stream(path, container, _members(path, members, programme))
        number = programme or next((n for n, ids in members.items() if stream.id in ids), None)
        belongs = partial(_belongs, members.get(number) if number else None)
        info = SourceInfo(
            name=path.name,
            format=container.format.name,
            start_s=Fraction(container.start_time or 0, av.time_base),
            video=_video(stream, _first_frame(path, container, stream), container),
            audio=tuple(_audio(filter(belongs, container.streams.audio))),
            subtitles=tuple(_subtitles(filter(belongs, container.streams.subtitles))),
            programme=number if len(members) > 1 else None,
            other_programmes=tuple(n for n in members if n != number),
        )
        used = {info.video.index, *(s.index for s in info.audio), *(s.index for s in info.subtitles)}
        info = replace(info, others=tuple(_described(s) for s in container.streams if _is_missed(s, used)))
    description = _description(path, info.video.index)
    video = replace(info.video, crop=_crop(description), dolby_vision=dolby_vision(description))
    return replace(info, video=video)


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    if not path.is_file():
        reason = "is not a regular file" if path.exists() else "does not exist"
        raise UnreadableSourceError(f"{str(path)!r} {'is a folder; name a video' if path.is_dir() else reason}")
    if path.stat().st_size == 0:
        raise UnreadableSourceError(f"{path.name!r} is empty")
    try:
        with open_container(path) as container:
            yield container
    except (av.FFmpegError, ValueError) as error:  # what opens may still describe itself in a way that makes no sense
        raise UnreadableSourceError(f"{path.name!r} {reason_not_opened(path)}") from error


def _programmes(path: Path, container: InputContainer) -> dict[int, frozenset[int]]:
    """The ids of the streams of each programme, if the file holds any."""
    return programmes_of(path) if container.format.name == "mpegts" else {}


def _members(path: Path, members: dict[int, frozenset[int]], programme: int | None) -> frozenset[int] | None:
    """The ids of the streams of the programme that is asked for; None for all."""
    if programme is None:
        return None
    if programme not in members:
        there = f"it has {', '.join(map(str, members))}" if members else "it is not a transport stream with programmes"
        raise UnreadableSourceError(f"{path.name!r} has no programme {programme}; {there}")
    return members[programme]


def _belongs(ids: frozenset[int] | None, stream: Stream) -> bool:
    return ids is None or stream.id in ids


def _video_stream(path: Path, container: InputContainer, ids: frozenset[int] | None = None) -> AvVideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic and _belongs(ids, s)]
    if not streams:
        raise UnreadableSourceError(f"{path.name!r} has no video stream; there is nothing to package")
    # A still picture beside a video (the cover of an AVIF or MP4) is marked as default at times.
    stream = max(
        streams, key=lambda s: (s.frames != 1, s.disposition & Disposition.default, s.width * s.height, -s.index)
    )
    if stream.width * stream.height > MAX_SOURCE_PIXELS:
        raise UnreadableSourceError(
            f"{path.name!r} is {stream.width}x{stream.height}, more than the {MAX_SOURCE_PIXELS} pixels "
            "of 8K; scale it down first"
        )
    return stream


def _first_frame(path: Path, container: InputContainer, stream: AvVideoStream) -> VideoFrame:
    context = video_decoder(stream)
    for count, packet in enumerate(chain(packets(container, [stream]), [None])):
        frames = decoded(context, packet, count)
        if frames:
            return frames[0]
        if count >= MAX_PACKETS_TO_FIRST_FRAME:
            break
    raise undecodable(path, stream)


def _video(stream: AvVideoStream, frame: VideoFrame, container: InputContainer) -> VideoInfo:
    duration_s = None
    if stream.duration and stream.time_base:
        duration_s = stream.duration * Fraction(stream.time_base)
    elif container.duration:
        duration_s = Fraction(container.duration, av.time_base)
    # Facts of the first frame win over the header's, which are often wrong or missing.
    matrix = side_data(frame, SideDataType.DISPLAYMATRIX)
    turn, turn_is_exact = turn_of(matrix) if matrix else ("none", True)
    return VideoInfo(
        index=stream.index,
        codec=stream.codec_context.name,
        width=frame.width,
        height=frame.height,
        sar=Fraction(stream.sample_aspect_ratio or 1) or Fraction(1),
        turn=turn,
        turn_is_exact=turn_is_exact,
        crop=None,
        pixel_format=frame.format.name,
        named_rates=_named_rates(stream),
        frames=stream.frames or None,
        duration_s=duration_s,
        duration_known=bool(stream.duration) or len(container.streams) == 1,
        full_range=frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj"),
        matrix=_matrix(frame),
        transfer=int(frame.color_trc),
        primaries=int(frame.color_primaries),
        alpha=_has_alpha(stream, frame),
        opaque=_is_opaque(frame),
        mastering=mastering_display(frame),
        content_light=content_light(frame),
    )


def _matrix(frame: VideoFrame) -> str | None:
    return "gbr" if frame.format.is_rgb or frame.format.has_palette else _MATRICES.get(int(frame.colorspace))


def _has_alpha(stream: AvVideoStream, frame: VideoFrame) -> bool:
    if frame.format.has_palette:
        return stream.codec_context.name in _PALETTES_WITH_ALPHA
    return any(component.is_alpha for component in frame.format.components)


def _is_opaque(frame: VideoFrame) -> bool:
    if not frame.format.has_palette and not any(component.is_alpha for component in frame.format.components):
        return True
    plane = frame.reformat(format="rgba").planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)
    return bool(rows[:, 3 : 4 * frame.width : 4].min() == 255)


def _named_rates(stream: AvVideoStream) -> tuple[Fraction, ...]:
    """The rates that are written down. Raw streams have no time stamps: only their own headers count there."""
    own = stream.codec_context.framerate
    rates = (own, stream.average_rate, stream.base_rate)
    return tuple(dict.fromkeys(Fraction(rate) for rate in rates if rate))


def _crop(description: str) -> Crop | None:
    """Reads the container's crop, which only ffmpeg's description of a file contains, from version 7.1 on."""
    found = re.search(r"Frame cropping: (\d+)/(\d+)/(\d+)/(\d+)", description, re.IGNORECASE)
    if found is None:
        return None
    left, right, top, bottom = map(int, found.groups())
    return Crop(top=top, bottom=bottom, left=left, right=right)


def _description(path: Path, stream_index: int) -> str:
    """ffmpeg's lines about that stream of a file."""
    arguments = [str(find_program("ffmpeg")), "-hide_banner", "-nostdin"]
    for name, value in source_options().items():
        arguments += [f"-{name}", value]
    try:
        run([*arguments, "-i", source_url(path)], deadline_s=DESCRIPTION_DEADLINE_S, with_stderr=True)
    except ProgramFailedError as error:  # it always "fails": no output was named
        sections = error.stderr_tail.split("  Stream #")
        return next((section for section in sections if re.match(rf"0:{stream_index}\b", section)), "")
    return ""


def _audio(streams: Iterable[AudioStream]) -> Iterator[AudioInfo]:
    for stream in streams:
        # Of a codec that this build does not know there is no context, whatever the types say.
        if stream.codec_context is not None and stream.channels:
            yield AudioInfo(
                index=stream.index,
                codec=stream.codec_context.name,
                sample_rate_hz=stream.sample_rate,
                channels=tuple(channel.name for channel in stream.layout.channels),
                language=bcp47(stream.metadata.get("language")),
                title=_title(stream),
                dispositions=_dispositions(stream),
                duration_s=stream.duration * Fraction(stream.time_base or 0) if stream.duration else None,
            )


def _subtitles(streams: Iterable[SubtitleStream]) -> Iterator[SubtitleInfo]:
    for stream in streams:
        if stream.codec_context is not None and stream.codec_context.name in TEXT_SUBTITLES:
            dispositions = tuple(name for name in _dispositions(stream) if name != "default")
            yield SubtitleInfo(stream.index, stream.codec_context.name, _language(stream), _title(stream), dispositions)


def _title(stream: Stream) -> str | None:
    """The name that a person gave the stream. MP4 has it in `name`, or in the handler, where programs leave theirs."""
    handler = stream.metadata.get("handler_name", "")
    named = stream.metadata.get("title") or stream.metadata.get("name")
    return named or (None if _PROGRAMS_NAME.search(handler) else handler) or None


def _dispositions(stream: Stream) -> tuple[str, ...]:
    return tuple(name for name in DISPOSITIONS if stream.disposition & Disposition[name])


def _is_missed(stream: Stream, used: set[int]) -> bool:
    # A single picture beside a video is its cover, marked as one or not.
    is_for_viewers = stream.type in ("video", "audio", "subtitle") and not (
        stream.type == "video" and stream.frames == 1
    )
    return is_for_viewers and stream.index not in used and not stream.disposition & Disposition.attached_pic


def _described(stream: Stream) -> str:
    what = "subtitles" if stream.type == "subtitle" else stream.type
    # Of a codec that this build does not know there is no context.
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    return f"{what} {stream.index} ({', '.join(filter(None, (codec, _language(stream))))})"


def _language(stream: Stream) -> str | None:
    language = stream.metadata.get("language", "und")
    return language if language.isalpha() and len(language) in (2, 3) and language != "und" else None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Fraction) else value
