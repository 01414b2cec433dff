"""A window that shows frames when they are due, on the clock that sound follows, and does what its keys say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, Protocol

import cv2

from media.colour.bgr import Picture, bgr_of_frame
from media.frames import Frame
from player.clock import Clock

TITLE = "neudash"
MAX_LATE_S = 0.2
"""Later than this, playing stops and waits instead of leaving frames out."""
View = Literal["enhanced", "plain", "split"]
_NEXT_VIEW: dict[View, View] = {"enhanced": "plain", "plain": "split", "split": "enhanced"}
_STEPS_S = {"left": -5.0, "right": 5.0, "down": -30.0, "up": 30.0}
_QUIT_KEYS = ("q", "\x1b")
_POLL_S = 0.02
_SOON_S = 0.0005
"""No sleep is more exact."""


class ViewerQuitError(Exception):
    """The viewer closed the window or asked to quit: an ordinary end."""


class ViewerSeekError(Exception):
    """The viewer wants to go on at another moment."""

    def __init__(self, to_s: float) -> None:
        """Asks for the position `to_s`, which may be outside of the video."""
        super().__init__(to_s)
        self.to_s = to_s


class Screen(Protocol):
    """A display that shows a picture and reports keys. Used by the main thread only, as window systems require."""

    def show(self, picture: Picture) -> None: ...

    def key(self) -> str:
        """Returns the key pressed since the last call: a character, `left`, `right`, `up` or `down`, "" for none.

        Raises ViewerQuitError if the window is gone.
        """
        ...

    def close(self) -> None: ...


class Window:
    """A window that shows frames at their time stamps.

    Its clock stands still at the first frame, in a stall and after a seek until `go_on` reports that there is enough to
    play. A frame that is late by more than its own duration is left out, so that picture and sound stay together.
    """

    def __init__(self, screen: Screen, *, seekable: bool = True, now: Callable[[], float] = time.monotonic) -> None:
        """`seekable`: whether the arrow keys do anything."""
        self.clock = Clock(now)
        self.stall_s = 0.0
        """Waiting for frames, the start and the viewer's own pauses and seeks not counted."""
        self.dropped_frames = 0
        self._screen = screen
        self._seekable = seekable
        self._now = now
        self._view: View = "enhanced"
        self._paused = False
        self._waits: Literal["start", "stall"] | None = "start"
        self._stalled_at_s = 0.0
        self._next_due_s = 0.0
        """End of the last frame that came."""
        self._shown: tuple[Frame, Callable[[], Frame]] | None = None

    @property
    def waiting(self) -> bool:
        """True while the clock waits for `go_on`."""
        return self._waits is not None

    def go_on(self) -> None:
        """There is enough to show."""
        if self._waits == "stall":
            self.stall_s += self._now() - self._stalled_at_s
        self._waits = None
        self.clock.run(not self._paused)

    def restart(self) -> None:
        """The next frame may be of any moment."""
        self._waits = "start"
        self.clock.run(False)

    def lead_s(self, frame: Frame) -> float | None:
        """Returns the time until a frame is due; None while the clock stands still."""
        at_s = self.clock.running_at_s
        return None if at_s is None else float(frame.pts_s) - at_s

    async def show(self, enhanced: Frame, plain: Callable[[], Frame], interval_s: Fraction) -> None:
        """Wait until the frame is due, then show it or, in the other views, what `plain` makes; or leave it out.

        `interval_s` is how long it is to be seen.
        """
        due_s = float(enhanced.pts_s)
        late_s = -(self.lead_s(enhanced) or 0.0)
        self._next_due_s = due_s + float(interval_s)
        if late_s > MAX_LATE_S:
            self._stall(late_s)
        elif late_s > interval_s:
            self.dropped_frames += 1
            return
        if self.waiting:
            self.clock.set(due_s)
        self._shown = enhanced, plain
        picture = await asyncio.to_thread(picture_of_view, self._view, enhanced, plain)
        await self._until_due(enhanced)
        self._screen.show(picture)

    async def listen(self, over: Callable[[], bool]) -> None:
        """Do what keys say, and stop the clock where frames fail to come, until it is `over`.

        Raises ViewerQuitError and ViewerSeekError.
        """
        while not over():
            await asyncio.sleep(_POLL_S)
            await self._obey(self._screen.key())
            at_s = self.clock.running_at_s
            if at_s is not None and at_s - self._next_due_s > MAX_LATE_S:
                self._stall(at_s - self._next_due_s)

    def close(self) -> None:
        self._screen.close()

    async def _until_due(self, frame: Frame) -> None:
        """A frame that playing waits for is due at once."""
        while not self.waiting:
            lead_s = self.lead_s(frame)
            if lead_s is not None and lead_s < _SOON_S:
                return
            await asyncio.sleep(_POLL_S if lead_s is None else min(_POLL_S, lead_s))

    def _stall(self, late_s: float) -> None:
        self._waits, self._stalled_at_s = "stall", self._now() - late_s
        self.clock.run(False)

    async def _obey(self, key: str) -> None:
        if key in _QUIT_KEYS:
            raise ViewerQuitError
        at_s = self.clock.position_s
        if self._seekable and key in _STEPS_S and at_s is not None:
            raise ViewerSeekError(at_s + _STEPS_S[key])
        if key == " ":
            self._paused = not self._paused
            self.clock.run(not self._paused and not self.waiting)
        if key == "e":
            self._view = _NEXT_VIEW[self._view]
            if self._shown is not None and (self._paused or self.waiting):
                self._screen.show(await asyncio.to_thread(picture_of_view, self._view, *self._shown))


def picture_of_view(view: View, enhanced: Frame, plain: Callable[[], Frame]) -> Picture:
    """Returns the picture of a view; in `split` the left half is plain and the right half enhanced."""
    if view == "enhanced":
        return bgr_of_frame(enhanced)
    picture = bgr_of_frame(plain())
    if view == "split":
        middle = enhanced.width // 2
        picture[:, middle:] = bgr_of_frame(enhanced)[:, middle:]
        cv2.line(picture, (middle, 0), (middle, enhanced.height - 1), (255, 255, 255), 1)
    return picture
