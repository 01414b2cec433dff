"""One notion of time for picture and sound: pure functions from the packets of a source to exact times.

Containers disagree about time. A transport stream starts each of its streams at another time, begins its clock again
where recordings were joined, and lets it wrap; AVI and raw streams have no presentation times; and one damaged stamp
can lie hours away. Everything that reads a source asks this module, so that picture and sound cannot drift apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil, lcm
from statistics import median_low

MAX_STEP_S = 10
"""Largest step of a stamp: one that is further from the expected time is a fault, or begins another clock."""

MAX_REORDER_PACKETS = 32
"""Stamps in the order of the file may go back and forth by this many packets last."""

BACKWARD_S = Fraction(1, 10)
"""A decoding time that goes back by more than this begins another clock."""

MAX_OVERLAP_S = Fraction(1, 10)
"""Sound that the end of one recording and the start of the next share may be cut up to this length."""

_NEIGHBOURS = 8
"""The packets on either side among which a missing stamp is looked for."""


@dataclass
class PacketTable:
    """The packets of one stream, in the order of the file. Times are in ticks of `time_base`."""

    time_base: Fraction
    pts: list[int | None] = field(default_factory=list)
    dts: list[int | None] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    """0 if the container does not say."""
    keys: list[bool] = field(default_factory=list)
    shown: list[bool] = field(default_factory=list)
    """False for packets that give no picture of their own, such as VP8's invisible frames."""
    order: list[int] = field(default_factory=list)
    """Position among the packets of all streams."""
    positions: list[int | None] = field(default_factory=list)
    """The place of each packet in the file, in bytes; None if the container does not say."""

    def __len__(self) -> int:
        return len(self.pts)


@dataclass(frozen=True)
class Timeline:
    """The times of all packets of some streams, in seconds on one continuous axis.

    The axis is that of the first clock of the source, so a source without joins keeps its raw times.
    """

    picture_index: int
    times_s: Mapping[int, Sequence[Fraction | None]]
    """Presentation time of each packet by stream index; None if the packet's own time cannot be trusted."""
    offsets_s: Mapping[int, Sequence[Fraction]]
    """Time added to the raw time of each packet, by stream index."""
    origin_s: Fraction = Fraction(0)
    """The time on the axis that becomes 0: when the first picture of the bundle is shown."""

    def shift_s(self, stream_index: int, packet_number: int) -> Fraction | None:
        """The shift to add to the raw time of a packet (0-based, counted per stream as in the file), so that 0 is
        when the bundle's first picture is shown. None if that time is not to be trusted.
        """
        times = self.times_s[stream_index]
        if packet_number >= len(times) or times[packet_number] is None:
            return None
        return self.offsets_s[stream_index][packet_number] - self.origin_s


def build_timeline(tables: Mapping[int, PacketTable], picture_index: int, *, joins: bool) -> Timeline:
    """Builds the timeline of a source. `joins`: the container's clock may restart (a transport stream)."""
    ticks_per_s = lcm(*(table.time_base.denominator for table in tables.values()))
    tracks = {index: _Track.of(table, ticks_per_s) for index, table in tables.items()}
    picture = tracks[picture_index]
    picture.times = _filled(picture.times, picture.step)
    clocks = _clocks_of_packets(tracks, picture_index, ticks_per_s, joins=joins)
    offsets = _clock_offsets(tracks, clocks, picture_index, picture.step, ticks_per_s)
    return Timeline(
        picture_index,
        times_s={
            index: [
                None if time is None else Fraction(time + offsets[clock], ticks_per_s)
                for time, clock in zip(track.times, clocks[index], strict=True)
            ]
            for index, track in tracks.items()
        },
        offsets_s={index: [Fraction(offsets[clock], ticks_per_s) for clock in clocks[index]] for index in tracks},
    )


