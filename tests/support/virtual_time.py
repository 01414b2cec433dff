"""Replaces time for coroutines, so that no busy machine disturbs a test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


class VirtualTime:
    """A clock that stands while something is done and goes straight to whoever sleeps least; threads are not used."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self._due_s: list[float] = []
        self._pass_on = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self._sleep)
        monkeypatch.setattr(asyncio, "to_thread", self._at_once)

    def __call__(self) -> float:
        return self.now_s

    async def _sleep(self, seconds: float) -> None:
        # Less than floats can tell apart would be no time at all, for ever.
        due_s = self.now_s + max(1e-9, seconds)
        self._due_s.append(due_s)
        try:
            await self._pass_on(0)
            while min(self._due_s) < due_s:
                await self._pass_on(0)
            self.now_s = max(self.now_s, due_s)
        finally:
            self._due_s.remove(due_s)

    async def _at_once(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Time that no busy machine disturbs, for a test's coroutines."""
    return VirtualTime(monkeypatch)
