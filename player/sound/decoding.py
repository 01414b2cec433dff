"""Coded audio of segments to samples in the form that speakers take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from media.errors import UndecodableSegmentError
from media.segments import audio_of_segment

RATE_HZ = 48000
CHANNELS = 2

Samples = NDArray[np.float32]
"""(samples, CHANNELS), -1 to 1, at RATE_HZ."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Samples that follow each other."""

    start_s: float
    """Start in the Period; below 0 for an encoder's padding."""
    samples: Samples


class SoundDecoder:
    """Keeps its state from segment to segment: each frame of AAC overlaps the one before."""

    def __init__(self) -> None:
        self._codec: AudioCodecContext | None = None
        self._resampler = AudioResampler(format="flt", layout="stereo", rate=RATE_HZ)

    def decode(self, init: bytes, media: bytes) -> Iterator[Stretch]:
        """One segment, in order. Raises UndecodableSegmentError."""
        with audio_of_segment(init + media) as (source, stream):
            if self._codec is None:
                self._codec = _codec_like(stream.codec_context)
            for packet in source.demux(stream):
                # The last packet of a demuxer is empty and would end the decoder, which goes on.
                if packet.dts is not None:
                    for frame in self._codec.decode(_bare(packet)):
                        yield from self._stretches(frame)

    def _stretches(self, frame: AudioFrame) -> Iterator[Stretch]:
        if frame.pts is None or frame.time_base is None:
            return
        start_s = float(frame.pts * frame.time_base)
        for made in self._resampler.resample(frame):
            samples = made.to_ndarray().reshape(-1, CHANNELS)
            yield Stretch(start_s, np.ascontiguousarray(samples, np.float32))
            start_s += len(samples) / RATE_HZ


def _bare(packet: av.Packet[AudioStream]) -> av.Packet[Any]:
    """Returns the packet without the demuxer's instruction to skip padding, which it gives for the start of every
    segment."""
    bare = av.Packet(bytes(packet))
    bare.pts, bare.dts, bare.time_base = packet.pts, packet.dts, packet.time_base
    return bare


def _codec_like(told: AudioCodecContext) -> AudioCodecContext:
    codec = AudioCodecContext.create(told.name, "r")
    # A track may say that it is of audio and hold anything.
    if not isinstance(codec, AudioCodecContext):
        raise UndecodableSegmentError(f"the audio of the segment is {told.name}, which is none")
    codec.extradata = told.extradata
    return codec
