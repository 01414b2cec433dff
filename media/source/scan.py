"""One look at a whole source: the times of all packets, and what its key frames look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from media.errors import UnreadableSourceError
from media.programs import MAX_SOURCE_PIXELS, source_options, source_url
from media.source.formats import reason_not_opened
from media.source.timeline import PacketTable, Timeline, build_timeline

MAX_PACKETS_TO_FIRST_FRAME = 2000
"""A stream in which this many packets give no frame is taken for undecodable."""

MAX_DESCENTS_EVERY = 8
"""One in this many frames at most may have an earlier stamp than the frame shown before it."""

TRIAL_PACKETS = 64
"""The packets whose frames are counted, to see whether each gives one."""

ORDERED_FORMATS = frozenset({"avi"})
"""Containers that say when packets are decoded and not when frames are shown: the stamps that libavformat makes up for
them are off by what is reordered."""

KEY_FRAME_EVERY_S = Fraction(1, 2)
"""Key frames that follow closer than this are not looked at."""

AnyPacket: TypeAlias = "Packet[Any]"

_FORMAT_JOINS = 0x200  # AVFMT_TS_DISCONT
_VP8_SHOWN = 0x10
_VP9_SUPERFRAME = 0b110


@dataclass(frozen=True)
class Look:
    """The size, shape and kind of one frame."""

    packet: int
    """The number of its packet within its stream."""
    width: int
    """Stored columns, uncropped."""
    height: int
    pixel_format: str
    sar: Fraction
    """Sample aspect ratio; 1 if neither the file nor the stream states it."""
    interlaced: bool


@dataclass(frozen=True)
class Scan:
    """A source's packets and key frames."""

    tables: Mapping[int, PacketTable]
    timeline: Timeline
    first_packet: int
    """The number of the packet that gives the first picture that can be decoded and is shown."""
    looks: tuple[Look, ...]
    """The first picture, then key frames over the whole length."""
    joins: bool
    """True if the container's clock may restart, so that nothing in its header gives its length."""

    @property
    def picture(self) -> PacketTable:
        return self.tables[self.timeline.picture_index]

    def shown(self) -> list[tuple[Fraction, int]]:
        """Time and packet number of each picture from the first that can be decoded on, in the order of time."""
        times = self.timeline.times_s[self.timeline.picture_index]
        first = (times[self.first_packet] or Fraction(0), self.first_packet)
        found = [(t, n) for n, t in enumerate(times) if t is not None and self.picture.shown[n] and (t, n) >= first]
        return sorted(found)


@contextmanager
def open_container(path: Path, **options: str) -> Iterator[InputContainer]:
    """A source, opened with the same bounds as ffmpeg is given. Raises UnreadableSourceError if it does not open."""
    try:
        opened = av.open(source_url(path), options=source_options() | options, metadata_errors="replace")
    except PermissionError as error:
        raise UnreadableSourceError(f"{str(path)!r} may not be read by this user: permission denied") from error
    except (av.FFmpegError, ValueError, OSError) as error:
        raise UnreadableSourceError(f"{path.name!r} {reason_not_opened(path)}") from error
    with opened as container:
        yield container


def video_decoder(stream: VideoStream) -> VideoCodecContext:
    """A decoder for `decoded`, whose frames tell by `packet_of` what packet they come from.

    VP8 and VP9 with alpha are decoded by libvpx, since ffmpeg's own decoders leave alpha out.
    """
    context = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and context.name in ("vp8", "vp9"):
        alpha = CodecContext.create({"vp8": "libvpx", "vp9": "libvpx-vp9"}[context.name], "r")
        assert isinstance(alpha, VideoCodecContext), "made for video"
        alpha.extradata = context.extradata
        context = alpha
    context.copy_opaque = True
    context.options = {"max_pixels": str(MAX_SOURCE_PIXELS)}
    return context


@dataclass(frozen=True)
class _Tag:
    """Tag that goes through the decoder with a packet. PyAV identifies tags by identity, which small numbers share."""

    number: int | None


