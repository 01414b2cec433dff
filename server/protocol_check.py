"""Tries the guarded protocol with the installed uvicorn before a server relies on it.

The protocol overrides methods that are not a public interface of uvicorn, and another version may call them
differently. The trial takes a few milliseconds over a pair of sockets; if it fails, the server uses uvicorn's own
protocol.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from server.metrics import Counters
from server.settings import ServerSettings

_DEADLINE_S = 5.0
_GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
_LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class _Application:
    """Answers everything with `ok`, and has the members of a Front that the protocol uses."""

    def __init__(self, settings: ServerSettings) -> None:
        self.counters = Counters()
        self.connections: set[Any] = set()
        self.settings = settings

    def direct(self, _target: bytes) -> None:
        return None

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def contract_problem(protocol: type[Any], settings: ServerSettings) -> str | None:
    """Returns the reason why `protocol` fails with this uvicorn; None if it works. Must not run in an event loop."""
    try:
        return asyncio.run(asyncio.wait_for(_tried(protocol, settings), _DEADLINE_S))
    except Exception as error:  # whatever another version of uvicorn may raise
        return f"{type(error).__name__}: {error}"


async def _tried(protocol: type[Any], settings: ServerSettings) -> str | None:
    if not (await _said(protocol, settings, _LAST)).endswith(b"ok"):
        return "a simple request is not answered"
    # Three requests in one piece must give three answers.
    if (await _said(protocol, settings, _GET + _GET + _LAST)).count(b" 200 ") != 3:
        return "pipelined requests are not answered"
    # Too large, once while the head is incomplete and once when it is complete.
    large = b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * settings.head_bytes
    if b" 431 " not in await _said(protocol, settings, large) or b" 431 " not in await _said(
        protocol, settings, large + b"\r\n\r\n"
    ):
        return "a large head is not refused"
    if b" 408 " not in await _said(protocol, settings, _GET[:20], later_s=settings.head_s + 1):
        return "a slow head has no deadline"
    return None


async def _said(protocol: type[Any], settings: ServerSettings, request: bytes, *, later_s: float = 0.0) -> bytes:
    """Returns all that a connection answers until it is closed, with `later_s` seconds skipped after the request."""
    config = uvicorn.Config(
        _Application(settings), http=protocol, log_config=None, ws="none", proxy_headers=False, access_log=False
    )
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    ours, theirs = socket.socketpair()
    _, made = await loop.connect_accepted_socket(
        lambda: protocol(config=config, server_state=state, app_state={}, _loop=loop), ours
    )
    reader, writer = await asyncio.open_connection(sock=theirs)
    try:
        writer.write(request)
        await writer.drain()
        if later_s:
            # The request must have been read before its time can pass.
            await asyncio.sleep(0.01)
            made.swept(time.monotonic() + later_s)
        return await reader.read(-1)
    finally:
        writer.close()
        for connection in list(state.connections):
            connection.transport.abort()
