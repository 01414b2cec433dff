"""Times of packets on one axis: joins, wraps and faults, on tables that are written down here."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.source.timeline import PacketTable, Timeline, build_timeline

PICTURE, SOUND = 0, 1
CLOCK_HZ = 90_000
FRAME = 3600
"""Ticks of a frame of 25 a second."""
AAC = 1920
"""Ticks of 1024 samples of 48 kHz."""

Stamps = Sequence[int | None]


def table(
    pts: Stamps, dts: Stamps | None = None, *, duration: int = FRAME, time_base: Fraction = Fraction(1, CLOCK_HZ)
) -> PacketTable:
    count = len(pts)
    return PacketTable(
        time_base,
        list(pts),
        list(pts if dts is None else dts),
        [duration] * count,
        [True] * count,
        [True] * count,
        list(range(count)),
    )


def interleaved(*tables: PacketTable) -> dict[int, PacketTable]:
    """The tables as one file of recordings, in each of which all streams have an equal part of their packets."""
    for stream, one in enumerate(tables):
        one.order = [round(1_000_000 * number / len(one)) * 10 + stream for number in range(len(one))]
    return dict(enumerate(tables))


def joined(*recordings: dict[int, PacketTable]) -> dict[int, PacketTable]:
    """One recording after the other, as `cat` joins transport streams."""
    whole: dict[int, PacketTable] = {}
    for number, recording in enumerate(recordings):
        for stream, part in recording.items():
            into = whole.setdefault(stream, PacketTable(part.time_base))
            into.pts += part.pts
            into.dts += part.dts
            into.durations += part.durations
            into.keys += part.keys
            into.shown += part.shown
            into.order += [order + number * 100_000_000 for order in part.order]
    return whole


def recording(
    start: int, frames: int = 100, *, sound_start: int | None = None, sound_packets: int | None = None
) -> dict[int, PacketTable]:
    """A picture of 25 frames a second, and sound; both begin at `start` unless the sound's own start is given."""
    packets = frames * FRAME // AAC if sound_packets is None else sound_packets
    begin = start if sound_start is None else sound_start
    return interleaved(
        table([start + FRAME * n for n in range(frames)]),
        table([begin + AAC * n for n in range(packets)], duration=AAC),
    )


def reordered(frames: int, start: int = 0, step: int = FRAME) -> tuple[list[int], list[int]]:
    """Presentation and decoding times of I B B P B B P ..., three frames of delay."""
    shown = [n + 2 if n % 3 == 1 else n - 1 if n else 0 for n in range(frames)]
    return [start + step * n for n in shown], [start + step * (n - 2) for n in range(frames)]


def times(timeline: Timeline, stream: int = PICTURE) -> list[Fraction]:
    known = timeline.times_s[stream]
    assert all(time is not None for time in known)
    return [time for time in known if time is not None]


def assert_even(found: Sequence[Fraction], step_s: Fraction = Fraction(1, 25)) -> None:
    """All frames are there, one step apart."""
    assert {later - earlier for earlier, later in pairwise(sorted(found))} <= {step_s}


@pytest.mark.parametrize("joins", [True, False])
@pytest.mark.parametrize("start", [0, -45_000, 126_000, 2**32])
def test_without_joins_all_times_are_the_raw_ones(start: int, joins: bool) -> None:
    tables = recording(start, sound_start=start + 54_000)
    timeline = build_timeline(tables, PICTURE, joins=joins)
    for stream, one in tables.items():
        assert times(timeline, stream) == [Fraction(stamp or 0, CLOCK_HZ) for stamp in one.pts]
        assert set(timeline.offsets_s[stream]) == {0}
    assert timeline.shift_s(PICTURE, 0) == 0
    assert timeline.shift_s(PICTURE, 100) is None


@pytest.mark.parametrize("sound_start", [0, 54_000, 630_000, 1_530_000])
def test_streams_that_start_apart_keep_their_distance(sound_start: int) -> None:
    timeline = build_timeline(recording(630_000, 600, sound_start=sound_start), PICTURE, joins=True)
    assert times(timeline, SOUND)[0] - times(timeline)[0] == Fraction(sound_start - 630_000, CLOCK_HZ)
    assert_even(times(timeline))


