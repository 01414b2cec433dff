"""Enhanced video in one file: `.mp4` (H.264) for people, `.mkv` (FFV1, lossless), `.y4m` (raw) for other tools."""

from __future__ import annotations

import contextlib
import errno
import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from console.outputs import is_stream, opened_stream, place_of, unfinished_file
from media.errors import UndecodableSegmentError
from media.frames import Frame
from media.segments import audio_of_segment
from player.errors import SinkError
from player.superres.output import OutputFormat

# ITU-T H.273 code points: BT.709 primaries, transfer and matrix; and libavutil's AVCOL_RANGE_MPEG.
_BT709 = 1
_LIMITED_RANGE = 1
_MAX_STEP = 2**31 - 1
"""Ticks from one packet to the next that MP4 can count."""

_LEAST_SLICED_PX = 4
"""A side below which FFV1 cannot cut a picture into four."""


@dataclass(frozen=True)
class _Kind:
    container: str
    codec: str
    codec_options: dict[str, str]
    container_options: dict[str, str]
    negative_times: bool
    """True if the container can hold the encoder's padding before time 0 without moving everything else."""
    sound: bool = True
    """True if it holds audio."""
    timed: bool = True
    """True if it holds time stamps."""


# To a stream an MP4 goes in fragments: its index would have to be written before what it is an index of.
_STREAMED = {"mp4": {"movflags": "+frag_keyframe+delay_moov+default_base_moof"}}

_KINDS = {
    # Visually lossless at a speed that a CPU enhancing at the same time can afford.
    ".mp4": _Kind(
        "mp4", "libx264", {"crf": "17", "preset": "veryfast"}, {"movflags": "+faststart"}, negative_times=True
    ),
    ".mkv": _Kind(
        "matroska",
        "ffv1",
        # Version 3, a checksum in every slice, each frame by itself: damage stays where it happened.
        {"level": "3", "slices": "4", "slicecrc": "1", "g": "1"},
        {},
        negative_times=False,
    ),
    # Nothing is packed: the fastest to write and read, ten times the size of the other lossless one.
    ".y4m": _Kind("yuv4mpegpipe", "rawvideo", {}, {}, negative_times=False, sound=False, timed=False),
}
SUFFIXES = tuple(_KINDS)
STREAM_SUFFIX = ".mkv"
"""Kind of a stream whose name has none of SUFFIXES: it holds sound and time stamps, and tools recognise it by its
first bytes."""


