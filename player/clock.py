"""Clock of a session: the position in the video that is due, for pictures and sound."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Clock:
    """Advances with the time of day from the position it was set to, or stands still. Safe to read from the audio
    thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._position_s: float | None = None
        """Position at which it stands, or from which it runs."""
        self._started_s: float | None = None

    @property
    def position_s(self) -> float | None:
        """Returns the position in the Period; None before it is first set."""
        with self._lock:
            return self._position()

    @property
    def running_at_s(self) -> float | None:
        """The position while it runs; None while it stands."""
        with self._lock:
            return None if self._started_s is None else self._position()

    def set(self, position_s: float) -> None:
        """Sets the position and stops there."""
        with self._lock:
            self._position_s, self._started_s = position_s, None

    def run(self, running: bool) -> None:
        """Starts or stops at the present position; a clock that was never set cannot run."""
        with self._lock:
            position_s = self._position()
            self._position_s = position_s
            self._started_s = self._now() if running and position_s is not None else None

    def _position(self) -> float | None:
        if self._position_s is None or self._started_s is None:
            return self._position_s
        return self._position_s + self._now() - self._started_s
