"""Counting what was sent: plain integers by kind, and an access log of JSON lines. A pure ASGI layer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.catalogue import Kind

_LONGEST_PATH = 2048


@dataclass
class Traffic:
    """Totals of one kind since the process started."""

    requests: int = 0
    bytes: int = 0
    """Of bodies, as handed to the connection; heads are not in it."""


@dataclass
class Counters:
    """Everything that is counted in one process."""

    kinds: dict[str, Traffic] = field(default_factory=lambda: {k: Traffic() for k in (*get_args(Kind), "page")})
    """`page` is what is no file of a bundle: pages, the API, errors."""
    statuses: dict[int, int] = field(default_factory=dict)
    started_at_s: float = field(default_factory=time.time)

    def add(self, kind: str, status: int, size_bytes: int) -> None:
        """One answer."""
        traffic = self.kinds[kind]
        traffic.requests += 1
        traffic.bytes += size_bytes
        self.statuses[status] = self.statuses.get(status, 0) + 1


class AccessLog:
    """Appends one JSON line for each answer; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when the file cannot be written."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, record: dict[str, Any]) -> None:
        """One line in one write, so that processes never mix theirs. JSON escapes what could forge a line."""
        os.write(self._descriptor, (json.dumps(record, separators=(",", ":")) + "\n").encode())

    def close(self) -> None:
        os.close(self._descriptor)


class Accounting:
    """Wraps an ASGI application and counts each answer once, however it ends."""

    def __init__(
        self, app: ASGIApp, counters: Counters, kind_of: Callable[[str], str], log: AccessLog | None = None
    ) -> None:
        """`kind_of` tells the kind of a decoded URL path: one of those that `counters` knows."""
        self._app = app
        self._counters = counters
        self._kind_of = kind_of
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.monotonic()
        status, size_bytes, noted = 500, 0, False

        def note() -> None:
            nonlocal noted
            if not noted:
                noted = True
                self._note(scope, status, size_bytes, time.monotonic() - started_s)

        async def counted(message: Message) -> None:
            nonlocal status, size_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size_bytes += len(message.get("body", b"")) if scope["method"] != "HEAD" else 0
                # Before the last bytes leave: a client that has them all finds itself counted.
                if not message.get("more_body"):
                    note()
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            note()

    def _note(self, scope: Scope, status: int, size_bytes: int, duration_s: float) -> None:
        kind = self._kind_of(scope["path"])
        self._counters.add(kind, status, size_bytes)
        if self._log is None:
            return
        record = {
            "time": round(time.time(), 3),
            "method": scope["method"],
            "path": scope["path"][:_LONGEST_PATH],
            "status": status,
            "bytes": size_bytes,
            "kind": kind,
            "duration_s": round(duration_s, 4),
        }
        asked = next((value for name, value in scope["headers"] if name == b"range"), None)
        self._log.write(record if asked is None else {**record, "range": asked.decode("latin-1")[:200]})