class VideoFile:
    """A video file, written next to its final name and renamed when complete, or written to a stream.

    Frames keep their time stamps. Matroska counts milliseconds, so there a time stamp is off by up to half of one, and
    the audio encoder's padding before time 0 (21 ms of AAC) is left out; non-square pixels are not recorded there.
    YUV4MPEG2 has neither audio nor time stamps: frames follow each other at the frame rate.
    """

    def __init__(self, path: Path) -> None:
        """`path` ends in one of SUFFIXES, or leads to a stream."""
        self._path = path
        self._partial: Path | None = None
        """The file that is written; None for a stream, and before `open`."""
        self._stream = contextlib.ExitStack()
        suffix = path.suffix.lower()
        self._kind = _KINDS[suffix if suffix in _KINDS else STREAM_SUFFIX]
        self._container: OutputContainer | None = None
        self._video: VideoStream | None = None
        self._audio: AudioStream | None = None
        self._audio_at: int | None = None
        """Time stamp of the last packet, in ticks of the file."""
        self._audio_problem: str | None = None
        """Why audio is missing from the file."""
        self._audio_missed = False
        """True once that was reported."""
        self._frames = 0
        self._broken = False

    def open(self, output: OutputFormat, audio_init: bytes | None) -> None:
        try:
            self._container = self._opened()
            self._video = self._video_stream(self._container, output)
            if audio_init is not None and self._kind.sound:
                self._open_audio(self._container, audio_init)
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            if error.errno == errno.ENOSYS:  # an encoder's word for a size that it does not take
                self._broken = True
                size = f"{output.width}x{output.height}"
                raise SinkError(
                    f"{self._path} cannot be written: {self._kind.codec} takes no pictures of {size}; name a .y4m file"
                ) from error
            raise self._failure(error) from error

    def _opened(self) -> OutputContainer:
        """Raises FFmpegError, OSError."""
        kind = self._kind
        if is_stream(self._path):
            stream = _Appended(self._stream.enter_context(opened_stream(self._path)))
            options = _STREAMED.get(kind.container, kind.container_options)
            return av.open(stream, "w", format=kind.container, options=options)
        place = place_of(self._path)
        place.parent.mkdir(parents=True, exist_ok=True)
        self._partial = unfinished_file(place)
        return av.open(str(self._partial), "w", format=kind.container, options=kind.container_options)

    def write(self, frame: Frame) -> None:
        assert self._container is not None and self._video is not None, "opened first"
        picture = av.VideoFrame.from_ndarray(
            np.frombuffer(frame.i420(), np.uint8).reshape(frame.height * 3 // 2, frame.width),
            format="yuv420p",
        )
        time_base = Fraction(self._video.codec_context.time_base or 1)
        picture.time_base = time_base
        picture.pts = round(frame.pts_s / time_base) if self._kind.timed else self._frames
        try:
            self._container.mux(self._video.encode(picture))
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error
        self._frames += 1

    def sound(self, init: bytes, media: bytes) -> None:
        if self._audio is None:
            self._miss_audio(self._audio_problem)
            return
        assert self._container is not None, "opened first"
        for packet in _audio_packets(init, media):
            if packet.pts is not None and packet.pts < 0 and not self._kind.negative_times:
                continue
            if not self._follows(packet, self._audio):
                self._audio_problem = "audio that does not follow what came before it is left out"
                continue
            packet.stream = self._audio
            try:
                self._container.mux(packet)
            except (av.FFmpegError, OSError) as error:
                raise self._failure(error) from error
        self._miss_audio(self._audio_problem)

    def close(self) -> None:
        if self._container is None or self._video is None or self._frames == 0 or self._broken:
            self._discard()
            return
        try:
            self._container.mux(self._video.encode(None))
            self._container.close()
            self._stream.close()
            if self._partial is not None:
                self._partial.replace(place_of(self._path))
        except (av.FFmpegError, OSError) as error:
            self._discard()
            raise self._failure(error) from error

    def _open_audio(self, container: OutputContainer, init: bytes) -> None:
        """Opens the audio stream. Audio that the container cannot describe is left out; the file then has pictures
        only."""
        try:
            # What a muxer refuses it refuses in the middle of the file, as if the pictures were to blame.
            with av.open(io.BytesIO(), "w", format=self._kind.container) as trial:
                packet: av.Packet[Any] = av.Packet(bytes(8))
                packet.pts = packet.dts = 0
                packet.stream = _audio_stream(trial, init)
                trial.mux(packet)
            self._audio = _audio_stream(container, init)
        except (UndecodableSegmentError, av.FFmpegError) as error:
            self._audio_problem = str(error)

    def _follows(self, packet: av.Packet[AudioStream], audio: AudioStream) -> bool:
        """Returns True if its time is after that of the audio so far, within the container's precision."""
        if packet.dts is None or packet.time_base is None:
            return False
        ticks = Fraction(packet.time_base) / Fraction(audio.time_base or 1)
        at = round(packet.dts * ticks)
        step = 1 if self._audio_at is None else at - self._audio_at
        if not 0 < step <= _MAX_STEP or (packet.duration or 0) * ticks > _MAX_STEP:
            return False
        self._audio_at = at
        return True

    def _miss_audio(self, problem: str | None) -> None:
        """Raises UndecodableSegmentError, once: what is wrong with one segment may be so with all of them."""
        if problem is not None and not self._audio_missed:
            self._audio_missed = True
            raise UndecodableSegmentError(problem)

    def _discard(self) -> None:
        # Closing writes the index: on a full disk that fails again, and the file goes anyway.
        with contextlib.suppress(av.FFmpegError, OSError):
            if self._container is not None:
                self._container.close()
        with contextlib.suppress(OSError):
            self._stream.close()
            if self._partial is not None:
                self._partial.unlink(missing_ok=True)

    def _video_stream(self, container: OutputContainer, output: OutputFormat) -> VideoStream:
        options = dict(self._kind.codec_options)
        if "slices" in options and min(output.width, output.height) < _LEAST_SLICED_PX:
            options["slices"] = "1"
        stream = container.add_stream(self._kind.codec, rate=output.frame_rate, options=options)
        assert isinstance(stream, VideoStream), "both codecs are of video"
        stream.width, stream.height, stream.pix_fmt = output.width, output.height, "yuv420p"
        context = stream.codec_context
        # Where there are no time stamps, this is what a header tells of the rate.
        context.time_base = stream.time_base = output.time_base_s if self._kind.timed else 1 / output.frame_rate
        context.sample_aspect_ratio = output.sar
        context.color_range = _LIMITED_RANGE
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        return stream

    def _failure(self, error: av.FFmpegError | OSError) -> SinkError:
        self._broken = True
        return SinkError(f"{self._path} cannot be written: {error.strerror}")


class _Appended:
    """A stream that PyAV can only write to, one byte after the other: a device may take a seek and not mean it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        return self._stream.write(data)


def _audio_stream(container: OutputContainer, init: bytes) -> AudioStream:
    """Raises UndecodableSegmentError."""
    with audio_of_segment(init) as (_, told):
        stream: AudioStream = container.add_stream_from_template(told)
        return stream


def _audio_packets(init: bytes, media: bytes) -> list[av.Packet[AudioStream]]:
    """Coded audio with its time stamps in the Period. Raises UndecodableSegmentError."""
    with audio_of_segment(init + media) as (source, stream):
        return [packet for packet in source.demux(stream) if packet.dts is not None]
