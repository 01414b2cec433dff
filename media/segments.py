"""The only way into the bytes of a segment: a stream that can be decoded, or one kind of error."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from media.errors import UndecodableSegmentError
from media.programs import MAX_SOURCE_PIXELS

# A kilobyte can claim a picture that takes gigabytes to decode. Probing decodes too, so both are told.
_LIMITS = {"max_pixels": str(MAX_SOURCE_PIXELS)}

_Stream = TypeVar("_Stream", VideoStream, AudioStream)


@contextmanager
def video_of_segment(data: bytes) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The first video track of an init segment and what follows it, with the container to read it from.

    Raises UndecodableSegmentError for bytes that do not open, and for what av raises while they are read.
    """
    with _opened(data, "video") as container:
        stream = _decodable(container.streams.video, "video")
        stream.codec_context.options = _LIMITS
        yield container, stream


@contextmanager
def audio_of_segment(data: bytes) -> Iterator[tuple[InputContainer, AudioStream]]:
    """Opens the first audio track, as `video_of_segment` does for video."""
    with _opened(data, "audio") as container:
        yield container, _decodable(container.streams.audio, "audio")


@contextmanager
def _opened(data: bytes, kind: str) -> Iterator[InputContainer]:
    try:
        # Names of tracks are anyone's bytes, and nobody here reads them.
        with av.open(io.BytesIO(data), "r", format="mp4", options=_LIMITS, metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        raise UndecodableSegmentError(f"the {kind} segment does not decode: {error.strerror}") from error
    except ValueError as error:  # how av refuses codecs and layouts that it cannot put into its own terms
        raise UndecodableSegmentError(f"the {kind} segment does not decode: {error}") from error


def _decodable(streams: tuple[_Stream, ...], kind: str) -> _Stream:
    if not streams:
        raise UndecodableSegmentError(f"the segment has no {kind} track")
    # Of a codec that this build does not know there is no context, whatever the types say.
    if streams[0].codec_context is None:
        raise UndecodableSegmentError(f"the {kind} of the segment is of an unknown codec")
    return streams[0]
