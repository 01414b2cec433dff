"""`--network-trace`: the same files from the same place, but no sooner than a recorded network would bring them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace

from player.fetching.network_trace import NetworkTrace
from player.fetching.transport import Download, Expected, Transport

LOOK_S = 0.1
"""Interval at which received bytes are counted."""


class ThrottledTransport:
    """Any fetcher behind a link of a trace's throughput, which begins with the first request.

    Files that are under way together follow each other on the link, in the order in which they were had.
    """

    local = False

    def __init__(self, inner: Transport, trace: NetworkTrace, rtt_s: float) -> None:
        self.received_bytes = 0
        self.manifest_url = inner.manifest_url
        self._inner = inner
        self._trace = trace
        self._rtt_s = rtt_s
        self._origin_s: float | None = None
        self._link = asyncio.Lock()
        self._free_s = 0.0
        """Time from the start at which the link has finished what it carries."""

    async def manifest(self) -> bytes:
        asked_s = self._now_s()
        before = self._inner.received_bytes
        data = await self._inner.manifest()
        self.manifest_url = self._inner.manifest_url
        await self._carry(asked_s, self._inner.received_bytes - before)
        return data

    async def get(self, url: str, expected: Expected) -> Download:
        asked_s = self._now_s()
        download = await self._inner.get(url, expected)
        await self._carry(asked_s, download.size_bytes)
        return replace(download, duration_s=self._now_s() - asked_s)

    def allow(self, urls: Iterable[str]) -> None:
        self._inner.allow(urls)

    async def close(self) -> None:
        await self._inner.close()

    def _now_s(self) -> float:
        now_s = time.monotonic()
        if self._origin_s is None:
            self._origin_s = now_s
        return now_s - self._origin_s

    async def _carry(self, asked_s: float, size_bytes: int) -> None:
        """Wait until a file that was asked for then has crossed the link; a file given up leaves it to the next."""
        async with self._link:
            begun_s = max(self._free_s, asked_s + self._rtt_s)
            ends_s = self._free_s = self._trace.arrival_s(begun_s, size_bytes)
            before_bytes = self.received_bytes
            try:
                while (now_s := self._now_s()) < ends_s:
                    await asyncio.sleep(min(LOOK_S, ends_s - now_s))
                    came_bytes = self._trace.bytes_between(begun_s, max(begun_s, self._now_s()))
                    self.received_bytes = before_bytes + min(size_bytes, round(came_bytes))
            except asyncio.CancelledError:
                self._free_s = max(begun_s, self._now_s())
                raise
            self.received_bytes = before_bytes + size_bytes
