"""Output of `neudash play` on stderr while it runs: a bar with the speed, and each warning once."""

from __future__ import annotations

import time
from types import TracebackType

from rich.progress import TaskID

from console.progress import progress
from player.stats import SessionStats


class PlaybackProgress:
    """A context manager; the bar appears with the first segment."""

    def __init__(self) -> None:
        self._progress = progress()
        self._bar: TaskID | None = None
        self._started_s = time.monotonic()
        self._frames_before = 0
        self._said: set[str] = set()

    def __enter__(self) -> PlaybackProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def starts(self, frames: int, after: int) -> None:
        self._started_s = time.monotonic()
        self._frames_before = after
        if self._bar is None:
            self._bar = self._progress.add_task("play", total=frames, note="")
        self._progress.reset(self._bar, total=frames)

    def frame(self, stats: SessionStats) -> None:
        assert self._bar is not None, "started before the first frame"
        frames = stats.frames - self._frames_before
        fps = frames / max(1e-6, time.monotonic() - self._started_s)
        self._progress.update(self._bar, completed=frames, note=f"{fps:.1f} fps")

    def warn(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._progress.console.print(f"neudash play: {message}", markup=False, highlight=False, soft_wrap=True)
