"""Screens for the window: OpenCV's, or a null display on machines without one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from console.command import python_running
from media.colour.bgr import Picture
from player.errors import SinkError
from player.sinks.window import TITLE, Screen, ViewerQuitError

_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.waitKey(1); print('open', flush=True); input()"
_PROBE_DEADLINE_S = 20
_ARROWS = {
    # GTK and Qt, Windows, macOS: each hands on the code that its own system has for a key.
    **dict.fromkeys((65361, 2424832, 63234), "left"),
    **dict.fromkeys((65362, 2490368, 63232), "up"),
    **dict.fromkeys((65363, 2555904, 63235), "right"),
    **dict.fromkeys((65364, 2621440, 63233), "down"),
}


class OpenCvScreen:
    """A resizable window of OpenCV's highgui."""

    def __init__(self) -> None:
        """Raises SinkError where OpenCV was built without windows."""
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise SinkError("this OpenCV has no windows: install opencv-python, not -headless") from error
        self._sized = False

    def show(self, picture: Picture) -> None:
        if not self._sized:
            cv2.resizeWindow(TITLE, picture.shape[1], picture.shape[0])
            self._sized = True
        cv2.imshow(TITLE, picture)

    def key(self) -> str:
        code = cv2.waitKeyEx(1)
        if cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            raise ViewerQuitError
        return "" if code < 0 else _ARROWS.get(code, chr(code & 0xFF))

    def close(self) -> None:
        cv2.destroyAllWindows()


class NoScreen:
    """Nobody looks and nobody types; frames are still made and paced."""

    def show(self, picture: Picture) -> None:
        """Nothing to show it on."""

    def key(self) -> str:
        return ""

    def close(self) -> None:
        """Nothing was opened."""


def open_screen() -> tuple[Screen, str | None]:
    """Returns a screen, and the reason if it is a null display."""
    with _display_problem() as problem:
        return (OpenCvScreen(), None) if problem is None else (NoScreen(), problem)


@contextmanager
def _display_problem() -> Iterator[str | None]:
    """Yields the reason why no window can be opened here; None if one can."""
    if platform.system() != "Linux":
        yield None
    elif not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        yield "there is no display (DISPLAY is not set)"
    elif "av" in sys.modules and not _came_before("cv2", "av"):
        yield "PyAV was loaded before OpenCV, whose windows then hang"
    else:
        with _window_of_another_process() as opened:
            yield None if opened else f"the display {os.environ.get('DISPLAY', '')} cannot be used"


@contextmanager
def _window_of_another_process() -> Iterator[bool]:
    """Yields True if a window could be opened by another process, because Qt ends the whole process without a
    display.

    That window stays until the block ends: Xvfb restarts after its last window is closed, and refuses windows
    meanwhile.
    """
    with subprocess.Popen(  # noqa: S603 - our own interpreter and a constant
        python_running(_PROBE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as probe:
        deadline = threading.Timer(_PROBE_DEADLINE_S, probe.kill)
        deadline.start()
        try:
            assert probe.stdin is not None and probe.stdout is not None, "asked for"
            yield probe.stdout.readline().strip() == b"open"
        finally:
            deadline.cancel()
            probe.kill()


def _came_before(first: str, second: str) -> bool:
    """Returns True if one module was loaded before another: the table of modules keeps the order."""
    loaded = list(sys.modules)
    return loaded.index(first) < loaded.index(second)
