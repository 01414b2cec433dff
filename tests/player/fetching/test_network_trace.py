"""A recorded network brings bytes as fast as its file says, and a file that says nothing sensible is refused."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from player.errors import UnplayableError
from player.fetching.network_trace import MAX_ROWS, NetworkTrace, parse_trace, read_trace
from player.fetching.throttled import ThrottledTransport
from player.fetching.transport import Expected, open_transport

if TYPE_CHECKING:
    from pathlib import Path

rates = st.lists(st.just(0.0) | st.floats(1, 1e6), min_size=1, max_size=30).filter(any).map(tuple)
traces = st.builds(NetworkTrace, rates)


@given(traces, st.floats(0, 1e4), st.floats(1, 1e9))
@settings(deadline=None)
def test_what_arrives_by_its_arrival_is_what_was_sent(trace: NetworkTrace, start_s: float, size_bytes: float) -> None:
    arrival_s = trace.arrival_s(start_s, size_bytes)
    assert arrival_s >= start_s
    assert trace.bytes_between(start_s, arrival_s) == pytest.approx(size_bytes, rel=1e-6, abs=1)


@given(traces, st.floats(0, 1e4), st.floats(0, 1e7), st.floats(0, 1e7))
@example(NetworkTrace((500.0, 0.0)), 34.0, 0.0, 1e-180)
@settings(deadline=None)
def test_more_bytes_never_arrive_sooner(trace: NetworkTrace, start_s: float, one: float, other: float) -> None:
    assert trace.arrival_s(start_s, min(one, other)) <= trace.arrival_s(start_s, max(one, other)) + 1e-6


def test_outages_are_waited_out_and_the_trace_begins_again() -> None:
    trace = NetworkTrace((8.0, 0.0, 16.0))
    assert trace.arrival_s(0.0, 500) == 0.5
    assert trace.arrival_s(0.5, 1000) == 2.25
    assert trace.arrival_s(0.0, 4000) == 4.0 - 0.0
    assert trace.arrival_s(1.5, 0) == 1.5


def test_a_file_is_read() -> None:
    assert parse_trace(b"time_s,kbps\n0,784\n1,0\n2,12.5\n").kbps == (784.0, 0.0, 12.5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins with"),
        ("seconds,mbps\n0,1\n", "begins with"),
        ("time_s,kbps\n", "0 rows"),
        ("time_s,kbps\n0,0\n1,0\n", "nothing ever"),
        ("time_s,kbps\n0,1\n2,1\n", "row 2 is at 2 s"),
        ("time_s,kbps\n0,-1\n", "row 1 has -1"),
        ("time_s,kbps\n0,nan\n", "row 1 has nan"),
        ("time_s,kbps\n0,1e300\n", "row 1 has 1e300"),
        ("time_s,kbps\n0\n", "not a time and a rate"),
        ("time_s,kbps\n" + "0,1\n" * (MAX_ROWS + 1), "rows, where"),
        ("time_s,kbps\n" + "9" * (5 << 20), "larger than"),
    ],
)
def test_a_file_without_sense_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(UnplayableError, match=reason):
        read_trace(path)


@given(st.binary(max_size=200) | st.text(max_size=50).map(lambda text: b"time_s,kbps\n" + text.encode()))
@settings(deadline=None)
def test_any_bytes_are_a_trace_or_an_error(data: bytes) -> None:
    try:
        trace = parse_trace(data)
    except ValueError:
        return
    assert all(rate >= 0 for rate in trace.kbps)
    assert any(trace.kbps)


def test_files_come_one_after_the_other_at_the_speed_of_the_trace(play_bundle: Path) -> None:
    """Two segments at once over 400 kbit/s and 30 ms: the second after both have crossed."""
    files = [play_bundle / f"video/v180/{n:05d}.m4s" for n in (1, 2)]
    sizes = [file.stat().st_size for file in files]
    trace = NetworkTrace((400.0,))

    async def fetched() -> tuple[list[Any], float, int]:
        fetcher = ThrottledTransport(open_transport(str(play_bundle)), trace, 0.03)
        started_s = time.monotonic()
        downloads = await asyncio.gather(*(fetcher.get(file.as_uri(), Expected(1 << 20)) for file in files))
        return list(downloads), time.monotonic() - started_s, fetcher.received_bytes

    downloads, took_s, received_bytes = asyncio.run(fetched())
    assert [len(download.data) for download in downloads] == sizes
    assert received_bytes == sum(sizes)
    assert took_s >= trace.arrival_s(0.03, sum(sizes))
    short, long = sorted(download.duration_s for download in downloads)
    assert trace.arrival_s(0.03, min(sizes)) <= short < long - 0.4
