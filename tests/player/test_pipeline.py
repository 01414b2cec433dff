"""The stages run beside each other: the next segment is ready before its boundary, and nothing runs far ahead."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from player.errors import SinkError
from player.fetching.transport import open_transport
from player.frames.upscalers import LazyEngine
from player.session import Outputs, Session, Settings
from player.sinks.window import ViewerQuitError, Window
from tests.support.faulty_server import FaultyServer, silent_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media.frames import Frame
    from player.stats import SessionStats
    from player.superres.output import OutputFormat


class Silence:
    """A talk nobody listens to."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def starts(self, frames: int, after: int) -> None:
        """Nothing to say."""

    def frame(self, stats: SessionStats) -> None:
        """Nothing to say."""

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class SlowSink:
    """A sink that takes its time, and remembers."""

    def __init__(self, pause_s: float = 0.0, fail_at: int | None = None) -> None:
        self.pause_s = pause_s
        self.fail_at = fail_at
        self.frames: list[Frame] = []
        self.closed = 0

    def open(self, output: OutputFormat, audio_init: bytes | None) -> None:
        assert audio_init is not None, "the bundle has audio"

    def write(self, frame: Frame) -> None:
        if len(self.frames) == self.fail_at:
            raise SinkError("the disk is full")
        time.sleep(self.pause_s)
        self.frames.append(frame)

    def sound(self, init: bytes, media: bytes) -> None:
        """Not listened to."""

    def close(self) -> None:
        self.closed += 1


def session(address: str, *sinks: Any, window: Window | None = None) -> Session:
    return Session(open_transport(address), Settings(rung="90"), Outputs(sinks, window), Silence())


class WaitingUpscaler:
    """Does not get to its twelfth frame, the last of the first segment, before something has happened."""

    name, scale = "waiting", 2

    def __init__(self, event: threading.Event | None) -> None:
        self.event = event
        self.frames = 0
        self.happened: bool | None = None

    def upscale(self, frames: Sequence[Any]) -> Any:
        (luma,) = frames
        self.frames += 1
        if self.event is not None and self.frames == 12:
            self.happened = self.event.wait(20)
        return np.repeat(np.repeat(luma, 2, axis=0), 2, axis=1)


def test_the_next_upscaler_is_made_before_the_boundary(
    play_bundle_master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_is_made = threading.Event()
    made: list[WaitingUpscaler] = []

    def upscaler(engine: LazyEngine, weights: Any, width: int, height: int) -> WaitingUpscaler:
        if made:
            next_is_made.set()
        made.append(WaitingUpscaler(None if made else next_is_made))
        return made[-1]

    monkeypatch.setattr(LazyEngine, "upscaler", upscaler)
    asyncio.run(session(str(play_bundle_master)).run())
    assert made[0].happened


def test_fetching_waits_for_a_slow_output(faulty_server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("player.pipeline.SEGMENTS_AHEAD", 1)
    monkeypatch.setattr("player.pipeline.FRAMES_AHEAD", 1)
    counted: list[int] = []

    class Watching(SlowSink):
        def write(self, frame: Frame) -> None:
            super().write(frame)
            if len(self.frames) == 3:
                time.sleep(0.5)
                counted.append(faulty_server.count("v90/00004.m4s"))

    sink = Watching()
    asyncio.run(session(faulty_server.url, sink).run())
    assert counted == [0]
    assert len(sink.frames) == 48


def test_a_failing_output_ends_the_session_and_the_others_are_finished(play_bundle_master: Path) -> None:
    good, bad = SlowSink(), SlowSink(fail_at=5)
    with pytest.raises(SinkError):
        asyncio.run(session(str(play_bundle_master), good, bad).run())
    assert (good.closed, bad.closed) == (1, 1)
    assert len(good.frames) == 6


class QuittingScreen:
    """A viewer who leaves after ten frames."""

    def __init__(self) -> None:
        self.shown = 0
        self.closed = False

    def show(self, picture: Any) -> None:
        self.shown += 1

    def key(self) -> str:
        if self.shown >= 10:
            raise ViewerQuitError
        return ""

    def close(self) -> None:
        self.closed = True


def test_a_viewer_who_leaves_ends_it_cleanly(play_bundle_master: Path) -> None:
    screen, sink = QuittingScreen(), SlowSink()
    window = Window(screen)
    running = session(str(play_bundle_master), sink, window=window)
    asyncio.run(running.run())
    assert screen.closed and sink.closed == 1
    assert 10 <= len(sink.frames) - window.dropped_frames < 30, "of 48; keys are looked at between frames"
    assert running.complete, "nothing was lost; the viewer chose"


def test_cancelling_finishes_the_outputs(faulty_server: FaultyServer) -> None:
    faulty_server.faults["v90/00002.m4s"] = silent_for(30)
    sink = SlowSink()

    async def cancel_after_the_first_segment() -> None:
        task = asyncio.create_task(session(faulty_server.url, sink).run())
        while len(sink.frames) < 12:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_after_the_first_segment())
    assert sink.closed == 1
