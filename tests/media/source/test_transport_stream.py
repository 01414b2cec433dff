"""The tables of transport streams, as ffmpeg writes them and as nobody should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.source.transport_stream import programmes, programmes_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.media import MakeVideo

CLIP = ("-f", "lavfi", "-i", "testsrc2=size=64x64:duration=0.4", "-f", "lavfi", "-i", "sine=duration=0.4")


@pytest.fixture(params=["plain", "m2ts", "checksums"])
def two(request: pytest.FixtureRequest, make_video: MakeVideo, tmp_path: Path) -> Path:
    """Two programmes of a picture and a tone each, in packets of 188, 192 or 204 bytes."""
    ids = [option for index in range(4) for option in ("-streamid", f"{index}:{0x200 + index}")]
    path = make_video(
        tmp_path / "two.ts",
        *CLIP,
        *("-map", "0", "-map", "1", "-map", "0", "-map", "1", "-c:v", "mpeg2video", "-c:a", "mp2", *ids),
        *("-program", "title=a:program_num=7:st=0:st=1", "-program", "title=b:program_num=9:st=2:st=3"),
    )
    before, behind = {"plain": (0, 0), "m2ts": (4, 0), "checksums": (0, 16)}[request.param]
    data = path.read_bytes()
    packets = [bytes(before) + data[at : at + 188] + bytes(behind) for at in range(0, len(data), 188)]
    path.write_bytes(b"".join(packets))
    return path


def test_programmes_have_their_streams(two: Path) -> None:
    found = programmes_of(two)
    assert list(found) == [7, 9]
    assert [len(ids) for ids in found.values()] == [2, 2]
    assert not found[7] & found[9]


def test_tables_that_span_packets_are_put_together(make_video: MakeVideo, tmp_path: Path) -> None:
    tones = [option for number in range(40) for option in ("-map", "1:a", f"-metadata:s:a:{number}", "language=eng")]
    path = make_video(tmp_path / "many.ts", *CLIP, "-map", "0:v", *tones, "-c:v", "mpeg2video", "-c:a", "mp2")
    [ids] = programmes_of(path).values()
    assert len(ids) == 41


def test_what_is_not_a_transport_stream_has_none(testsrc_video: Path) -> None:
    assert programmes_of(testsrc_video) == {}
    assert programmes(b"") == programmes(b"G") == {}


@given(st.data())
def test_damage_is_survived(data: st.DataObject) -> None:
    packets = data.draw(st.lists(st.binary(min_size=185, max_size=187), max_size=12))
    pids = data.draw(st.lists(st.sampled_from([b"\x40\x00", b"\x50\x00", b"\x00\x00", b"\x10\x00"]), min_size=1))
    stream = b"".join(b"G" + pids[n % len(pids)] + packet[:185] for n, packet in enumerate(packets))
    assert all(0 <= number < 1 << 16 for number in programmes(stream))


def test_any_cut_of_a_stream_is_survived(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video(tmp_path / "one.ts", *CLIP, "-c:v", "mpeg2video", "-c:a", "mp2")
    data = path.read_bytes()[: 4 * 188]
    for end in range(0, len(data), 7):
        assert set(programmes(data[:end])) <= {1}
