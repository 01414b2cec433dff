"""Counts what was sent, by bundle and kind, and writes an access log of JSON lines."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.catalogue import Kind
from server.cmcd import parse_cmcd, texts_of

logger = logging.getLogger("server")

KINDS = (*get_args(Kind), "page")
"""Classes of traffic; `page` counts everything that is not a file of a bundle: pages, the API, errors."""
LATENCY_BOUNDS_S = (0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0)
_LONGEST_PATH = 2048
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_numbers = itertools.count(1)


@dataclass
class Traffic:
    """Totals since the process started."""

    requests: int = 0
    bytes: int = 0
    """Bytes of bodies, as handed to the connection, without heads."""


@dataclass
class Counters:
    """All counts of one process. Only one thread counts, so there are no locks."""

    traffic: dict[tuple[str, str], Traffic] = field(default_factory=dict)
    """Totals by (bundle, kind); the bundle is "" for pages."""
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_S) + 1))
    """Answers with files by duration in seconds: one count for each bound of LATENCY_BOUNDS_S, and one above all."""
    latency_sum_s: float = 0.0
    from_disk: int = 0
    """Answers with files whose first bytes were not in the page cache."""
    refused: dict[str, int] = field(default_factory=dict)
    """Connections and requests that were refused, by reason."""
    connections: Callable[[], int] = int
    """Returns the number of open connections; set by the application."""
    started_at_s: float = field(default_factory=time.time)

    def traffic_of(self, bundle: str, kind: str) -> Traffic:
        """Returns the totals of a kind in a bundle, for `add`."""
        return self.traffic.setdefault((bundle, kind), Traffic())

    def add(self, traffic: Traffic, status: int, size_bytes: int) -> None:
        """Counts one answer."""
        traffic.requests += 1
        traffic.bytes += size_bytes
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def add_page(self, status: int, size_bytes: int) -> None:
        """Counts one answer that is not a file of a bundle."""
        self.add(self.traffic_of("", "page"), status, size_bytes)

    def took(self, duration_s: float) -> None:
        """Counts the duration of one answer with a file."""
        self.latencies[bisect_left(LATENCY_BOUNDS_S, duration_s)] += 1
        self.latency_sum_s += duration_s

    def refuse(self, reason: str) -> None:
        """Counts one connection or request that was refused."""
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def kinds(self) -> dict[str, Traffic]:
        """Returns the totals of all bundles, by kind."""
        totals = {kind: Traffic() for kind in KINDS}
        for (_, kind), traffic in self.traffic.items():
            totals[kind].requests += traffic.requests
            totals[kind].bytes += traffic.bytes
        return totals


class AccessLog:
    """Appends one JSON line for each answer; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Opens the file. Raises OSError if it cannot be written."""
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._is_failing = False

    def write(self, record: dict[str, Any]) -> None:
        """Writes a record as one line by one call, so that lines of processes do not mix. JSON escapes line ends.

        A line that cannot be written (a full disk) is lost, with one warning for each series of failures; requests are
        answered all the same.
        """
        try:
            os.write(self._descriptor, (json.dumps(record, separators=(",", ":")) + "\n").encode())
        except OSError as error:
            if not self._is_failing:
                logger.warning("%s cannot be written, so answers are not logged: %s", self._path, error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False

    def close(self) -> None:
        os.close(self._descriptor)


def request_id(scope: Scope) -> bytes:
    """Returns the id of a request in the log and in its answer: `X-Request-Id` if it is valid, or else one of ours."""
    found: bytes | None = scope.get("neudash.id")
    if found is None:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        found = given if _REQUEST_ID.fullmatch(given) else b"%x-%x" % (os.getpid(), next(_numbers))
        scope["neudash.id"] = found
    return found


def record_of(scope: Scope, status: int, size_bytes: int, kind: str, duration_s: float) -> dict[str, Any]:
    """Returns a record of the access log."""
    record = {
        "time": round(time.time(), 3),
        "id": request_id(scope).decode(),
        "method": scope["method"],
        "path": scope["path"][:_LONGEST_PATH],
        "status": status,
        "bytes": size_bytes,
        "kind": kind,
        "duration_s": round(duration_s, 4),
    }
    # Only if the request has them: the range, and what the player reports.
    asked = next((value for name, value in scope["headers"] if name == b"range"), None)
    if asked is not None:
        record["range"] = asked.decode("latin-1")[:200]
    if cmcd := parse_cmcd(*texts_of(scope["query_string"], scope["headers"])):
        record["cmcd"] = cmcd
    return record


class Accounting:
    """Wraps the application behind the files, and counts each of its answers once, however it ends."""

    def __init__(self, app: ASGIApp, counters: Counters, log: AccessLog | None = None) -> None:
        self._app = app
        self._counters = counters
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.monotonic()
        # The values if the application raises before it answers.
        status, size_bytes, noted = 500, 0, False

        def note() -> None:
            nonlocal noted
            if not noted:
                noted = True
                self._counters.add_page(status, size_bytes)
                if self._log:
                    self._log.write(record_of(scope, status, size_bytes, "page", time.monotonic() - started_s))

        async def counted(message: Message) -> None:
            nonlocal status, size_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id(scope))]}
            else:
                size_bytes += len(message.get("body", b"")) if scope["method"] != "HEAD" else 0
                # Counted before the last bytes are sent, so that a client that has them all sees itself counted.
                if not message.get("more_body"):
                    note()
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            note()
