"""Decoded frames of a source at a constant rate, in one shape, each at its tick.

The times come from the scan of the packets (`media.timeline`), so a frame that does not decode leaves its tick to the
one before it and moves nothing else.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, groupby, islice
from pathlib import Path

import av
from av.video.frame import VideoFrame

from media.errors import UnreadableSourceError
from media.filters import filtered, open_graph
from media.grid import Grid, assign_ticks, frame_count
from media.scan import Scan, decoded, open_container, packets, video_decoder
from media.shape import Shape, fitted, packed
from media.source import SourceTreatment
from media.timeline import MAX_REORDER_PACKETS, has_presentation_times

DECODED_AHEAD = 2
"""Frames before the first one wanted that the deinterlacer is shown."""

CYCLES_AHEAD = 2
"""Cycles of a pulldown before the first frame wanted that the filters are shown."""

TELECINE_CYCLE = 5
"""Frames of a 2:3 pulldown that come from four of film."""


@dataclass(frozen=True)
class Damage:
    """Consecutive frames that could not be decoded, or only in part."""

    at_s: Fraction
    """When the first of them is shown, from the start of the bundle."""
    frames: int
    shown_frozen: bool
    """True if the frame before is shown instead; False if what could be decoded of them is shown."""


@dataclass
class ReadingNotes:
    """What a reader of frames found on the way; complete when its frames are."""

    missing: list[int] = field(default_factory=list)
    """Output frames that repeat the one before because nothing could be decoded for them."""
    concealed: list[int] = field(default_factory=list)
    """Output frames of which the decoder had to make up parts."""

    def damage(self, frame_rate: Fraction) -> list[Damage]:
        """Runs of damaged frames in the order of time."""
        found: list[Damage] = []
        for frames, shown_frozen in ((self.missing, True), (self.concealed, False)):
            found += [Damage(run[0] / frame_rate, len(run), shown_frozen) for run in _runs(sorted(set(frames)))]
        return sorted(found, key=lambda damage: damage.at_s)


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        yield [number for _, number in run]


@dataclass(frozen=True)
class Schedule:
    """Which packet's frame is shown at which tick of the source's own rate."""

    grid: Grid
    ticks: dict[int, int]
    """By packet number; frames that are left out are missing."""
    count: int
    """Ticks in all."""

    @classmethod
    def of(cls, found: Scan, grid: Grid) -> Schedule:
        """The schedule of all pictures of a source on that grid."""
        shown = found.shown()
        times = [time for time, _ in shown]
        assigned = assign_ticks(times, grid)
        ticks = {packet: tick for (_, packet), tick in zip(shown, assigned, strict=True) if tick is not None}
        last_time, last_packet = shown[-1]
        duration_s = found.picture.durations[last_packet] * found.picture.time_base or 1 / grid.rate
        return cls(grid, ticks, frame_count(max(ticks.values(), default=0), last_time + duration_s, grid))


def timed_frames(
    path: Path, found: Scan, schedule: Schedule, first_tick: int = 0, *, shape: Shape | None = None
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from `first_tick` on, at ascending ticks of the source's own rate; ticks without a frame are left out.

    Decoding begins at the key frame before, and frames are brought to `shape` if one is given.
    """
    table = found.picture
    begin = _key_before(found, schedule, first_tick)
    slots = None if has_presentation_times(table) else _Slots()
    reached = first_tick - 1
    with open_container(path) as container:
        stream = container.streams[found.timeline.picture_index]
        assert isinstance(stream, av.video.stream.VideoStream), "the scan chose a picture"
        context = video_decoder(stream)
        context.thread_type = "AUTO"
        number = -1
        for packet in chain(packets(container, [stream]), [None]):
            if packet is not None:
                number += 1
                if number < begin:
                    continue
                if slots is not None and table.shown[number]:
                    slots.fed.append(number)
            for frame in decoded(context, packet, number):
                source = frame.opaque if slots is None else slots.take(frame)
                tick = schedule.ticks.get(source) if isinstance(source, int) else None
                if tick is None or tick <= reached:
                    continue
                reached = tick
                yield tick, fitted(frame, shape, context, stream) if shape is not None else frame


def _key_before(found: Scan, schedule: Schedule, tick: int) -> int:
    """The number of the packet to begin with so that all frames from `tick` on decode."""
    # A palette comes with the first packet alone.
    if tick <= 0 or any(look.pixel_format == "pal8" for look in found.looks):
        return 0
    table = found.picture
    is_ordered = not has_presentation_times(table)
    latest = tick - MAX_REORDER_PACKETS if is_ordered else tick
    keys = [n for n, key in enumerate(table.keys) if key and schedule.ticks.get(n, latest + 1) <= latest]
    # Without presentation times, only the second key frame tells for sure where we are.
    return next(iter(keys[-2:-1] if is_ordered else keys[-1:]), 0)


class _Slots:
    """Finds the times of frames in a stream without presentation times: they come in order and take the times of the
    packets in order. Frames that get lost move the others only up to the next key frame.
    """

    def __init__(self) -> None:
        self.fed: list[int] = []
        """The numbers of the packets that were given to the decoder, ascending."""
        self._next = 0
        self._shown: deque[int] = deque(maxlen=MAX_REORDER_PACKETS)

    def take(self, frame: VideoFrame) -> int | None:
        """The packet whose time is that of the next frame."""
        number = frame.opaque
        if isinstance(number, int):
            if frame.key_frame:
                # All packets before a key frame are shown before it, and so were those that overtook it.
                overtaking = sum(shown > number for shown in self._shown)
                self._next = max(self._next, bisect_left(self.fed, number) + overtaking)
            self._shown.append(number)
        self._next += 1
        return self.fed[self._next - 1] if self._next <= len(self.fed) else None


