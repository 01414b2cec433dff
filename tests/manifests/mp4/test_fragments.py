"""Segments measured from their own boxes, on real fMP4 and on broken ones."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import MalformedFragmentError
from manifests.mp4.boxes import MAX_BOXES, boxes
from manifests.mp4.fragments import ByteRange, FragmentInfo, InitInfo, SampleDefaults, read_fragment, read_init

if TYPE_CHECKING:
    from pathlib import Path

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

INIT = InitInfo(1000, "vide", "avc1.64001E", 64, 36, 0, 0, 1, SampleDefaults(40, 0, 0x10000))


def box(box_type: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), box_type) + payload


def words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def moof(trun: bytes, tfhd: bytes | None = None, start: int = 0) -> bytes:
    tfdt = box(b"tfdt", words(1 << 24), struct.pack(">Q", start))
    return box(b"moof", box(b"traf", tfhd or box(b"tfhd", words(0, 1)), tfdt, trun))


def test_every_codec_of_the_ladder_is_named_as_browsers_know_it(tiny_media: Path) -> None:
    inits = [read_init((tiny_media / str(i) / "init.mp4").read_bytes()) for i in (0, 1, 4, 5, 6)]
    assert [init.codecs.partition(".")[0] for init in inits] == ["avc1", "avc1", "mp4a", "hvc1", "av01"]
    assert inits[0].codecs.startswith("avc1.4D40")  # Main, for its B-frames
    assert inits[2].codecs == "mp4a.40.2"
    assert inits[3].codecs.startswith("hvc1.1.6.L30")
    assert inits[4].codecs == "av01.0.00M.08"


def test_an_init_segment_tells_clock_size_and_sound(tiny_media: Path) -> None:
    video = read_init((tiny_media / "1" / "init.mp4").read_bytes())
    assert (video.handler, video.timescale, video.width, video.height) == ("vide", 15360, 128, 72)
    sound = read_init((tiny_media / "4" / "init.mp4").read_bytes())
    assert (sound.handler, sound.timescale, sound.sample_rate_hz, sound.channels) == ("soun", 48000, 48000, 2)
    assert (sound.width, sound.height) == (0, 0)


def test_segments_tell_their_start_duration_and_frames(tiny_media: Path) -> None:
    init = read_init((tiny_media / "0" / "init.mp4").read_bytes())
    found = [read_fragment((tiny_media / "0" / f"0000{n}.m4s").read_bytes(), init) for n in (1, 2)]
    assert found == [
        FragmentInfo(0, 15360, 30, True, 512, 512, 512, found[0].first_sample),
        FragmentInfo(15360, 15360, 30, True, 512, 512, 512, found[1].first_sample),
    ]


def test_a_segment_may_be_of_several_chunks() -> None:
    first, second = (moof(box(b"trun", words(0, 5)), start=start) for start in (0, 200))
    mdat = box(b"mdat")
    assert read_fragment(first + mdat + second + mdat, INIT) == FragmentInfo(
        0, 400, 10, False, 40, 40, 40, ByteRange(0, 2 * len(first + mdat))
    )
    with pytest.raises(MalformedFragmentError, match="starts at 200, the one before ends at 400"):
        read_fragment(first + mdat + second + mdat + second + mdat, INIT)


def test_a_fragment_overrides_the_defaults_of_the_track() -> None:
    tfhd = box(b"tfhd", words(0x1 | 0x2 | 0x8 | 0x10 | 0x20, 1), bytes(8), words(1, 50, 3, 0))
    data = moof(box(b"trun", words(0, 4)), tfhd, start=7) + box(b"mdat", bytes(12))
    assert read_fragment(data, INIT) == FragmentInfo(7, 200, 4, True, 50, 50, 50, ByteRange(0, len(data)))


def test_the_shortest_the_longest_and_the_last_sample_are_told() -> None:
    runs = box(b"trun", words(0x100, 3, 40, 1, 40)) + box(b"trun", words(0x100, 2, 41, 417)) + box(b"trun", words(0, 1))
    found = read_fragment(moof(runs) + box(b"mdat"), INIT)
    assert (found.shortest_sample_ticks, found.longest_sample_ticks) == (1, 417)
    assert found.last_sample_ticks == 40
    assert (found.duration_ticks, found.sample_count) == (579, 6)


@pytest.mark.parametrize("folder", ["0", "1", "5", "6"])
def test_the_first_sample_alone_is_a_picture(tiny_media: Path, folder: str) -> None:
    """The init segment and that range of bytes decode to the first frame of the segment (HLS I-frame playlists)."""
    init = (tiny_media / folder / "init.mp4").read_bytes()
    for name in ("00001.m4s", "00002.m4s"):
        segment = (tiny_media / folder / name).read_bytes()
        part = read_fragment(segment, read_init(init)).first_sample
        assert segment[part.start + 4 : part.start + 8] == b"moof" and part.size_bytes < len(segment) - part.start
        alone = init + segment[part.start : part.start + part.size_bytes]
        assert first_frame(alone) == first_frame(init + segment)


def first_frame(data: bytes) -> bytes:
    with av.open(io.BytesIO(data)) as container:
        return next(container.decode(video=0)).to_ndarray().tobytes()


@pytest.mark.parametrize(
    ("offset", "size", "base", "wanted"),
    [
        (0, 5, None, 13),  # the first of the media data
        (3, 4, None, 15),  # after other bytes in it
        (0, 12, None, 20),  # all of it
        (-200, 5, None, None),  # before the fragment
        (2**30, 5, None, None),  # past the end
        (0, 5, 0, None),  # counted from the start of the file, which a segment does not know
    ],
)
def test_the_first_sample_ends_where_the_tables_say(
    offset: int, size: int, base: int | None, wanted: int | None
) -> None:
    """`wanted` is in bytes after the `moof`; None is the whole segment, for tables that make no sense."""
    tfhd = None if base is None else box(b"tfhd", words(0x1, 1), struct.pack(">Q", base))
    length = len(moof(box(b"trun", words(0x201, 1, 0, size)), tfhd))
    run = struct.pack(">IIiI", 0x201, 1, length + 8 + offset, size)
    data = box(b"styp", b"cmfs") + moof(box(b"trun", run), tfhd) + box(b"mdat", bytes(12)) + box(b"free")
    part = read_fragment(data, INIT).first_sample
    assert part == ByteRange(12, len(data) - 12 if wanted is None else length + wanted)


@pytest.mark.parametrize(
    ("run", "sync"),
    [
        (words(0x4, 2, 0x2000000), True),  # first-sample flags go before all else
        (words(0x4, 2, 0x1010000), False),
        (words(0x400, 2, 0x2000000, 0x10000), True),
        (words(0x400, 2, 0x10000, 0x2000000), False),
        (words(0, 2), False),  # the track's default
    ],
)
def test_sync_is_told_by_the_flags_of_the_first_sample(run: bytes, sync: bool) -> None:
    assert read_fragment(moof(box(b"trun", run)) + box(b"mdat"), INIT).starts_with_sync is sync


def test_sizes_of_sixty_four_bits_and_to_the_end_of_file_are_read() -> None:
    wide = struct.pack(">I4sQ", 1, b"wide", 20) + b"abcd"
    rest = struct.pack(">I4s", 0, b"rest") + b"efgh"
    assert [(b.type, bytes(b.payload)) for b in boxes(memoryview(wide + rest))] == [
        (b"wide", b"abcd"),
        (b"rest", b"efgh"),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no moof box"),
        (b"\0\0", "stray bytes"),
        (b"\x1f\x8b" + bytes(30), "claims"),
        (struct.pack(">I4s", 7, b"moof"), "claims 7 of 8"),
        (struct.pack(">I4s", 9, b"moof"), "claims 9 of 8"),
        (struct.pack(">I4s", 2**32 - 1, b"moof"), "claims"),
        (struct.pack(">I4sQ", 1, b"moof", 2**64 - 1), "claims"),
        (struct.pack(">I4sQ", 1, b"moof", 0), "claims"),
        (struct.pack(">I4s", 1, b"moof"), "claims"),
        (box(b"free") * (MAX_BOXES + 1), "boxes side by side"),
        (box(b"moof"), "0 tracks"),
        (box(b"moof", box(b"traf"), box(b"traf")), "2 tracks"),
        (box(b"moof", box(b"traf")), "has no 'tfhd'"),
        (moof(b"") + box(b"mdat"), "without samples"),
        (moof(box(b"trun", words(0, 0))) + box(b"mdat"), "without samples"),
        (moof(box(b"trun", words(0, 1))), "no mdat"),
        (moof(box(b"trun", words(0))) + box(b"mdat"), "cut off"),
        (moof(box(b"trun", words(0x5, 1, 0))) + box(b"mdat"), "cut off"),
        (moof(box(b"trun", words(0, 2**32 - 1))) + box(b"mdat"), "at most 1000000"),
        (moof(box(b"trun", words(0x100, 1_000_000, 1))) + box(b"mdat"), "claims 1000000 samples"),
        (moof(box(b"trun", words(0x300, 2, 1, 1, 1))) + box(b"mdat"), "claims 2 samples"),
        (moof(box(b"trun", words(0x200, 2, 5, 6))) + box(b"mdat", bytes(10)), "11 bytes in 10"),
        (moof(box(b"trun", words(0, 600_000)) * 2) + box(b"mdat"), "1200000 samples in one"),
        (moof(box(b"trun", words(0, 1)), box(b"tfhd", words(0, 2))) + box(b"mdat"), "track 2"),
        (moof(box(b"trun", words(0, 1)), box(b"tfhd", words(0x1, 1))) + box(b"mdat"), "cut off"),
        (box(b"moof", box(b"traf", box(b"tfhd", words(0, 1)), box(b"tfdt"))) + box(b"mdat"), "'tfdt' of 0 bytes"),
        (box(b"mo\xff\0"), "no moof"),
    ],
)
def test_a_broken_segment_ends_in_one_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(MalformedFragmentError, match=message):
        read_fragment(data, INIT)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"moov", b"mooo", "no moov"),
        (b"trak", b"trok", "0 tracks"),
        (b"mdhd", b"mdhx", "has no 'mdhd'"),
        (b"vide", b"text", "neither video nor sound"),
        (b"avc1", b"\0vc1", "names no codec"),
        (b"avcC", b"avcX", "has no 'avcC'"),
        (b"mvex", b"mvox", "has no 'mvex'"),
    ],
)
def test_a_broken_init_segment_ends_in_one_clear_error(tiny_media: Path, old: bytes, new: bytes, message: str) -> None:
    data = (tiny_media / "0" / "init.mp4").read_bytes()
    assert old in data
    with pytest.raises(MalformedFragmentError, match=message):
        read_init(data.replace(old, new))


def test_a_codec_it_does_not_know_goes_by_its_four_characters(tiny_media: Path) -> None:
    data = (tiny_media / "0" / "init.mp4").read_bytes()
    assert read_init(data.replace(b"avc1", b"vp08")).codecs == "vp08"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"\x05\x80\x80\x80\x05", b"\x05\x80\x80\x80\x01", "cut off"),  # one byte of AudioSpecificConfig
        (b"\x11\x90", b"\x16\x90", "reserved"),  # frequency index 13
        (b"esds\0\0\0\0\x03", b"esds\0\0\0\0\x04", "descriptor 0x4"),
        (b"esds\0\0\0\0\x03\x80\x80\x80", b"esds\0\0\0\0\x03\xff\xff\xff", "claims"),
    ],
)
def test_broken_sound_configuration_ends_in_one_clear_error(
    tiny_media: Path, old: bytes, new: bytes, message: str
) -> None:
    data = (tiny_media / "4" / "init.mp4").read_bytes()
    assert old in data
    with pytest.raises(MalformedFragmentError, match=message):
        read_init(data.replace(old, new))


@UNHURRIED
@given(st.data())
def test_mutated_segments_end_in_an_error_or_in_sane_numbers(tiny_media: Path, data: st.DataObject) -> None:
    folder = tiny_media / data.draw(st.sampled_from(["0", "4", "5", "6"]))
    init = read_init((folder / "init.mp4").read_bytes())
    segment = bytearray((folder / "00001.m4s").read_bytes())
    head = segment.index(b"mdat")
    for _ in range(data.draw(st.integers(1, 4))):
        segment[data.draw(st.integers(0, head))] = data.draw(st.integers(0, 255))
    try:
        found = read_fragment(bytes(segment), init)
    except MalformedFragmentError:
        return
    assert 0 < found.sample_count <= 1_000_000
    assert 0 <= found.shortest_sample_ticks <= found.longest_sample_ticks < 2**32
    assert found.shortest_sample_ticks * found.sample_count <= found.duration_ticks
    part = found.first_sample
    assert 0 <= part.start < part.start + part.size_bytes <= len(segment)
    assert 0 <= found.start_ticks < 2**64 and 0 <= found.duration_ticks < 2**32 * found.sample_count


@UNHURRIED
@given(st.data())
def test_mutated_init_segments_end_in_an_error_or_in_an_init_segment(tiny_media: Path, data: st.DataObject) -> None:
    folder = tiny_media / data.draw(st.sampled_from(["0", "4", "5", "6"]))
    init = bytearray((folder / "init.mp4").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        init[data.draw(st.integers(0, len(init) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_init(bytes(init))
    except MalformedFragmentError:
        return
    assert found.timescale > 0 and found.handler in ("vide", "soun")


def test_no_truncation_of_an_init_segment_is_read(tiny_media: Path) -> None:
    data = (tiny_media / "4" / "init.mp4").read_bytes()
    end_of_moov = data.index(b"moov") - 4 + int.from_bytes(data[data.index(b"moov") - 4 :][:4], "big")
    for length in range(end_of_moov):
        with pytest.raises(MalformedFragmentError):
            read_init(data[:length])
