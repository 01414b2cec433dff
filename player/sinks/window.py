"""A window that shows frames when they are due. No sound.

q or Esc quits, space pauses, e goes from enhanced to plain to both halves side by side.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, Protocol

import cv2

from media.frames import Frame
from player.colour import Picture, bgr_of_frame

TITLE = "neudash"
View = Literal["enhanced", "plain", "split"]
_NEXT_VIEW: dict[View, View] = {"enhanced": "plain", "plain": "split", "split": "enhanced"}
_POLL_S = 0.03
_QUIT_KEYS = ("q", "\x1b")


class ViewerQuitError(Exception):
    """The viewer closed the window or asked to quit: an ordinary end."""


class Screen(Protocol):
    """What shows a picture and reports keys. Used by the main thread alone, as window systems demand."""

    def show(self, picture: Picture) -> None: ...

    def key(self) -> str:
        """The key pressed since last asked, "" for none. Raises ViewerQuitError where the window is gone."""
        ...

    def close(self) -> None: ...


class Window:
    """Paces frames by their time stamps; a frame that comes late moves all later ones, and counts as a stall."""

    def __init__(self, screen: Screen, now: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._now = now
        self._origin_s: float | None = None
        """The clock's reading at time stamp 0."""
        self._view: View = "enhanced"
        self.stall_s = 0.0

    async def show(self, enhanced: Frame, plain: Callable[[], Frame], interval_s: Fraction) -> None:
        """Wait until the frame is due, then show it or, in the other views, what `plain` makes.

        `interval_s` is how late a frame may be before that is a stall. Raises ViewerQuitError.
        """
        picture = await asyncio.to_thread(picture_of_view, self._view, enhanced, plain)
        due_s = float(enhanced.pts_s)
        if self._origin_s is None:
            self._origin_s = self._now() - due_s
        late_s = self._now() - self._origin_s - due_s
        if late_s > interval_s:
            self._origin_s += late_s
            self.stall_s += late_s
        await asyncio.sleep(max(0.0, -late_s))
        self._screen.show(picture)
        await self._obey(self._screen.key())

    def close(self) -> None:
        self._screen.close()

    async def _obey(self, key: str) -> None:
        if key in _QUIT_KEYS:
            raise ViewerQuitError
        if key == "e":
            self._view = _NEXT_VIEW[self._view]
        if key == " ":
            await self._pause()

    async def _pause(self) -> None:
        assert self._origin_s is not None, "a frame was shown before"
        paused_s = self._now()
        key = ""
        while key != " ":
            await asyncio.sleep(_POLL_S)
            key = self._screen.key()
            if key in _QUIT_KEYS:
                raise ViewerQuitError
        self._origin_s += self._now() - paused_s


def picture_of_view(view: View, enhanced: Frame, plain: Callable[[], Frame]) -> Picture:
    """In `split` the left half is plain and the right half enhanced."""
    if view == "enhanced":
        return bgr_of_frame(enhanced)
    picture = bgr_of_frame(plain())
    if view == "split":
        middle = enhanced.width // 2
        picture[:, middle:] = bgr_of_frame(enhanced)[:, middle:]
        cv2.line(picture, (middle, 0), (middle, enhanced.height - 1), (255, 255, 255), 1)
    return picture
