"""Video left for a viewer who watches without a pause from the first segment on. Pure; times are arguments."""

from __future__ import annotations


class PlaybackBuffer:
    """The buffer between what was delivered and what was seen."""

    def __init__(self) -> None:
        self._left_s = 0.0
        self._at_s: float | None = None

    def buffer_s(self, now_s: float) -> float:
        """Returns the video that was delivered and is not yet seen."""
        return self._left_s if self._at_s is None else max(0.0, self._left_s - max(0.0, now_s - self._at_s))

    def add(self, duration_s: float, now_s: float) -> None:
        """Adds a delivered segment; a viewer who ran out of video continues now."""
        self._left_s = self.buffer_s(now_s) + duration_s
        self._at_s = now_s
