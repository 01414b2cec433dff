"""Sound of a source at 48 kHz, each sample at its time next to the picture, through any change in the file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.stream import Stream

from media.sound.mixing import mix_matrix
from media.sound.placement import SOUND_RATE_HZ, Placer, Samples, stretched
from media.source.scan import AnyPacket, open_container, packets

RUN_UP_S = Fraction(1)
"""Sound is decoded from this long before the first sample that is wanted: decoders remember what came before."""
PACKETS_PAST_END = 50
"""A stream has ended once this many packets in a row are behind the end; one packet may have a wrong time stamp."""
FORGET_S = Fraction(1, 10)
"""Hole after which a decoder is reset: otherwise an echo from before would sound after the hole."""
COUNTED_STAMPS = ("mpegts", "mpeg")
"""Containers with one time stamp for several packets of sound."""
RECENT_PACKETS = 8
"""A decoder may give the sound of a packet only with the next one."""
MAX_LAYOUTS = 4
"""Layouts and rates of one stream that are named."""
MAX_SILENCE = SOUND_RATE_HZ
"""Samples of silence in one block: memory stays small however long a hole is."""
SHORT_BLOCK = 1024
"""Samples at 48 kHz; frames that are shorter (TrueHD has 40) are worked on together."""
ROUNDING_S = Fraction(1, 1000)
"""Time stamps of frames that follow one another are off by less."""
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 1_000_000
LOUDEST = 4.0
"""Limit of 12 dB above full scale; only files of broken floats hold more, and an encoder refuses infinity."""


class Clock(Protocol):
    """Times at which packets are heard."""

    def shift_s(self, stream_index: int, packet_number: int) -> Fraction | None:
        """The shift to add to the raw time of that packet (counted from 0 in each stream, in the order of the file).

        0 of the sum is when the first picture is shown. None: its time stamp is wrong, and its sound follows what came
        before it.
        """


@dataclass(frozen=True)
class SoundStream:
    """A stream that is wanted, and how."""

    index: int
    """Number of the stream within the file."""
    outputs: tuple[tuple[str, ...], ...]
    """Layouts to mix it to (`media.sound.mixing`), one after the other in each block."""


@dataclass
class SoundLog:
    """Counts of what a stream held and lacked; complete once the last block has been read."""

    layouts: list[str] = field(default_factory=list)
    """The layouts and rates that the stream goes through, each once: `5.1 at 48000 Hz`."""
    failed: int = 0
    """Packets that did not decode."""
    samples: int = 0
    """Samples of it that were wanted, at 48 kHz."""
    holes: int = 0
    """Places where sound is missing between sound."""
    missing: int = 0
    """Samples in all holes."""
    first_hole: int | None = None
    """The start of the first of them, in samples of the bundle."""


class SoundReader:
    """Reads several streams of a file in one pass."""

    def __init__(self, path: Path, streams: Sequence[SoundStream], clock: Clock, begin: int, end: int) -> None:
        """Samples from `begin` to `end` of the bundle are wanted, at 48 kHz."""
        self._path, self._streams, self._clock = path, streams, clock
        self._begin, self._end = begin, end
        self.logs = tuple(SoundLog() for _ in streams)
        """Logs in the order of `streams`."""

    def blocks(self) -> Iterator[tuple[int, Samples]]:
        """The place of a stream in `streams`, and its next samples; of each stream exactly `end - begin` in all.

        What does not decode, and what no stream holds, is silence. Raises UnreadableSourceError if the file cannot be
        opened.
        """
        with open_container(self._path) as container:
            stamps_are_counted = container.format.name in COUNTED_STAMPS
            lines = {
                wanted.index: _Line(number, wanted, self._begin, self._end, self.logs[number], stamps_are_counted)
                for number, wanted in enumerate(self._streams)
            }
            over: set[int] = set()
            for packet in packets(container, [container.streams[index] for index in lines]):
                line = lines[packet.stream.index]
                for block in line.read(packet, self._clock):
                    yield line.number, block
                if line.is_over:
                    over.add(packet.stream.index)
                    if len(over) == len(lines):
                        break
            for index, line in lines.items():
                for block in line.finish(container.streams[index]):
                    yield line.number, block


class _Line:
    """One stream on its way from packets to consecutive samples."""

    def __init__(
        self, number: int, wanted: SoundStream, begin: int, end: int, log: SoundLog, stamps_are_counted: bool
    ) -> None:
        self.number = number
        self._log = log
        self._converter = _Converter(wanted.outputs)
        self._placer = Placer(end)
        self._written, self._end = begin, end
        self._last: Samples = np.zeros((1, self._converter.channels), np.float32)
        self._packets = 0
        self._past_end = 0
        self._due_s: Fraction | None = None
        """Time of the next packet."""
        self._count = _StampCount() if stamps_are_counted else None
        self._shifts: deque[tuple[int | None, Fraction | None]] = deque(maxlen=RECENT_PACKETS)
        self._skip_before_s = Fraction(begin, SOUND_RATE_HZ) - RUN_UP_S
        self._skip_after_s = Fraction(end, SOUND_RATE_HZ) + RUN_UP_S

    @property
    def is_over(self) -> bool:
        """True if nothing more of the requested part can come."""
        return self._past_end >= PACKETS_PAST_END

    def read(self, packet: AnyPacket, clock: Clock) -> Iterator[Samples]:
        """The samples that this packet completes."""
        shift_s = clock.shift_s(packet.stream.index, self._packets)
        self._packets += 1
        if self._count is not None and shift_s is not None:
            shift_s += self._count.error_s(packet)
        self._shifts.append((packet.pts, shift_s))
        if shift_s is not None and packet.pts is not None:
            at_s = packet.pts * Fraction(packet.time_base) + shift_s
            self._past_end = self._past_end + 1 if at_s > self._skip_after_s else 0
            if self._due_s is not None and abs(at_s - self._due_s) > FORGET_S:
                _codec(packet.stream).flush_buffers()
            self._due_s = at_s + (packet.duration or 0) * Fraction(packet.time_base)
            if not self._skip_before_s <= at_s <= self._skip_after_s:
                return
        yield from self._decoded(packet.stream, packet)

    def _decoded(self, stream: Stream, packet: AnyPacket | None) -> Iterator[Samples]:
        try:
            frames = _codec(stream).decode(packet)
        except av.FFmpegError:
            self._log.failed += packet is not None and packet.size > 0
            return
        for frame in frames:
            layout = f"{frame.layout.name} at {frame.sample_rate} Hz"
            if layout not in self._log.layouts and len(self._log.layouts) < MAX_LAYOUTS:
                self._log.layouts.append(layout)
            if self._count is not None:
                self._count.decoded(frame)
            yield from self._placed(frame)

    def _placed(self, frame: AudioFrame) -> Iterator[Samples]:
        try:
            blocks = self._converter.convert(frame, self._time_s(frame))
        except (av.FFmpegError, ValueError):  # a layout or a rate that nobody can make sense of
            self._log.failed += 1
            return
        for time_s, block in blocks:
            yield from self._at_its_place(time_s, block)

    def _time_s(self, frame: AudioFrame) -> Fraction | None:
        if frame.pts is None or frame.time_base is None or not self._shifts:
            return None
        shift_s = next((shift for pts, shift in reversed(self._shifts) if pts == frame.pts), self._shifts[-1][1])
        return None if shift_s is None else frame.pts * Fraction(frame.time_base) + shift_s

    def _at_its_place(self, time_s: Fraction | None, block: Samples) -> Iterator[Samples]:
        placement = self._placer.place(time_s, len(block))
        kept = block[placement.skip :]
        if placement.length:
            yield from self._write(placement.start, stretched(kept, placement.length, self._last))
        self._last = block[-1:]

    def _write(self, start: int, block: Samples) -> Iterator[Samples]:
        """Yield the wanted part of `block`, after silence if it does not follow what was written before."""
        block = block[max(0, self._written - start) : max(0, self._end - start)]
        if not len(block):
            return
        if start > self._written:
            if self._log.samples:
                self._log.holes += 1
                self._log.missing += start - self._written
                self._log.first_hole = self._written if self._log.first_hole is None else self._log.first_hole
            yield from self._silence(start)
        self._log.samples += len(block)
        self._written += len(block)
        yield block

    def _silence(self, until: int) -> Iterator[Samples]:
        while self._written < until:
            size = min(MAX_SILENCE, until - self._written)
            self._written += size
            yield np.zeros((size, self._converter.channels), np.float32)

    def finish(self, stream: Stream) -> Iterator[Samples]:
        """Yield what the decoder and the converter hold back, and silence to the end."""
        yield from self._decoded(stream, None)
        for time_s, block in self._converter.flush():
            yield from self._at_its_place(time_s, block)
        yield from self._silence(self._end)


def _codec(stream: Stream) -> AudioCodecContext:
    assert isinstance(stream, AudioStream), "the probe chose sound"
    return stream.codec_context


class _StampCount:
    """Puts right what a container counts wrongly.

    One time stamp is written for many packets; those between are counted on from it by the rate that the stream began
    with, so that they run ahead or behind once the rate has changed.
    """

    def __init__(self) -> None:
        self._follows: int | None = None
        """The stamp of the next packet if it is counted."""
        self._claimed_s = Fraction(0)
        self._decoded_s = Fraction(0)
        """Duration of the last packet, as the container states it and as decoded."""
        self._error_s = Fraction(0)

    def error_s(self, packet: AnyPacket) -> Fraction:
        """The correction of the time of the next packet of the stream."""
        is_counted = packet.pts is not None and self._follows is not None and abs(packet.pts - self._follows) <= 2
        if not is_counted:
            self._error_s = Fraction(0)
        elif self._decoded_s:
            self._error_s += self._decoded_s - self._claimed_s
        duration = packet.duration or 0
        self._claimed_s, self._decoded_s = duration * Fraction(packet.time_base), Fraction(0)
        self._follows = packet.pts + duration if packet.pts is not None and duration else None
        return self._error_s

    def decoded(self, frame: AudioFrame) -> None:
        """Records a frame of that packet."""
        self._decoded_s += Fraction(frame.samples, frame.sample_rate or 1)


class _Converter:
    """Decoded frames, whose format may change at any of them, as float32 at 48 kHz in the wanted channels.

    As long as the format stays the same, the samples are one unbroken line: blocks of 44.1 kHz are cut out of it at
    whole samples, and no rounding adds up.
    """

    def __init__(self, outputs: tuple[tuple[str, ...], ...]) -> None:
        self._outputs = outputs
        self.channels = sum(map(len, outputs))
        self._format: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None
        self._names: tuple[str, ...] = ()
        self._samples_in = 0
        """Samples of this format so far, at the rate of the source."""
        self._due: deque[tuple[Fraction | None, int]] = deque()
        """Time and length of the blocks that the resampler has not given in full."""
        self._line: list[Samples] = []
        self._ready = 0
        """Samples in `_line`, which holds them at 48 kHz in the channels of the source."""

    def convert(self, frame: AudioFrame, time_s: Fraction | None) -> list[tuple[Fraction | None, Samples]]:
        """The blocks that are complete with this frame, and their times. Raises av.FFmpegError, ValueError."""
        blocks: list[tuple[Fraction | None, Samples]] = []
        format_ = (frame.format.name, frame.layout.name, frame.sample_rate)
        if format_ != self._format:
            blocks += self.flush()
            if not MIN_RATE_HZ <= frame.sample_rate <= MAX_RATE_HZ:
                raise ValueError(f"{frame.sample_rate} samples a second")
            self._format = format_
            # Interleaved: av reads beyond the planes of a planar frame of eight channels.
            self._resampler = AudioResampler(format="flt", layout=frame.layout, rate=SOUND_RATE_HZ)
            self._names = tuple(channel.name for channel in frame.layout.channels)
            self._samples_in = 0
        before, self._samples_in = self._samples_in, self._samples_in + frame.samples
        self._expect(time_s, self._at_48_khz(self._samples_in) - self._at_48_khz(before))
        assert self._resampler is not None
        self._take(self._resampler.resample(frame))
        return blocks + self._complete(len(self._due) - (self._due[-1][1] < SHORT_BLOCK))

    def flush(self) -> list[tuple[Fraction | None, Samples]]:
        """The blocks that are still due."""
        if self._resampler is not None:
            self._take(self._resampler.resample(None))
        missing = sum(length for _, length in self._due) - self._ready
        if missing > 0:  # a resampler's end may be some samples short
            self._line.append(np.zeros((missing, len(self._names)), np.float32))
            self._ready += missing
        blocks = self._complete(len(self._due))
        self._resampler, self._format, self._line, self._ready = None, None, [], 0
        return blocks

    def _expect(self, time_s: Fraction | None, length: int) -> None:
        """A frame comes out as a block of its own, or with the one before it if that is short."""
        if self._due and self._due[-1][1] < SHORT_BLOCK:
            start_s, before = self._due[-1]
            follows_s = None if start_s is None else start_s + Fraction(before, SOUND_RATE_HZ)
            if time_s is None or (follows_s is not None and abs(time_s - follows_s) < ROUNDING_S):
                self._due[-1] = (start_s, before + length)
                return
        self._due.append((time_s, length))

    def _at_48_khz(self, samples: int) -> int:
        assert self._format is not None
        return -(-samples * SOUND_RATE_HZ // self._format[2])

    def _take(self, frames: Sequence[AudioFrame]) -> None:
        for frame in frames:
            self._line.append(frame.to_ndarray().reshape(-1, len(self._names)).astype(np.float32, copy=False))
            self._ready += frame.samples

    def _complete(self, count: int) -> list[tuple[Fraction | None, Samples]]:
        """Returns those of the first `count` due blocks for which there are samples."""
        if not count or self._ready < self._due[0][1]:
            return []
        line = self._line[0] if len(self._line) == 1 else np.concatenate(self._line)
        blocks: list[tuple[Fraction | None, Samples]] = []
        at = 0
        while len(blocks) < count and self._ready - at >= self._due[0][1]:
            time_s, length = self._due.popleft()
            blocks.append((time_s, self._mixed(line[at : at + length])))
            at += length
        self._line, self._ready = ([line[at:]] if at < len(line) else []), self._ready - at
        return blocks

    def _mixed(self, samples: Samples) -> Samples:
        mixed: Samples = samples @ mix_matrix(self._names, self._outputs).T
        return np.clip(np.nan_to_num(mixed, copy=False, nan=0.0), -LOUDEST, LOUDEST)