@dataclass
class _Track:
    """The stamps of one stream in ticks that all streams share; faults are None."""

    times: list[int | None]
    """Presentation times, or decoding times if the container has no others."""
    steady: list[int | None]
    """Times that ascend in file order: decoding times, or else presentation times."""
    durations: list[int]
    order: list[int]
    positions: list[int | None]
    step: int
    """The usual distance of two packets; at least 1."""
    back: int | None
    """Distance that `steady` may fall behind the expected time without a break; None if it may be reordered."""

    @classmethod
    def of(cls, table: PacketTable, ticks_per_s: int) -> _Track:
        ticks = table.time_base.numerator * (ticks_per_s // table.time_base.denominator)
        step = _usual_step(table)
        second = 1 / table.time_base
        presented = _presented(table, step)
        times = _without_faults(presented, step, second)
        decoded = sum(time is not None for time in table.dts)
        has_decoding_times = 2 * decoded >= len(table)
        steady = _without_faults(table.dts, step, second) if has_decoding_times else times
        return cls(
            [None if time is None else time * ticks for time in times],
            [None if time is None else time * ticks for time in steady],
            [duration * ticks for duration in table.durations],
            table.order,
            table.positions or [None] * len(table),
            max(1, step * ticks),
            _slack(table.dts, step) * ticks if has_decoding_times else None,
        )


def _usual_step(table: PacketTable) -> int:
    """The median distance between packets in the order of presentation, in ticks of the table; 0 if unknown."""
    stamps = sorted(
        {stamp for stamp in (table.pts if has_presentation_times(table) else table.dts) if stamp is not None}
    )
    steps = [later - earlier for earlier, later in pairwise(stamps)]
    known = [duration for duration in table.durations if duration > 0]
    return median_low(steps) if steps else median_low(known) if known else 0


def _slack(dts: Sequence[int | None], step: int) -> int:
    """Returns how much earlier than expected a decoding time may be without beginning another clock, in ticks.

    A quarter of a step if nearly all steps are alike, else the amount by which a frame of a variable rate may be early.
    """
    known = [time for time in dts if time is not None]
    alike = sum(abs(later - earlier - step) * 50 <= max(step, 50) for earlier, later in pairwise(known))
    return max(1, step // 4 if 20 * alike >= 19 * (len(known) - 1) else 3 * step // 4)


def has_presentation_times(table: PacketTable) -> bool:
    """Returns True if packets have presentation times. AVI's H.264 and raw streams do not."""
    return 2 * sum(time is not None for time in table.pts) >= len(table)


def _presented(table: PacketTable, step: int) -> list[int | None]:
    if has_presentation_times(table):
        return table.pts
    if any(time is not None for time in table.dts):
        return table.dts
    times, at = [], 0
    for duration in table.durations:
        times.append(at)
        at += duration or step or 1
    return list[int | None](times)


def _without_faults(stamps: Sequence[int | None], step: int, second: Fraction) -> list[int | None]:
    """The stamps, with None for those that are far from where their stream was going if the stream goes on there.

    A few packets may return although the stamp is right: those that are shown before it. `second` is in ticks.
    """
    near = max(second, Fraction(MAX_REORDER_PACKETS * step))
    sound: list[int | None] = []
    expected: int | None = None
    recent: deque[int] = deque(maxlen=MAX_REORDER_PACKETS)
    for number, stamp in enumerate(stamps):
        if stamp is None:
            sound.append(None)
            continue
        if expected is None:
            following = _following(stamps, number)
            if len(following) > 1 and stamp - max(following) > 2 * near:  # a first one after which all others go back
                sound.append(None)
                continue
        elif abs(stamp - expected) > 2 * near and not any(abs(stamp - earlier) <= near for earlier in recent):
            following = _following(stamps, number)
            # If a clock goes back by little, the following stamps come near to the expected one, but do not reach it.
            returning = sum(-near <= time - expected <= near + MAX_REORDER_PACKETS * step for time in following)
            if 2 * returning > len(following):
                sound.append(None)
                expected += step
                continue
        sound.append(stamp)
        recent.append(stamp)
        expected = stamp + step
    return sound


def _following(stamps: Sequence[int | None], number: int) -> list[int]:
    return [t for t in stamps[number + 1 : number + 1 + MAX_REORDER_PACKETS] if t is not None]


def _filled(times: Sequence[int | None], step: int) -> list[int | None]:
    """The times, with those that are missing put into the hole that their neighbours leave in their middle."""
    filled = list(times)
    for number, time in enumerate(times):
        if time is None:
            around = filled[max(0, number - _NEIGHBOURS) : number + _NEIGHBOURS + 1]
            known = sorted(neighbour for neighbour in around if neighbour is not None)
            # At the edges are holes of packets that are further away in the file.
            holes = [a + step for a, b in pairwise(known) if b - a > step * Fraction(3, 2)]
            if holes:
                filled[number] = min(holes, key=lambda hole: abs(hole - known[len(known) // 2]))
            elif known:
                is_first = all(earlier is None for earlier in filled[max(0, number - _NEIGHBOURS) : number])
                filled[number] = known[0] - step if is_first else known[-1] + step
    return filled


def _clocks_of_packets(
    tracks: Mapping[int, _Track], picture_index: int, ticks_per_s: int, *, joins: bool
) -> dict[int, list[int]]:
    """Returns the number of the clock of each packet, by stream index.

    The first stream to jump begins a clock. Another stream changes to it when it jumps to a time near it, and at the
    latest behind the place in the file where it began. A forward jump that only catches up with the other streams is a
    gap of this stream.
    """
    limit, backward = MAX_STEP_S * ticks_per_s, BACKWARD_S * ticks_per_s
    clocks: dict[int, list[int]] = {index: [] for index in tracks}
    current = dict.fromkeys(tracks, 0)
    expected: dict[int, int | None] = dict.fromkeys(tracks)
    begins_at: int | None = None
    """The place in the file, in bytes, at which the newest clock begins."""
    latest: list[dict[int, int]] = [{}]
    """Latest raw time, by clock, then by stream."""
    sequence = sorted((order, index, number) for index, t in tracks.items() for number, order in enumerate(t.order))
    for _, index, number in sequence:
        # Packets are followed in the order of the file, in which a join is a jump of one stream after the other.
        time, awaited = tracks[index].steady[number], expected[index]
        if time is not None:
            # Decoding times of the picture go forward without exception. Those of sound are counted on from one stamp
            # for many packets, and are put right at the next.
            strict = tracks[index].back if index == picture_index else None
            jumps_back = awaited is not None and time < awaited - (strict or backward)
            jumps_on = awaited is not None and time > awaited + limit
            # A jump forward to where the other streams are is a gap of this one, not another clock.
            others = [other for stream, other in latest[current[index]].items() if stream != index]
            if joins and (jumps_back or (jumps_on and all(abs(time - other) > limit for other in others))):
                begun = current[index] < len(latest) - 1 and any(abs(time - t) <= limit for t in latest[-1].values())
                if not begun:
                    latest.append({})
                    begins_at = tracks[index].positions[number]
                current[index] = len(latest) - 1
            elif awaited is None or _is_past(tracks[index].positions[number], begins_at):
                current[index] = len(latest) - 1
            latest[current[index]][index] = time
            expected[index] = time + (tracks[index].durations[number] or tracks[index].step)
        clocks[index].append(current[index])
    return clocks


def _is_past(position: int | None, begins_at: int | None) -> bool:
    return position is not None and begins_at is not None and position >= begins_at >= 0


def _clock_offsets(
    tracks: Mapping[int, _Track], clocks: Mapping[int, list[int]], picture_index: int, frame: int, ticks_per_s: int
) -> list[int]:
    """The offset of each clock, in ticks: the picture goes on without a gap.

    If the sound of two recordings would overlap by more than `MAX_OVERLAP_S`, the later one waits whole frames.
    """
    count = 1 + max(clock for numbers in clocks.values() for clock in numbers) if any(clocks.values()) else 1
    spans: list[dict[int, tuple[int, int]]] = [{} for _ in range(count)]
    # The span of every clock, stream by stream, as raw times.
    for index, track in tracks.items():
        for time, duration, clock in zip(track.times, track.durations, clocks[index], strict=True):
            if time is None:
                continue
            start, end = spans[clock].get(index, (time, time))
            spans[clock][index] = (min(start, time), max(end, time + (duration or track.step)))
    # Each clock is moved behind the ones before it; the picture decides, since its frames must not overlap.
    offsets, ends = [0], {index: end for index, (_, end) in spans[0].items()}
    for span in spans[1:]:
        needed = {index: ends[index] - start for index, (start, _) in span.items() if index in ends}
        offset = needed.get(picture_index, max(needed.values(), default=offsets[-1]))
        overlap = max(needed.values(), default=offset) - offset
        # A longer overlap of sound cannot be mixed away, so the picture waits for whole frames.
        if overlap > MAX_OVERLAP_S * ticks_per_s:
            offset += ceil(Fraction(overlap, frame)) * frame
        offsets.append(offset)
        ends |= {index: max(end + offset, ends.get(index, end + offset)) for index, (_, end) in span.items()}
    return offsets