def assert_in_step(timeline: Timeline, frames_before: int, packets_before: int) -> None:
    """The sound of the second recording begins with its picture, after all frames of the first."""
    picture, sound = times(timeline), times(timeline, SOUND)
    assert_even(picture)
    assert sound[packets_before] == picture[frames_before]


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(126_000, id="the clock begins again"),
        pytest.param(450_000_000, id="the clock goes far back"),
        pytest.param(500_000_000 + 3 * FRAME, id="a few frames back"),
        pytest.param(600_000_000, id="the clock goes on by 18 minutes"),
        pytest.param(500_000_000 + 100 * FRAME + 11 * CLOCK_HZ, id="the clock goes on by 11 seconds"),
    ],
)
def test_joined_recordings_follow_each_other(start: int) -> None:
    tables = joined(recording(500_000_000), recording(start))
    timeline = build_timeline(tables, PICTURE, joins=True)
    assert_in_step(timeline, 100, 187)
    assert len(set(timeline.offsets_s[PICTURE])) == 2


def test_a_container_whose_clock_never_begins_again_keeps_a_long_gap() -> None:
    tables = joined(recording(0), recording(20 * CLOCK_HZ))
    found = times(build_timeline(tables, PICTURE, joins=False))
    assert found[100] - found[99] == Fraction(20) - 99 * Fraction(1, 25)


def test_many_joins_are_all_found() -> None:
    tables = joined(*(recording(start) for start in (900_000, 0, 400_000_000, 0, 0)))
    timeline = build_timeline(tables, PICTURE, joins=True)
    assert_even(times(timeline))
    assert [times(timeline, SOUND)[187 * n] - times(timeline)[100 * n] for n in range(5)] == [0] * 5


def test_a_clock_that_wraps_goes_on() -> None:
    start = 2**33 - 50 * FRAME
    tables = recording(start, sound_start=start - 630)
    for one in tables.values():
        one.pts = [stamp % 2**33 for stamp in one.pts if stamp is not None]
        one.dts = list(one.pts)
    timeline = build_timeline(tables, PICTURE, joins=True)
    assert_even(times(timeline))
    assert_even(times(timeline, SOUND), Fraction(AAC, CLOCK_HZ))
    assert times(timeline)[0] - times(timeline, SOUND)[0] == Fraction(630, CLOCK_HZ)


def test_stamps_that_overlap_by_one_frame_lose_none() -> None:
    timeline = build_timeline(joined(recording(0), recording(99 * FRAME)), PICTURE, joins=True)
    assert times(timeline)[100] - times(timeline)[99] == times(timeline)[1] - times(timeline)[0]


def test_two_frames_that_two_recordings_share_are_shown_twice() -> None:
    assert_even(times(build_timeline(joined(recording(0), recording(98 * FRAME)), PICTURE, joins=True)))


@pytest.mark.parametrize("sound_packets", [140, 187, 234])
def test_sound_that_ends_early_or_late_before_a_join_stays_with_its_picture(sound_packets: int) -> None:
    tables = joined(recording(450_000_000, sound_packets=sound_packets), recording(126_000))
    timeline = build_timeline(tables, PICTURE, joins=True)
    picture, sound = times(timeline), times(timeline, SOUND)
    assert sound[sound_packets] == picture[100]
    assert sound[sound_packets] >= sound[sound_packets - 1] + Fraction(AAC, CLOCK_HZ) - Fraction(1, 10)
    assert (picture[100] - picture[99]) % Fraction(1, 25) == 0
    if sound_packets <= 187:
        assert_even(picture)


@pytest.mark.parametrize("off", [3600 * CLOCK_HZ, 12 * CLOCK_HZ, -12 * CLOCK_HZ, -3600 * CLOCK_HZ])
@pytest.mark.parametrize("joins", [True, False])
def test_one_faulty_stamp_is_replaced_by_the_place_it_left(off: int, joins: bool) -> None:
    tables = recording(5000 * CLOCK_HZ)
    stamp = tables[PICTURE].pts[50]
    assert stamp is not None
    tables[PICTURE].pts[50] = tables[PICTURE].dts[50] = stamp + off
    timeline = build_timeline(tables, PICTURE, joins=joins)
    assert_even(times(timeline))
    assert times(timeline)[50] == Fraction(stamp, CLOCK_HZ)
    assert set(timeline.offsets_s[PICTURE]) == {0}


def test_a_first_stamp_far_behind_all_others_is_a_fault() -> None:
    tables = recording(0)
    tables[PICTURE].pts[0] = tables[PICTURE].dts[0] = 3600 * CLOCK_HZ
    found = times(build_timeline(tables, PICTURE, joins=False))
    assert_even(found)
    assert found[1] == Fraction(1, 25)