def packet_of(frame: VideoFrame) -> int | None:
    """The number of the packet that a frame was decoded from; None if the decoder does not say."""
    return frame.opaque.number if isinstance(frame.opaque, _Tag) else None


def decoded(context: VideoCodecContext, packet: AnyPacket | None, number: int | None) -> list[VideoFrame]:
    """The frames that a packet gives; none for a packet that does not decode. None ends the stream."""
    if packet is not None:
        packet.opaque = _Tag(number)
    try:
        return context.decode(packet)
    except (av.FFmpegError, ValueError):
        return []


def scan(path: Path, picture_index: int, sound_indices: tuple[int, ...]) -> Scan:
    """Read all packets of these streams, and decode the first frame and key frames of the picture.

    Raises UnreadableSourceError if no frame decodes.
    """
    try:
        return _scan(path, picture_index, sound_indices, decode_all=False)
    except _FieldPacketsError:
        return _scan(path, picture_index, sound_indices, decode_all=True)


class _FieldPacketsError(Exception):
    """Packets contain single fields, and only decoding shows which two make a picture."""


def _scan(path: Path, picture_index: int, sound_indices: tuple[int, ...], *, decode_all: bool) -> Scan:
    with open_container(path) as container:
        streams = [container.streams[index] for index in (picture_index, *sound_indices)]
        picture = streams[0]
        assert isinstance(picture, VideoStream), "the probe chose a picture"
        tables = {s.index: PacketTable(Fraction(s.time_base or 1)) for s in streams}
        by_order = container.format.name in ORDERED_FORMATS
        looker = _Looker(path, picture, decode_all=decode_all)
        is_cut_off = False
        # Every packet is recorded, whether it decodes or not: times come from here, never from the decoder.
        for order, packet in enumerate(packets(container, streams)):
            track = tables[packet.stream_index]
            is_picture = packet.stream_index == picture_index
            shown = not is_picture or _gives_picture(packet, looker.stream)
            if is_picture:
                is_cut_off = packet.is_corrupt
                looker.see(packet, len(track), shown=shown)
            track.pts.append(packet.pts)
            track.dts.append(packet.dts)
            track.durations.append(max(0, packet.duration or 0))
            track.keys.append(packet.is_keyframe)
            track.shown.append(shown)
            track.order.append(order)
            track.positions.append(packet.pos)
        looks = looker.finish()
        joins = bool(container.format.flags & _FORMAT_JOINS)
    table = tables[picture_index]
    if decode_all:
        table.shown = [number in looker.decoded for number in range(len(table))]
    is_reordered = list(looker.decoded) != sorted(looker.decoded)
    if (by_order and is_reordered) or not _ascend([table.pts[number] for number in looker.decoded]):
        # Stamps in the order of the file, though frames are not: they cannot be those of presentation.
        table.dts = [shown if decoded is None else decoded for shown, decoded in zip(table.pts, table.dts, strict=True)]
        table.pts = [None] * len(table)
    # The last packet of a file that breaks off gives a damaged picture.
    if is_cut_off and sum(table.shown) > 1:
        table.shown[-1] = False
    timeline = build_timeline(tables, picture_index, joins=joins)
    return Scan(tables, timeline, looks[0].packet, looks, joins)


def _ascend(stamps: Sequence[int | None]) -> bool:
    """Returns True if the stamps of frames in presentation order ascend, except for a few faults and joins."""
    known = [stamp for stamp in stamps if stamp is not None]
    descents = sum(later < earlier for earlier, later in pairwise(known))
    return descents * MAX_DESCENTS_EVERY <= len(known)


def packets(container: InputContainer, streams: Sequence[Stream]) -> Iterator[AnyPacket]:
    """Yields all packets up to the end, or to the place where the file becomes unreadable."""
    try:
        for packet in container.demux(*streams):
            if packet.size or packet.pts is not None or packet.dts is not None:  # the last ones only flush decoders
                yield packet
    except av.FFmpegError:  # a file that is cut off; what came before counts
        return


