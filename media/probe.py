"""What a source is, before anything is done with it; opened with the same whitelists as ffmpeg is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from manifests.languages import bcp47
from media.errors import UnreadableSourceError
from media.programs import MAX_SOURCE_PIXELS, source_options, source_url
from media.transport import programmes_of

MAX_PACKETS_TO_FIRST_FRAME = 2000
"""A stream in which so many packets give no frame is taken for undecodable."""

TEXT_SUBTITLES = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})
"""Decoders of ffmpeg whose subtitles it can write as WebVTT; the others' are pictures, or rare."""

DISPOSITIONS = ("default", "dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired")
"""The parts that a track may play, in ffmpeg's words, as far as manifests have a word for them."""
_PROGRAMS_NAME = re.compile("handler|media|video|audio|sound|subtitle|gpac|mainconcept|^iso|^core", re.IGNORECASE)

TYPICAL_FRAMES = 1000
"""So many frames are looked at for the typical rate."""

FULL_RANGE = 2  # AVCOL_RANGE_JPEG
PQ, HLG = 16, 18  # AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67; numbers of ITU-T H.273, as below
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}


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
    """Sample aspect ratio of the stored picture; 1 where the file does not say."""
    rotation: int
    """Degrees by which the picture is turned for display; ffmpeg does it by itself."""
    pixel_format: str
    average_rate: Fraction | None
    """Frames over duration."""
    base_rate: Fraction | None
    """The lowest rate that could hold all time stamps; far above the average when the rate varies."""
    typical_rate: Fraction | None
    """One over the median distance of its first frames: what a varying rate is while something moves."""
    frames: int | None
    """As the header says; it may be wrong, and many files do not say."""
    duration_s: Fraction | None
    """Of this stream, or of the file from the first frame on where the stream does not say."""
    duration_known: bool
    """Whether the duration is this stream's own; even then it may be a lie."""
    first_frame_s: Fraction
    """When the first decodable frame is shown, counted from the start of the file."""
    interlaced: bool
    full_range: bool
    matrix: str | None
    """YUV matrix in the words of ffmpeg's scale filter; None where the file does not say or holds RGB."""
    transfer: int
    """Transfer characteristics, a number of ITU-T H.273; 2 is unknown."""

    @property
    def display_size(self) -> tuple[Fraction, Fraction]:
        """Columns and rows once upright and stretched to square pixels; neither is below what is stored."""
        width, height, sar = Fraction(self.width), Fraction(self.height), self.sar
        width, height = (width * sar, height) if sar >= 1 else (width, height / sar)
        return (height, width) if self.rotation % 180 else (width, height)


@dataclass(frozen=True)
class AudioInfo:
    """A stream of sound, as its header says; what comes out of the decoder may change on the way."""

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
    """As the header says; many do not."""


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
    """What a source holds."""

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
    """The streams that a viewer would miss besides these, in a few words each: `audio 2 (aac, fra)`."""

    def to_json(self) -> dict[str, Any]:
        """For provenance.json: fractions as `n/d`."""
        value: dict[str, Any] = _plain(asdict(self))
        return value


def probe(path: Path, programme: int | None = None) -> SourceInfo:
    """What the file at `path` holds. Reads its header and decodes one frame.

    `programme` is the number of one of several programmes in a transport stream; None takes that of the picture that a
    player would choose. Raises UnreadableSourceError for anything that is no video file of a kind we open.
    """
    with _opened(path) as container:
        members = _programmes(path, container)
        stream = _video_stream(path, container, _members(path, members, programme))
        number = programme or next((n for n, ids in members.items() if stream.id in ids), None)
        belongs = partial(_belongs, members.get(number) if number else None)
        start_s = Fraction(container.start_time or 0, av.time_base)
        info = SourceInfo(
            name=path.name,
            format=container.format.name,
            video=_video(stream, _first_frame(path, container, stream), start_s, container),
            audio=tuple(_audio(filter(belongs, container.streams.audio))),
            subtitles=tuple(_subtitles(filter(belongs, container.streams.subtitles))),
            programme=number if len(members) > 1 else None,
            other_programmes=tuple(n for n in members if n != number),
        )
        used = {info.video.index, *(s.index for s in info.audio), *(s.index for s in info.subtitles)}
        info = replace(info, others=tuple(_described(s) for s in container.streams if _is_missed(s, used)))
    with _opened(path) as container:
        typical_rate = _typical_rate(container, container.streams[info.video.index])
    return replace(info, video=replace(info.video, typical_rate=typical_rate))


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    if not path.is_file():
        reason = "is not a regular file" if path.exists() else "does not exist"
        raise UnreadableSourceError(f"{str(path)!r} {'is a folder; name a video' if path.is_dir() else reason}")
    if path.stat().st_size == 0:
        raise UnreadableSourceError(f"{path.name!r} is empty")
    try:
        with av.open(source_url(path), options=source_options(), metadata_errors="replace") as container:
            yield container
    except PermissionError as error:
        raise UnreadableSourceError(f"{str(path)!r} may not be read by this user: permission denied") from error
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UnreadableSourceError(
            f"{path.name!r} is not a video file that can be opened: it is damaged, incomplete, or of a "
            "kind that is refused (pictures, playlists); try to play it, or convert it to mp4 or mkv"
        ) from error


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
    stream = max(streams, key=lambda s: (s.disposition & Disposition.default, s.width * s.height, -s.index))
    if stream.width * stream.height > MAX_SOURCE_PIXELS:
        raise UnreadableSourceError(
            f"{path.name!r} is {stream.width}x{stream.height}, more than the {MAX_SOURCE_PIXELS} pixels "
            "of 8K; scale it down first"
        )
    return stream


