"""What a source is, before anything is done with it; opened with the same whitelists as ffmpeg is given."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from media.errors import UnreadableSourceError
from media.programs import MAX_SOURCE_PIXELS, source_options, source_url

MAX_PACKETS_TO_FIRST_FRAME = 2000
"""A stream in which so many packets give no frame is taken for undecodable."""

TEXT_SUBTITLES = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})
"""Decoders of ffmpeg whose subtitles it can write as WebVTT; the others' are pictures, or rare."""

TYPICAL_FRAMES = 1000
"""So many frames are looked at for the typical rate."""

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
_MASTERING = struct.Struct("=22i")
"""AVMasteringDisplayMetadata of FFmpeg: ten fractions (R, G, B, white as x and y; least and most light), two flags."""


Point = tuple[int, int]
"""A chromaticity, x and y in units of 0.00002."""


@dataclass(frozen=True)
class MasteringDisplay:
    """The display on which an HDR source was graded (SMPTE ST 2086), in the units of HEVC's SEI message."""

    red: Point
    green: Point
    blue: Point
    white: Point
    max_luminance: int
    """In units of 0.0001 nits."""
    min_luminance: int
    """In units of 0.0001 nits."""

    @property
    def max_nits(self) -> Fraction:
        return Fraction(self.max_luminance, 10_000)


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
    """YUV matrix as in `media.colour.Colour`; `gbr` for RGB, None if the file does not say."""
    transfer: int
    """Transfer characteristics, a number of ITU-T H.273; 2 is unknown."""
    primaries: int = 2
    """Colour primaries, a number of ITU-T H.273; 2 is unknown."""
    alpha: bool = False
    """Whether the frames have, or can be decoded with, an alpha plane."""
    opaque: bool = True
    """Whether the first frame hides all that is behind it."""
    mastering: MasteringDisplay | None = None
    """None if the file does not say, or says it in part."""
    content_light: tuple[int, int] | None = None
    """Brightest sample and brightest mean of a frame in nits (MaxCLL, MaxFALL); None if the file does not say."""

    @property
    def display_size(self) -> tuple[Fraction, Fraction]:
        """Columns and rows once upright and stretched to square pixels; neither is below what is stored."""
        width, height, sar = Fraction(self.width), Fraction(self.height), self.sar
        width, height = (width * sar, height) if sar >= 1 else (width, height / sar)
        return (height, width) if self.rotation % 180 else (width, height)


@dataclass(frozen=True)
class AudioInfo:
    """The audio stream of a source that a player would choose."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int
    language: str | None


@dataclass(frozen=True)
class SubtitleInfo:
    """A track of subtitles that are text, not pictures."""

    index: int
    codec: str
    language: str | None


@dataclass(frozen=True)
class SourceInfo:
    """What a source holds."""

    name: str
    format: str
    """ffmpeg's name of the container."""
    video: VideoInfo
    audio: AudioInfo | None
    subtitles: tuple[SubtitleInfo, ...] = ()
    others: tuple[str, ...] = ()
    """The streams that a viewer would miss besides these, in a few words each: `audio 2 (aac, fra)`."""

    def to_json(self) -> dict[str, Any]:
        """For provenance.json: fractions as `n/d`."""
        value: dict[str, Any] = _plain(asdict(self))
        return value


def probe(path: Path) -> SourceInfo:
    """What the file at `path` holds. Reads its header and decodes one frame.

    Raises UnreadableSourceError for anything that is no video file of a kind we open.
    """
    with _opened(path) as container:
        stream = _video_stream(path, container)
        start_s = Fraction(container.start_time or 0, av.time_base)
        info = SourceInfo(
            name=path.name,
            format=container.format.name,
            video=_video(stream, _first_frame(path, container, stream), start_s, container),
            audio=_audio(container),
            subtitles=tuple(_subtitles(container)),
        )
        used = {info.video.index, *(s.index for s in info.subtitles), *([info.audio.index] if info.audio else [])}
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


def _video_stream(path: Path, container: InputContainer) -> AvVideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
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
        matrix=_matrix(frame),
        transfer=int(frame.color_trc),
        primaries=int(frame.color_primaries),
        alpha=_has_alpha(stream, frame),
        opaque=_is_opaque(frame),
        mastering=_mastering(frame),
        content_light=_content_light(frame),
    )


def _matrix(frame: VideoFrame) -> str | None:
    return "gbr" if frame.format.is_rgb or frame.format.has_palette else _MATRICES.get(int(frame.colorspace))


def _has_alpha(stream: AvVideoStream, frame: VideoFrame) -> bool:
    if frame.format.has_palette:
        return stream.codec_context.name in _PALETTES_WITH_ALPHA
    # WebM keeps the alpha plane of VP8 and VP9 as a second stream, which only some decoders read.
    return any(c.is_alpha for c in frame.format.components) or stream.metadata.get("alpha_mode") == "1"


def _is_opaque(frame: VideoFrame) -> bool:
    if not any(c.is_alpha for c in frame.format.components) and not frame.format.has_palette:
        return True
    alpha = np.frombuffer(memoryview(frame.reformat(format="rgba").planes[0]), np.uint8)[3::4]
    return bool(alpha.reshape(frame.height, -1)[:, : frame.width].min() == 255)


def _mastering(frame: VideoFrame) -> MasteringDisplay | None:
    data = _side_data(frame, "MASTERING_DISPLAY_METADATA")
    if len(data) < _MASTERING.size:
        return None
    *numbers, has_primaries, has_luminance = _MASTERING.unpack_from(data)
    if not (has_primaries and has_luminance) or 0 in numbers[1::2]:
        return None
    values = [Fraction(*numbers[at : at + 2]) for at in range(0, len(numbers), 2)]
    red, green, blue, white = ((round(values[at] * 50_000), round(values[at + 1] * 50_000)) for at in (0, 2, 4, 6))
    return MasteringDisplay(red, green, blue, white, round(values[9] * 10_000), round(values[8] * 10_000))


def _content_light(frame: VideoFrame) -> tuple[int, int] | None:
    data = _side_data(frame, "CONTENT_LIGHT_LEVEL")
    if len(data) < 8:
        return None
    brightest, mean = struct.unpack_from("=2I", data)
    return brightest, mean


def _side_data(frame: VideoFrame, kind: str) -> bytes:
    data = frame.side_data.get(kind)
    return bytes(data) if isinstance(data, SideData) else b""


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


def _audio(container: InputContainer) -> AudioInfo | None:
    streams = [s for s in container.streams.audio if s.codec_context is not None and s.channels]
    if not streams:
        return None
    stream = max(streams, key=lambda s: (s.disposition & Disposition.default, -s.index))
    return AudioInfo(
        index=stream.index,
        codec=stream.codec_context.name,
        sample_rate_hz=stream.sample_rate,
        channels=stream.channels,
        language=_language(stream),
    )


def _subtitles(container: InputContainer) -> Iterator[SubtitleInfo]:
    for stream in container.streams.subtitles:
        if stream.codec_context is not None and stream.codec_context.name in TEXT_SUBTITLES:
            yield SubtitleInfo(stream.index, stream.codec_context.name, _language(stream))


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