def source_frames(
    path: Path, found: Scan, treatment: SourceTreatment, notes: ReadingNotes | None = None
) -> Iterator[bytes]:
    """The raw frames that are encoded, one for each tick of the output from `treatment.start_s` on.

    Each is the planes of `treatment.shape` one after the other. Raises UnreadableSourceError if there is none.
    """
    shape = treatment.shape_of(found)
    schedule = Schedule.of(found, treatment.grid_of(found))
    first, count = treatment.output_range(schedule.count)
    notes = notes or ReadingNotes()
    data: bytes | None = None
    done = 0
    for tick, frame in _at_output_rate(path, found, schedule, treatment, shape, first, notes):
        at = tick - first
        if at < 0:
            data = packed(frame, shape)
            continue
        previous, data = data, packed(frame, shape)
        while done < min(at, count):
            yield previous or data
            done += 1
        if done >= count:
            return
        yield data
        done += 1
    if data is None:
        raise UnreadableSourceError(f"{path.name!r} has no frames in the part asked for")
    while done < count:
        yield data
        done += 1


def _at_output_rate(
    path: Path,
    found: Scan,
    schedule: Schedule,
    treatment: SourceTreatment,
    shape: Shape,
    first: int,
    notes: ReadingNotes,
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames at ticks of the output's rate: deinterlaced, or the film in a telecined source."""
    doubled = treatment.frame_rate == 2 * treatment.source_rate
    if treatment.fields == "telecine":
        # The filters are in step again after a cycle or two, whichever frame they begin with.
        begin = max(0, first // (TELECINE_CYCLE - 1) - CYCLES_AHEAD) * TELECINE_CYCLE
    else:
        begin = max(0, first // (2 if doubled else 1) - DECODED_AHEAD)
    frames = timed_frames(path, found, schedule, begin, shape=shape)
    frames = _noted(frames, schedule, treatment, begin, first, notes)
    if treatment.fields == "interlaced":
        yield from _deinterlaced(frames, treatment, shape, doubled=doubled)
    elif treatment.fields == "telecine":
        yield from _film(frames, treatment, shape, begin)
    else:
        yield from frames


def _noted(
    frames: Iterator[tuple[int, VideoFrame]],
    schedule: Schedule,
    treatment: SourceTreatment,
    begin: int,
    first: int,
    notes: ReadingNotes,
) -> Iterator[tuple[int, VideoFrame]]:
    """The same frames; what is damaged is written down in output frames."""
    factor = treatment.frame_rate / treatment.source_rate
    promised = sorted(tick for tick in schedule.ticks.values() if tick >= begin)
    position = 0

    def output(tick: int) -> list[int]:
        start, end = int(tick * factor), max(int((tick + 1) * factor), int(tick * factor) + 1)
        return [n - first for n in range(start, end) if n >= first]

    for tick, frame in frames:
        while position < len(promised) and promised[position] < tick:
            notes.missing += output(promised[position])
            position += 1
        position += position < len(promised) and promised[position] == tick
        if frame.is_corrupt:
            notes.concealed += output(tick)
        yield tick, frame
    for tick in promised[position:]:
        notes.missing += output(tick)


def _deinterlaced(
    frames: Iterator[tuple[int, VideoFrame]], treatment: SourceTreatment, shape: Shape, *, doubled: bool
) -> Iterator[tuple[int, VideoFrame]]:
    """Whole frames of interlaced ones, one for each field if `doubled`; progressive frames stay as they are."""
    mode = "send_field" if doubled else "send_frame"
    bwdif = ("bwdif", f"mode={mode}:parity=auto:deint=interlaced")
    graph = open_graph(shape.width, shape.height, shape.pixel_format, bwdif)
    for frame in filtered(graph, frames):
        assert frame.pts is not None and frame.time_base is not None, "the filter sets them"
        yield int(frame.pts * frame.time_base * (2 if doubled else 1)), frame


def _film(
    frames: Iterator[tuple[int, VideoFrame]], treatment: SourceTreatment, shape: Shape, begin: int
) -> Iterator[tuple[int, VideoFrame]]:
    """The four frames of film that every five of a 2:3 pulldown are made of."""
    graph = open_graph(
        shape.width,
        shape.height,
        shape.pixel_format,
        ("fieldmatch", "order=auto:combmatch=full"),
        ("bwdif", "mode=send_frame:deint=interlaced"),
        ("decimate", f"cycle={TELECINE_CYCLE}"),
    )
    first = begin // TELECINE_CYCLE * (TELECINE_CYCLE - 1)
    # The filters judge a frame by the one before it, and the first of all wrongly, so they see the first cycle twice.
    whole = _without_gaps(frames, begin)
    opening = list(islice(whole, TELECINE_CYCLE))
    lead = [(tick - TELECINE_CYCLE, frame) for tick, frame in opening]
    for number, frame in enumerate(filtered(graph, chain(lead, opening, whole))):
        if number >= TELECINE_CYCLE - 1:
            yield first + number - (TELECINE_CYCLE - 1), frame


def _without_gaps(frames: Iterator[tuple[int, VideoFrame]], begin: int) -> Iterator[tuple[int, VideoFrame]]:
    last: VideoFrame | None = None
    expected = begin
    for tick, frame in frames:
        while expected < tick:
            yield expected, last or frame
            expected += 1
        yield tick, frame
        last, expected = frame, tick + 1
