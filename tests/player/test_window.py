"""A window shows frames when they are due and does what its keys say; without a display it still keeps the pace."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from media.colour.bgr import Picture, bgr_of_frame
from media.frames import Frame
from player.sinks.screens import NoScreen, open_screen
from player.sinks.window import ViewerQuitError, ViewerSeekError, Window, picture_of_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.virtual_time import VirtualTime

pytestmark = pytest.mark.slow

INTERVAL_S = Fraction(1, 50)


def grey(level: int, pts_s: Fraction = Fraction(0)) -> Frame:
    chroma = np.full((4, 8), 128, np.uint8)
    return Frame(np.full((8, 16), level, np.uint8), chroma, chroma, pts_s)


class ScriptedScreen:
    """A viewer who presses these keys, one after each look."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.pictures: list[Picture] = []

    def show(self, picture: Picture) -> None:
        self.pictures.append(picture)

    def key(self) -> str:
        return self.keys.pop(0) if self.keys else ""

    def close(self) -> None:
        """Nothing to close."""


def shown(window: Window, frames: list[Frame], before: Callable[[int], None] = lambda index: None) -> None:
    """Shows frames as a pipeline does: the frame after the first one, and after a stall, is there at once."""

    async def show() -> None:
        for index, frame in enumerate(frames):
            before(index)
            await window.show(frame, lambda: grey(50), INTERVAL_S)
            if window.waiting:
                window.go_on()

    asyncio.run(show())


def frames(count: int) -> list[Frame]:
    return [grey(100, index * INTERVAL_S) for index in range(count)]


def test_frames_are_paced_by_their_time_stamps(virtual_time: VirtualTime) -> None:
    window = Window(NoScreen(), now=virtual_time)
    shown(window, frames(26))
    assert virtual_time.now_s == pytest.approx(100 + 25 * float(INTERVAL_S))
    assert (window.stall_s, window.dropped_frames) == (0, 0)
    assert window.clock.position_s == pytest.approx(25 * float(INTERVAL_S))


def test_frames_a_little_late_are_left_out_and_the_time_kept(virtual_time: VirtualTime) -> None:
    screen = ScriptedScreen([])
    window = Window(screen, now=virtual_time)

    def be_busy_before_the_tenth(index: int) -> None:
        virtual_time.now_s += 0.15 if index == 10 else 0.0

    shown(window, frames(26), be_busy_before_the_tenth)
    assert window.stall_s == 0
    # 150 ms after frame 9 was shown, frames 10 to 15 are over and frame 16 is due at once.
    assert window.dropped_frames == 6
    assert len(screen.pictures) == 20
    assert virtual_time.now_s == pytest.approx(100 + 25 * float(INTERVAL_S))


def test_a_frame_that_is_very_late_is_a_stall_and_moves_the_later_ones(virtual_time: VirtualTime) -> None:
    screen = ScriptedScreen([])
    window = Window(screen, now=virtual_time)

    def be_busy_before_the_tenth(index: int) -> None:
        virtual_time.now_s += 2.0 if index == 10 else 0.0

    shown(window, frames(26), be_busy_before_the_tenth)
    # The frame was due one interval after the one before.
    assert window.stall_s == pytest.approx(2.0 - float(INTERVAL_S))
    assert virtual_time.now_s == pytest.approx(100 + 25 * float(INTERVAL_S) + window.stall_s)
    assert len(screen.pictures) == 26


def listening(window: Window, seconds: float, keys: list[str], screen: ScriptedScreen) -> None:
    """The window's other half, with frames that are always there."""

    async def listen() -> None:
        showing = asyncio.create_task(show())
        screen.keys = keys
        try:
            await window.listen(showing.done)
            await showing
        finally:
            showing.cancel()

    async def show() -> None:
        for frame in frames(round(seconds / float(INTERVAL_S))):
            await window.show(frame, lambda: grey(50), INTERVAL_S)
            if window.waiting:
                window.go_on()

    asyncio.run(listen())


def test_space_pauses_until_space_and_that_is_no_stall(virtual_time: VirtualTime) -> None:
    screen = ScriptedScreen([])
    window = Window(screen, now=virtual_time)
    listening(window, 0.4, ["", " ", *[""] * 30, " "], screen)
    # Keys are looked at every 20 ms, and the last frame is shown an interval before the end.
    assert virtual_time.now_s == pytest.approx(100 + 0.4 - 0.02 + 31 * 0.02, abs=0.041)
    assert (window.stall_s, window.dropped_frames) == (0, 0)
    assert len(screen.pictures) == 20


