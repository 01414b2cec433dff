"""Tracks a running download and cancels it when the policy abandons it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from player.abr.state import Progress, Transfer

LOOK_S = 0.5
"""Interval at which a running download is checked."""
RECENT_S = 2.0
"""Period over which its recent rate is measured."""

_T = TypeVar("_T")


class RunningTransfer:
    """Progress of one request so far."""

    def __init__(self, rung: str, track: str | None, size_bytes: float, received_bytes: int, now_s: float) -> None:
        """Begins to track: the session has received `received_bytes` by now; `size_bytes` more are requested."""
        self.rung = rung
        self._track = track
        self._size_bytes = size_bytes
        self._begun_s, self._before_bytes = now_s, received_bytes
        self._looks = deque([(now_s, received_bytes)])

    def progress(self, received_bytes: int, now_s: float) -> Progress:
        """Returns the progress now; other transfers meanwhile share the line and are counted."""
        self._looks.append((now_s, received_bytes))
        while len(self._looks) > 1 and self._looks[1][0] <= now_s - RECENT_S:
            self._looks.popleft()
        since_s, since_bytes = self._looks[0]
        return Progress(
            self.rung,
            self._track,
            self._size_bytes,
            received_bytes - self._before_bytes,
            now_s - self._begun_s,
            Transfer(now_s, now_s - since_s, received_bytes - since_bytes),
        )


async def finish_or_abandon(fetch: Coroutine[Any, Any, None], look: Callable[[], _T | None]) -> _T | None:
    """Runs `fetch` to its end and returns None, or cancels it as soon as `look` returns something, and returns that.

    Raises what `fetch` raises.
    """
    task = asyncio.ensure_future(fetch)
    try:
        while not (await asyncio.wait([task], timeout=LOOK_S))[0]:
            found = look()
            if found is not None:
                return found
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
