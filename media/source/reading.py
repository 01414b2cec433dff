"""Decoded frames of a source at a constant rate, in one shape, each at its tick.

The times come from the scan of the packets (`media.source.timeline`), so a frame that does not decode leaves its tick
to the one before it and moves nothing else.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, groupby, islice, pairwise
from pathlib import Path
from typing import Literal

import av
from av.video.frame import VideoFrame

from media.errors import UnreadableSourceError
from media.source.filters import filtered, open_graph
from media.source.grid import Grid, assign_ticks, frame_count
from media.source.scan import Scan, decoded, open_container, packet_of, packets, video_decoder
from media.source.shape import Shape, fitted, packed
from media.source.timeline import has_presentation_times
from media.source.treatment import SourceTreatment

MAX_REORDERED = 16
"""The most packets that a codec (H.264, HEVC) may hold back to reorder them."""

DECODED_AHEAD = 2
"""Frames before the first one wanted that the deinterlacer is shown."""

CYCLES_AHEAD = 2
"""Cycles of a pulldown before the first frame wanted that the filters are shown."""

TELECINE_CYCLE = 5
"""Frames of a 2:3 pulldown that come from four of film."""


DamageKind = Literal["absent", "undecodable", "concealed", "cut off"]
"""`absent` frames are not in the source and `undecodable` ones do not decode: the frame before is shown instead.
Of `concealed` ones the decoder had to make up parts. After `cut off` ones none decodes: they are left out."""


@dataclass(frozen=True)
class Damage:
    """Consecutive frames that are not shown as they should be."""

    at_s: Fraction
    """Time at which the first of them is shown, from the start of the bundle."""
    frames: int
    kind: DamageKind


@dataclass
class ReadingNotes:
    """Damage that a reader of frames met on the way; complete when its frames are."""

    missing: list[int] = field(default_factory=list)
    """Output frames that repeat the one before because nothing could be decoded for them."""
    concealed: list[int] = field(default_factory=list)
    """Output frames of which the decoder had to make up parts."""
    cut_off: list[int] = field(default_factory=list)
    """Output frames at the end after which none decodes; they are left out."""

    def damage(self, frame_rate: Fraction) -> list[Damage]:
        """Runs of damaged frames in the order of time."""
        found: list[Damage] = []
        kinds: tuple[tuple[DamageKind, list[int]], ...] = (
            ("undecodable", self.missing),
            ("concealed", self.concealed),
            ("cut off", self.cut_off),
        )
        for kind, frames in kinds:
            found += [Damage(run[0] / frame_rate, len(run), kind) for run in _runs(sorted(set(frames)))]
        return sorted(found, key=lambda damage: damage.at_s)


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        yield [number for _, number in run]


@dataclass(frozen=True)
class Schedule:
    """Packet whose frame is shown at each tick of the source's own rate."""

    grid: Grid
    ticks: dict[int, int]
    """Tick by packet number; frames that are left out are missing."""
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

    def tick_ahead(self, tick: int) -> int:
        """The tick to begin with so that what is shown at `tick` is read, and a few frames before it."""
        ticks = sorted(self.ticks.values())
        shown = bisect_right(ticks, tick) - 1
        return ticks[max(0, shown - DECODED_AHEAD)] if shown >= 0 else 0

    def absent(self, treatment: SourceTreatment) -> list[Damage]:
        """Ticks for which the source has no frame, as frames of the output."""
        first, count = treatment.output_range(self.count)
        factor = treatment.frame_rate / treatment.source_rate
        found: list[Damage] = []
        for earlier, later in pairwise(sorted(self.ticks.values())):
            start, end = (round(tick * factor) - first for tick in (earlier + 1, later))
            start, end = max(start, 0), min(end, count)
            if start < end:
                found.append(Damage(start / treatment.frame_rate, end - start, "absent"))
        return found


def timed_frames(
    path: Path, found: Scan, schedule: Schedule, first_tick: int = 0, *, shape: Shape | None = None
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from `first_tick` on, at ascending ticks of the source's own rate; ticks without a frame are left out.

    Decoding begins at the key frame before, and frames are brought to `shape` if one is given.
    """
    table = found.picture
    ordered = not has_presentation_times(table)
    # Frames that take their times by their order are counted from the first one.
    begin = 0 if ordered else _key_before(found, schedule, first_tick)
    pending: list[int] = []
    keys = [number for number, is_key in enumerate(table.keys) if is_key] if ordered else []
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
                if table.shown[number]:
                    heapq.heappush(pending, number)
            for frame in decoded(context, packet, number):
                source = packet_of(frame)
                if ordered and source is not None:
                    # Frames come in order, and take the times of the packets in order, but for packets that were lost:
                    # before anything of a group of pictures comes out, all of the group before has.
                    group = keys[bisect_right(keys, source) - 1] if keys and keys[0] <= source else 0
                    while len(pending) > 1 and pending[0] < max(group, source - MAX_REORDERED):
                        heapq.heappop(pending)
                    source = heapq.heappop(pending) if pending else None
                tick = schedule.ticks.get(source) if source is not None else None
                # Frames before the start, repeated ones and those that the schedule leaves out are dropped here.
                if tick is None or tick <= reached:
                    continue
                reached = tick
                yield tick, fitted(frame, shape, context, stream) if shape is not None else frame


def _key_before(found: Scan, schedule: Schedule, tick: int) -> int:
    """The number of the packet to begin with so that all frames from `tick` on decode."""
    # A palette comes with the first packet alone.
    if tick <= 0 or any(look.pixel_format == "pal8" for look in found.looks):
        return 0
    table, best = found.picture, 0
    for number, key in enumerate(table.keys):
        at = schedule.ticks.get(number)
        if key and at is not None and at <= tick:
            best = number
    return best


def source_frames(
    path: Path, found: Scan, treatment: SourceTreatment, notes: ReadingNotes | None = None
) -> Iterator[bytes]:
    """Yields the raw frames that are encoded, one for each tick of the output from `treatment.start_s` on.

    Each is the planes of `treatment.shape` one after the other. Raises UnreadableSourceError if there is none.
    """
    shape = treatment.shape_of(found)
    schedule = Schedule.of(found, treatment.grid_of(found))
    first, count = treatment.output_range(schedule.count)
    notes = notes or ReadingNotes()
    nothing = UnreadableSourceError(f"{path.name!r} has no frames in the part asked for")
    if count == 0:
        raise nothing
    data: bytes | None = None
    done = 0
    for tick, frame in _at_output_rate(path, found, schedule, treatment, shape, first, notes):
        # Frames before the start are only remembered: the last of them fills a gap at the beginning.
        at = tick - first
        if at < 0:
            data = packed(frame, shape)
            continue
        # A tick without a frame shows the frame before it.
        previous, data = data, packed(frame, shape)
        while done < min(at, count):
            yield previous or data
            done += 1
        if done >= count:
            return
        yield data
        done += 1
    if data is None:
        raise nothing
    # The last frame stands until the end, unless the file broke off.
    while done < count and not notes.cut_off:
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
        begin = schedule.tick_ahead(first // (2 if doubled else 1))
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
    # Compare the frames that come with those that the packets promised.
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
        notes.cut_off += output(tick)


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
    # The filters judge a frame by the one before it: to the first one its successors lead up, backwards.
    whole = _without_gaps(frames, begin)
    opening = list(islice(whole, TELECINE_CYCLE + 1))
    backwards = [frame for _, frame in reversed(opening[1:])]
    lead = list(zip(range(begin - len(backwards), begin), backwards, strict=True))
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