@pytest.mark.parametrize("keys", [["q"], ["\x1b"], [" ", "", "q"]])
def test_q_and_escape_quit(keys: list[str]) -> None:
    screen = ScriptedScreen([])
    with pytest.raises(ViewerQuitError):
        listening(Window(screen), 2, keys, screen)


@pytest.mark.parametrize(("key", "step_s"), [("left", -5), ("right", 5), ("down", -30), ("up", 30)])
def test_arrow_keys_go_elsewhere(virtual_time: VirtualTime, key: str, step_s: float) -> None:
    screen = ScriptedScreen([])
    window = Window(screen, now=virtual_time)
    with pytest.raises(ViewerSeekError) as seek:
        listening(window, 2, ["", "", key], screen)
    assert window.clock.position_s is not None
    assert seek.value.to_s == pytest.approx(window.clock.position_s + step_s)


def test_a_window_beside_a_file_does_not_jump() -> None:
    screen = ScriptedScreen([])
    listening(Window(screen, seekable=False), 0.2, ["left", "right"], screen)


def test_the_clock_stops_where_frames_fail_to_come(virtual_time: VirtualTime) -> None:
    window = Window(NoScreen(), now=virtual_time)

    async def play() -> None:
        await window.show(grey(1, Fraction(0)), lambda: grey(50), INTERVAL_S)
        window.go_on()
        over = asyncio.Event()
        listening = asyncio.create_task(window.listen(over.is_set))
        await asyncio.sleep(1.0)
        assert window.waiting and window.clock.running_at_s is None
        await window.show(grey(2, INTERVAL_S), lambda: grey(50), INTERVAL_S)
        assert window.clock.position_s == float(INTERVAL_S), "sound goes on with the picture"
        window.go_on()
        over.set()
        await listening

    asyncio.run(play())
    assert window.stall_s == pytest.approx(1.0 - float(INTERVAL_S))


def test_e_goes_from_enhanced_to_plain_to_split_and_round(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = ScriptedScreen([])
    window = Window(screen)

    async def look() -> None:
        """A paused window draws its picture anew."""
        await window.show(grey(100), lambda: grey(50), INTERVAL_S)
        screen.keys = [" ", "e", "e", "e", "q"]
        with pytest.raises(ViewerQuitError):
            await window.listen(lambda: False)

    asyncio.run(look())
    enhanced, plain = bgr_of_frame(grey(100)), bgr_of_frame(grey(50))
    assert np.array_equal(screen.pictures[0], enhanced)
    assert np.array_equal(screen.pictures[1], plain)
    assert np.array_equal(screen.pictures[2][:, :7], plain[:, :7])
    assert np.array_equal(screen.pictures[2][:, 10:], enhanced[:, 10:])
    assert np.array_equal(screen.pictures[3], enhanced)


def test_plain_is_not_made_where_it_is_not_looked_at() -> None:
    def never() -> Frame:
        raise AssertionError("made for nothing")

    picture_of_view("enhanced", grey(100), never)


def test_without_a_display_the_screen_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    screen, problem = open_screen()
    assert isinstance(screen, NoScreen)
    assert problem is not None and "no display" in problem


@pytest.mark.skipif(sys.platform != "linux", reason="only there a display can be named and not be there")
def test_a_display_that_is_not_there_does_not_end_the_process() -> None:
    lines = "import cv2; from player.sinks.screens import open_screen; print(open_screen()[1])"
    done = subprocess.run(
        [sys.executable, "-c", lines],
        env={**os.environ, "DISPLAY": ":94.7"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "the display :94.7 cannot be used\n")


def test_opencv_is_loaded_before_pyav() -> None:
    code = "import sys, player.cli; loaded = list(sys.modules); print(loaded.index('cv2') < loaded.index('av'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True", "or OpenCV's windows hang"


@pytest.fixture
def virtual_display() -> Iterator[str]:
    """A display without a screen, by Xvfb."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("Xvfb is not installed")
    readable, writable = os.pipe()
    command = [program, "-displayfd", str(writable), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writable], stderr=subprocess.DEVNULL) as process:
        os.close(writable)
        with os.fdopen(readable) as number:
            yield f":{number.readline().strip()}"
        process.terminate()


def test_a_real_window_shows_a_session_to_its_end(virtual_display: str, play_bundle_master: Path) -> None:
    command = [sys.executable, "-m", "player", str(play_bundle_master), "--rung", "90", "--window"]
    done = subprocess.run(
        command, env={**os.environ, "DISPLAY": virtual_display}, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "48 frames" in done.stdout
    assert "window" not in done.stderr, "no fallback"
