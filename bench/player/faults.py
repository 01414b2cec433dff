"""Breaks some of the answers that pass through a local proxy, and counts those that passed whole."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from contextlib import suppress

from manifests.model import VideoRepresentation

FAULT_SHARE = 0.12
"""Share of all answers that get a fault."""
STALL_S = 5.0
_HEAD_END = b"\r\n\r\n"
_NO = b"HTTP/1.1 %d No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"


class FaultyProxy:
    """Passes on one request per connection, and its answer unchanged, late, broken or not at all."""

    def __init__(self, server_port: int, chance: random.Random, faults: Counter[str]) -> None:
        """`faults` counts the faults by kind."""
        self.port = 0
        self.dead = False
        """True while connections are reset."""
        self.whole: Counter[str] = Counter()
        """Number of answers with status 200 that were sent unchanged, by path."""
        self.flipped: Counter[str] = Counter()
        """Number of answers that were sent with one changed byte, by path."""
        self._server_port = server_port
        self._chance = chance
        self._faults = faults
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.close()

    def whole_of(self, rung: VideoRepresentation, number: int) -> int:
        """Returns how often a segment passed unchanged."""
        segment = next(s for s in rung.segments if s.number == number)
        ending = "/" + segment.href
        return sum(count for path, count in self.whole.items() if path.endswith(ending))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not self.dead:
                await self._answer(reader, writer)
            else:
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            with suppress(OSError):
                writer.close()
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(_HEAD_END)
        path = head.split(b" ", 2)[1].decode()
        answer = await self._passed_on(head)
        status_line, body_at = answer.split(b"\r\n", 1)[0], answer.find(_HEAD_END) + len(_HEAD_END)
        # The server has answered by now, so that each fault is one of the line.
        fault = self._fault(path)
        if fault is not None:
            self._faults[fault] += 1
        # The line may have died while the server answered.
        if fault == "reset" or self.dead:
            writer.transport.abort()
            return
        if fault in ("404", "503"):
            answer = _NO % int(fault)
        elif fault == "stall":
            await asyncio.sleep(STALL_S)
        elif fault == "cut":
            answer = answer[: (body_at + len(answer)) // 2]
        elif fault == "flipped" and body_at < len(answer):
            at = self._chance.randrange(body_at, len(answer))
            answer = answer[:at] + bytes([answer[at] ^ 0xFF]) + answer[at + 1 :]
        writer.write(answer)
        await writer.drain()
        # A stalled answer is late but whole.
        if b" 200 " in status_line and fault in (None, "stall"):
            self.whole[path] += 1
        elif fault == "flipped":
            self.flipped[path] += 1

    async def _passed_on(self, head: bytes) -> bytes:
        """Returns the server's whole answer. Raises OSError while there is no server."""
        # One request per connection, so that the end of the connection is the end of the answer.
        head = re.sub(rb"\r\nConnection:[^\r]*", b"", head, flags=re.IGNORECASE)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            writer.write(head.removesuffix(_HEAD_END) + b"\r\nConnection: close" + _HEAD_END)
            await writer.drain()
            answer = await reader.read(-1)
        finally:
            writer.close()
        if _HEAD_END not in answer:
            raise OSError("the server died")
        return answer

    def _fault(self, path: str) -> str | None:
        if self._chance.random() >= FAULT_SHARE:
            return None
        # Without a manifest a session ends at once, and a changed bit in one may mean anything.
        kinds = ["reset", "503"] if path.endswith(".mpd") else ["reset", "404", "503", "stall", "cut", "flipped"]
        return self._chance.choice(kinds)