def _gives_picture(packet: AnyPacket, stream: VideoStream) -> bool:
    if packet.size == 0 or packet.is_discard:
        return False
    if stream.codec_context.name == "vp8":
        return bool(memoryview(packet)[0] & _VP8_SHOWN)
    return stream.codec_context.name != "vp9" or _shows_vp9(memoryview(packet))


def _shows_vp9(data: memoryview) -> bool:
    """Returns True if a packet of VP9 shows a picture. Older WebM has invisible frames in packets of their own."""
    if data[-1] >> 5 == _VP9_SUPERFRAME:  # frames of which the last one is shown
        return True
    profile = data[0] >> 5 & 1 | data[0] >> 3 & 2
    shows_older, _, shows_itself = (data[0] >> place & 1 for place in ((2, 1, 0) if profile == 3 else (3, 2, 1)))
    return bool(shows_older or shows_itself)


class _Looker:
    """Decoder of the head of a stream, to find its first picture, and after it of key frames only (or all frames)."""

    def __init__(self, path: Path, stream: VideoStream, *, decode_all: bool) -> None:
        self.stream = stream
        self.decoded: dict[int, None] = {}
        """Packets that gave a picture, in presentation order, for the part that was decoded."""
        self._path = path
        self._context = video_decoder(stream)
        self._looks: list[Look] = []
        self._fed = 0
        self._decode_all = decode_all
        self._in_head = True
        self._next_look_s = Fraction(0)

    def see(self, packet: AnyPacket, number: int, *, shown: bool) -> None:
        """Take note of the next packet of the picture. Raises UnreadableSourceError, _FieldPacketsError."""
        if self._in_head or self._decode_all:
            self._fed += shown
            self._keep(decoded(self._context, packet, number))
            if not self._looks and number >= MAX_PACKETS_TO_FIRST_FRAME:
                raise undecodable(self._path, self.stream)
            if self._in_head and self._looks and self._fed >= TRIAL_PACKETS and not self._decode_all:
                self._leave_head()
        elif packet.is_keyframe and self._is_due(packet):
            self._keep(decoded(self._context, packet, number))

    def finish(self) -> tuple[Look, ...]:
        """Returns all looks; the first is of the first picture shown. Raises UnreadableSourceError if there is none."""
        self._keep(decoded(self._context, None, None))
        if not self._looks:
            raise undecodable(self._path, self.stream)
        return tuple(self._looks)

    def _keep(self, frames: list[VideoFrame]) -> None:
        for frame in frames:
            number = packet_of(frame)
            if number is not None:
                self.decoded[number] = None
                if not self._looks or frame.key_frame:
                    self._looks.append(look_at(frame, self._context, self.stream, number))

    def _leave_head(self) -> None:
        self._keep(decoded(self._context, None, None))
        # A stream that begins inside a GOP, or is damaged, loses some; one of fields loses every other one.
        if self._fed * 2 // 5 < len(self.decoded) < self._fed * 3 // 5:
            raise _FieldPacketsError
        self._context.flush_buffers()
        self._context.skip_frame = "NONKEY"
        self._in_head = False

    def _is_due(self, packet: AnyPacket) -> bool:
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or packet.time_base is None:
            return True
        at_s = stamp * Fraction(packet.time_base)
        if self._next_look_s - 1 < at_s < self._next_look_s:
            return False
        self._next_look_s = at_s + KEY_FRAME_EVERY_S
        return True


def undecodable(path: Path, stream: VideoStream) -> UnreadableSourceError:
    """The error for a stream that gives no frame."""
    limit = "" if stream.width else ", or they are larger than 8K"  # past it the decoder does not even open
    return UnreadableSourceError(f"{path.name!r} opens, but none of its {stream.codec.name} frames decodes{limit}")


def look_at(frame: VideoFrame, context: VideoCodecContext, stream: VideoStream, packet: int) -> Look:
    """Returns the look of a decoded frame. Its sample aspect ratio is the container's if that states one."""
    sar = stream.sample_aspect_ratio or context.sample_aspect_ratio
    return Look(
        packet, frame.width, frame.height, frame.format.name, Fraction(sar or 1) or Fraction(1), frame.interlaced_frame
    )
