"""Segments that are looked at while they come, and given up; over a link as slow as a trace says."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from player.abr import rules
from player.abr.progress import RECENT_S, RunningTransfer, finish_or_abandon
from player.abr.state import Decision, Progress, Rule, State
from player.fetching import throttled
from player.fetching.network_trace import NetworkTrace
from player.fetching.throttled import ThrottledTransport
from player.fetching.transport import Expected, open_transport
from player.session import Outputs, Session, Settings
from player.sinks.screens import NoScreen
from player.sinks.window import Window

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.faulty_server import FaultyServer
    from tests.support.virtual_time import VirtualTime

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.slow]


class QuietTalk:
    def starts(self, frames: int, after: int) -> None: ...

    def frame(self, stats: object) -> None: ...

    def warn(self, message: str) -> None: ...


def test_progress_tells_all_of_a_request_and_its_last_seconds() -> None:
    running = RunningTransfer("v720", "t", 900.0, 5000, 100.0)
    for step in range(1, 9):
        progress = running.progress(5000 + 10 * step**2, 100.0 + 0.5 * step)
    assert (progress.elapsed_s, progress.received_bytes, progress.rest_bytes) == (4.0, 640, 260)
    assert progress.recent.duration_s == RECENT_S
    assert progress.recent.size_bytes == 10 * (64 - 16)
    assert progress.rate_bps == 8 * 640 / 4


def test_a_fetch_ends_by_itself_or_is_ended() -> None:
    ended: list[str] = []

    async def fetch(duration_s: float, problem: Exception | None = None) -> None:
        try:
            await asyncio.sleep(duration_s)
        except asyncio.CancelledError:
            ended.append("early")
            raise
        if problem is not None:
            raise problem

    async def run() -> None:
        assert await finish_or_abandon(fetch(0.0), lambda: "never") is None
        assert ended == []
        assert await finish_or_abandon(fetch(60.0), lambda: "less") == "less"
        assert ended == ["early"]
        with pytest.raises(KeyError):
            await finish_or_abandon(fetch(0.0, KeyError("x")), lambda: "never")

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_file_given_up_leaves_the_link_to_the_next(
    play_bundle: Path, virtual_time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttled, "time", SimpleNamespace(monotonic=virtual_time))
    first, second = (play_bundle / f"video/v180/{n:05d}.m4s" for n in (1, 2))
    assert 8 * first.stat().st_size / 40e3 > 2

    async def run() -> tuple[int, float, float]:
        fetcher = ThrottledTransport(open_transport(str(play_bundle)), NetworkTrace((40.0,)), 0.0)
        started_s = virtual_time.now_s
        late = asyncio.create_task(fetcher.get(first.as_uri(), Expected(1 << 20)))
        await asyncio.sleep(1.0)
        received_bytes = fetcher.received_bytes
        late.cancel()
        await asyncio.gather(late, return_exceptions=True)
        given_up_s = virtual_time.now_s - started_s
        await fetcher.get(second.as_uri(), Expected(1 << 20))
        return received_bytes, given_up_s, virtual_time.now_s - started_s

    received_bytes, given_up_s, ended_s = asyncio.run(run())
    assert given_up_s == pytest.approx(1.0)
    assert 0.8 * 40e3 / 8 <= received_bytes <= 40e3 / 8
    assert ended_s - given_up_s == pytest.approx(8 * second.stat().st_size / 40e3)


def test_a_session_shows_the_segment_that_it_got_instead(
    faulty_server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of four segments is given up at its first look, for nothing less than the lowest rung."""
    asked: list[State] = []
    record_abandoned: list[Progress] = []

    def highest(state: State) -> Decision:
        asked.append(state)
        return Decision(state.upcoming[0].choices[-1].rung)

    def second(state: State, progress: Progress) -> Decision | None:
        if state.remaining != 3:
            return None
        record_abandoned.append(progress)
        return Decision(state.upcoming[0].choices[0].rung)

    monkeypatch.setitem(rules.RULES, "watched", Rule("watched", highest, second))
    fetcher = ThrottledTransport(open_transport(faulty_server.url), NetworkTrace((150.0,)), 0.0)
    session = Session(fetcher, Settings(rule="watched"), Outputs(window=Window(NoScreen())), QuietTalk())
    asyncio.run(session.run())
    assert [segment.rung for segment in session.stats.segments] == ["v180", "v90", "v180", "v180"]
    assert session.complete
    assert session.stats.frames == 48
    progress = record_abandoned[0]
    assert progress.rung == "v180"
    assert progress.size_bytes > 0
    assert progress.received_bytes > 0, "the sound beside it counted"
    sizes = [transfer.size_bytes for transfer in asked[2].transfers]
    assert len(sizes) == 3, "what came of the segment that was given up counts as well"
    assert asked[2].last_rung == "v90"