def test_a_faulty_stamp_of_the_sound_is_not_trusted() -> None:
    tables = recording(0)
    tables[SOUND].pts[50] = tables[SOUND].dts[50] = 3600 * CLOCK_HZ
    timeline = build_timeline(tables, PICTURE, joins=True)
    assert timeline.times_s[SOUND][50] is None
    assert timeline.shift_s(SOUND, 50) is None
    assert timeline.shift_s(SOUND, 51) == 0


def test_frames_shown_before_one_that_is_still_for_long_are_not_faults() -> None:
    # P frames 200 s apart: each comes before the two B frames that are shown between.
    pts, dts = reordered(60, step=200 * CLOCK_HZ)
    timeline = build_timeline({PICTURE: table(pts, dts)}, PICTURE, joins=False)
    assert times(timeline) == [Fraction(stamp, CLOCK_HZ) for stamp in pts]


def test_a_still_part_among_reordered_frames_is_not_a_fault() -> None:
    pts, dts = reordered(121)
    still = 900 * CLOCK_HZ
    pts = [stamp + still * (stamp >= 60 * FRAME) for stamp in pts]
    dts = sorted(pts)
    dts = [dts[0] - 2 * FRAME, dts[0] - FRAME, *dts[:-2]]
    timeline = build_timeline({PICTURE: table(pts, dts)}, PICTURE, joins=False)
    assert times(timeline) == [Fraction(stamp, CLOCK_HZ) for stamp in pts]


def test_a_missing_stamp_is_put_into_the_hole_among_its_neighbours() -> None:
    pts, dts = reordered(61)
    without: list[int | None] = [*pts]
    without[17] = without[40] = None
    timeline = build_timeline({PICTURE: table(without, dts)}, PICTURE, joins=True)
    assert times(timeline) == [Fraction(stamp, CLOCK_HZ) for stamp in pts]


def test_without_presentation_times_the_decoding_times_count() -> None:
    stamps = table([None] * 50, list(range(50)), duration=1, time_base=Fraction(1, 24))
    assert times(build_timeline({PICTURE: stamps}, PICTURE, joins=False)) == [Fraction(n, 24) for n in range(50)]


def test_without_any_stamps_the_durations_add_up() -> None:
    stamps = table([None] * 50, [None] * 50, duration=50_000, time_base=Fraction(1, 1_200_000))
    assert times(build_timeline({PICTURE: stamps}, PICTURE, joins=False)) == [Fraction(n, 24) for n in range(50)]


def test_one_packet_is_a_source_too() -> None:
    assert times(build_timeline({PICTURE: table([FRAME])}, PICTURE, joins=True)) == [Fraction(1, 25)]


@pytest.mark.parametrize("gap_stream", [PICTURE, SOUND])
def test_a_gap_of_one_stream_alone_is_not_a_join(gap_stream: int) -> None:
    gap = 15 * CLOCK_HZ
    tables = recording(0, 1500)
    gapped = tables[gap_stream]
    step = gapped.durations[0]
    kept = [n for n in range(len(gapped)) if not 400 <= n < 400 + gap // step]
    tables[gap_stream] = table([step * n for n in kept], duration=step)
    tables[gap_stream].order = [gapped.order[n] for n in kept]
    timeline = build_timeline(tables, PICTURE, joins=True)
    assert set(timeline.offsets_s[PICTURE]) == set(timeline.offsets_s[SOUND]) == {0}
    assert times(timeline, gap_stream) == [Fraction(step * n, CLOCK_HZ) for n in kept]


@given(
    step=st.sampled_from([1500, 1501, 3003, 3600, 3750, 3754, 9000]),
    starts=st.lists(st.integers(0, 2**33 - 10**7), min_size=1, max_size=4),
    frames=st.integers(12, 60).map(lambda n: 3 * n),
    has_b_frames=st.booleans(),
)
def test_all_frames_of_joined_recordings_are_one_step_apart(
    step: int, starts: list[int], frames: int, has_b_frames: bool
) -> None:
    parts = []
    for start in starts:
        pts = list(range(start, start + step * frames, step))
        dts = pts
        if has_b_frames:
            pts, dts = reordered(frames + 1, start, step)
            pts, dts = pts[: frames + 1], dts[: frames + 1]
        parts.append(interleaved(table(pts, dts, duration=step)))
    # A start that happens to go on where the one before ends, or up to 10 s later, is a recording with a gap.
    ends = [start + step * (frames + has_b_frames) for start in starts]
    if any(-step <= later - end <= 11 * CLOCK_HZ for end, later in zip(ends, starts[1:], strict=False)):
        return
    found = times(build_timeline(joined(*parts), PICTURE, joins=True))
    assert len(found) == len(starts) * (frames + has_b_frames)
    assert_even(found, Fraction(step, CLOCK_HZ))
