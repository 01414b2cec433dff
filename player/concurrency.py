"""Coroutines that live and die together, and the threads that work for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


async def run_together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run them all; the first failure, or a cancellation from outside, ends the others before it is raised here."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class OneThread:
    """One thread that does one thing at a time: frameworks bind state to the thread that made it."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def timed(self, work: Callable[[], _T]) -> tuple[_T, float]:
        """The result and the seconds it took, waiting for the thread not counted."""

        def clocked() -> tuple[_T, float]:
            started_s = time.perf_counter()
            return work(), time.perf_counter() - started_s

        return await self.do(clocked)

    def close(self) -> None:
        """Waits for what it is doing."""
        self._pool.shutdown(cancel_futures=True)