def _first_frame(path: Path, container: InputContainer, stream: AvVideoStream) -> VideoFrame:
    stream.codec_context.options = {"max_pixels": str(MAX_SOURCE_PIXELS)}
    for count, packet in enumerate(container.demux(stream)):
        try:
            frames = packet.decode()
        except av.FFmpegError:  # ffmpeg skips what does not decode, and so do we
            continue
        if frames:
            frame = frames[0]
            assert isinstance(frame, VideoFrame), "a video stream decodes to pictures"
            return frame
        if count >= MAX_PACKETS_TO_FIRST_FRAME:
            break
    limit = "" if stream.width else ", or they are larger than 8K"  # past the limit the decoder does not even open
    raise UnreadableSourceError(f"{path.name!r} opens, but none of its {stream.codec.name} frames decodes{limit}")


def _video(stream: AvVideoStream, frame: VideoFrame, start_s: Fraction, container: InputContainer) -> VideoInfo:
    time_base = frame.time_base or stream.time_base or Fraction(1)
    shown_s = Fraction(frame.pts) * Fraction(time_base) - start_s if frame.pts is not None else Fraction(0)
    first_frame_s = max(shown_s, Fraction(0))
    duration_s = None
    if stream.duration and stream.time_base:
        duration_s = stream.duration * Fraction(stream.time_base)
    elif container.duration:
        duration_s = max(Fraction(container.duration, av.time_base) - first_frame_s, Fraction(0))
    return VideoInfo(
        index=stream.index,
        codec=stream.codec_context.name,
        width=frame.width,
        height=frame.height,
        sar=Fraction(stream.sample_aspect_ratio or 1) or Fraction(1),
        rotation=frame.rotation,
        pixel_format=frame.format.name,
        average_rate=_rate(stream.average_rate),
        base_rate=_rate(stream.base_rate),
        typical_rate=None,
        frames=stream.frames or None,
        duration_s=duration_s,
        duration_known=bool(stream.duration) or len(container.streams) == 1,
        first_frame_s=first_frame_s,
        interlaced=bool(frame.interlaced_frame),
        full_range=frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj"),
        matrix=None if frame.format.is_rgb else _MATRICES.get(int(frame.colorspace)),
        transfer=int(frame.color_trc),
    )


def _typical_rate(container: InputContainer, stream: Stream) -> Fraction | None:
    times: list[int] = []
    try:
        for packet in container.demux(stream):
            if packet.pts is not None:
                times.append(packet.pts)
            if len(times) == TYPICAL_FRAMES:
                break
    except av.FFmpegError:  # a file cut off in its first frames; the rest will tell
        pass
    times.sort()
    distances = sorted(later - earlier for earlier, later in pairwise(times) if later > earlier)
    if not distances or not stream.time_base:
        return None
    return 1 / (distances[len(distances) // 2] * Fraction(stream.time_base))


def _rate(rate: Fraction | None) -> Fraction | None:
    return Fraction(rate) if rate else None


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
    """What a person called the stream. MP4 has it in `name`, or in the handler, where most programs leave their own."""
    handler = stream.metadata.get("handler_name", "")
    named = stream.metadata.get("title") or stream.metadata.get("name")
    return named or (None if _PROGRAMS_NAME.search(handler) else handler) or None


def _dispositions(stream: Stream) -> tuple[str, ...]:
    return tuple(name for name in DISPOSITIONS if stream.disposition & Disposition[name])


def _is_missed(stream: Stream, used: set[int]) -> bool:
    is_for_viewers = stream.type in ("video", "audio", "subtitle")
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
