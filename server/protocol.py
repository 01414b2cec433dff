"""uvicorn's HTTP protocol with the guards that it lacks, and a short way for plain requests.

Guards: a deadline for the head of a request and a bound on its size, a deadline for what a reader does not take, and
no bodies. The short way: a request that is exactly `GET` of an open file, with nothing in its head that could change
the answer, is recognised by its bytes and answered by one write. Everything else is uvicorn's.

This builds on methods of uvicorn that are not promised to anybody; `server.protocol_check` tries them before they are
used.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
import time
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server import disk
from server.file_app import Front
from server.responses import best_coding

_MOST_HEADERS = 100
_LONGEST_KNOWN_HEAD_BYTES = 2048
_MOST_UNSENT_BYTES = 1 << 18

# RFC 9112: the grammar of a head, strictly.
_GET = re.compile(rb"GET (/[!->@-~]*)(?:\?([!-~]*))? HTTP/1\.1")
_HEADERS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n){1,100}\r\n")
# Whatever could change the answer, or what comes after the head.
_DECIDING = re.compile(
    rb"(?:^|\n)(?:connection:(?![ \t]*keep-alive[ \t]*\r)|(?:range|if-[a-z-]+|content-length|transfer-encoding|te"
    rb"|trailer|upgrade|expect|http2-settings|authorization|cmcd-[a-z]+):)"
)
_ACCEPTED = re.compile(rb"(?:^|\n)accept-encoding:([^\r]*)")
_HOST = re.compile(rb"(?:^|\n)host:[ \t]*[!-~]")

_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Its limits are in the settings of the Front that it serves."""

    # Of all connections: the line and the Date that begin an answer, made again when uvicorn has a new Date.
    _opening: tuple[Any, bytes] = (None, b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _bound_unsent(transport.get_extra_info("socket"))
        self.front: Front = self.config.loaded_app
        self.front.connections = self.connections
        self.limits = self.front.settings
        self.reads_since_s: float | None = time.monotonic()
        """Since when a request is awaited or being read; None while one is answered, or after that."""
        self.writes_since_s: float | None = None
        """Since when bytes wait to be taken by the reader."""
        self.idle_since_s: float | None = None
        """Since an answer on the short way; uvicorn keeps its own time."""
        self.read_bytes = 0
        """Of the request that is being read."""
        self.in_head = True
        self.is_between = True
        """Whether nothing is half read and nothing half answered."""
        self.answering: Any = None
        """The request that is answered, uvicorn's cycle; others may wait behind it."""
        self.has_ended = False
        """Whether what still comes is let go, until the client has read why or the next sweep."""

    def data_received(self, data: bytes) -> None:
        if self.has_ended:
            return
        self.idle_since_s = None
        if self.is_between:
            if self.limits.protocol == "direct" and self._answered(data):
                return
            self.is_between = False
        self.read_bytes += len(data)
        super().data_received(data)
        is_answering = self.pipeline or not (self.cycle is None or self.cycle.response_complete)
        if self.reads_since_s is None and not is_answering:
            # Line ends alone, which begin no request; uvicorn has stopped to count how long the connection is idle.
            self.reads_since_s = time.monotonic()
        # What is still no whole request may not grow for ever.
        if self.reads_since_s is not None and self.read_bytes > self.limits.head_bytes:
            self._end(_TOO_LARGE, "request too large")

    def _answered(self, data: bytes) -> bool:
        """Whether `data` was a request for which the short way will do; it is answered then."""
        line, _, headers = data.partition(b"\r\n")
        match = _GET.fullmatch(line)
        if match is None or len(data) > self.limits.head_bytes:
            return False
        file = self.front.direct(match[1])
        if file is None:
            return False
        # A player sends the same headers with every request.
        read = _known_codings if len(headers) <= _LONGEST_KNOWN_HEAD_BYTES else _codings
        codings = read(headers)
        if codings is None:
            return False
        if self.flow.write_paused or (self.limit_concurrency and len(self.connections) >= self.limit_concurrency):
            return False
        started_s = time.perf_counter()
        coding = best_coding(codings, file.codings) if file.codings else None
        head, kept, length = file.wire[coding]
        if length > disk.CHUNK_BYTES:
            return False
        try:
            body = disk.read_now(file.descriptor, 0, length) if kept is None else kept
        except OSError:
            return False
        if body is None:
            return False
        self._unset_keepalive_if_required()
        self.front.counters.add(file.traffic, 200, length)
        if match[2] and b"CMCD=" in match[2]:
            self.front.reports.note(match[2], [])
        self.transport.writelines((self._opened(), head, body))
        self.reads_since_s = None
        self.idle_since_s = time.monotonic()
        self.server_state.total_requests += 1
        self.front.counters.took(time.perf_counter() - started_s)
        return True

    def _opened(self) -> bytes:
        defaults = self.server_state.default_headers
        known, opening = GuardedProtocol._opening
        if known is not defaults:
            opening = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b: %b\r\n" % header for header in defaults)
            GuardedProtocol._opening = (defaults, opening)
        return opening

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head = True
        if self.reads_since_s is None:
            self.reads_since_s = time.monotonic()

    def on_headers_complete(self) -> None:
        # Counted only where what came in at once could hold more than is allowed: it may hold several requests.
        large = self.read_bytes > self.limits.head_bytes and self._head_bytes() > self.limits.head_bytes
        if large or len(self.headers) > _MOST_HEADERS:
            self._end(_TOO_LARGE, "request too large")
        self.in_head = False
        # After `connection: close`, or after the end above, nothing is answered any more.
        if not self.has_ended and not self.transport.is_closing():
            super().on_headers_complete()
            if not self.pipeline:
                self.answering = self.cycle

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        """Lets it go: no request here has a body worth reading."""

    def on_message_complete(self) -> None:
        self.reads_since_s = None
        self.read_bytes = 0
        if not self.has_ended and not self.transport.is_closing():
            super().on_message_complete()
            self.is_between = self.cycle.response_complete and not self.pipeline

    def on_response_complete(self) -> None:
        following = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        self.answering = following
        self.is_between = not self.pipeline and self.reads_since_s is None

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells it to the request that came last; the one that is answered would write to nobody.
        if self.answering is not None:
            self.answering.disconnected = True
            self.answering.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.writes_since_s = time.monotonic()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.writes_since_s = None

    def _end(self, last_words: bytes, reason: str) -> None:
        if self.has_ended or self.transport.is_closing():
            return
        self.front.counters.refuse(reason)
        self.has_ended = True
        # Words in the middle of an answer would be taken for a part of it.
        if not self.in_head or not (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
            return
        self.transport.write(last_words)
        # To close at once would throw away our words with the bytes that are not read yet.
        self.transport.write_eof()

    def swept(self, now_s: float) -> tuple[int, float]:
        """Closes the connection if a deadline has passed. To be called about once a second.

        Returns how many bytes wait to be taken by the reader, and since when.
        """
        if self.has_ended:
            self.transport.close()
        if self.reads_since_s is not None and now_s - self.reads_since_s > self.limits.head_s:
            self._end(_TOO_SLOW, "request too slow")
        if self.idle_since_s is not None and now_s - self.idle_since_s > self.timeout_keep_alive:
            self.transport.close()
        size_bytes = self.transport.get_write_buffer_size()
        if not size_bytes:
            self.writes_since_s = None
            return 0, now_s
        if self.writes_since_s is None:
            self.writes_since_s = now_s
        elif now_s - self.writes_since_s > self.limits.stalled_s:
            self.cut("reader stalled")
            return 0, now_s
        return size_bytes, self.writes_since_s

    def cut(self, reason: str) -> None:
        """Ends the connection at once, whatever waits."""
        self.front.counters.refuse(reason)
        # By a reset: else the kernel keeps megabytes for a reader until it gives up hope, and does not tell it.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()


def _bound_unsent(connection: socket.socket) -> None:
    """What the kernel takes off our hands before it can be sent: it would copy 4 MB at once for each of many readers
    that stop, while all others wait. No bound on what is under way to a reader far away.
    """
    if hasattr(socket, "TCP_NOTSENT_LOWAT") and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MOST_UNSENT_BYTES)


def _codings(headers: bytes) -> str | None:
    """What the headers of a request accept; None where they are not such that a plain answer will do."""
    if _HEADERS.fullmatch(headers) is None:
        return None
    lowered = headers.lower()
    if _DECIDING.search(lowered) or not _HOST.search(lowered):
        return None
    accepted = _ACCEPTED.search(lowered)
    return accepted[1].decode("latin-1") if accepted else ""


_known_codings = lru_cache(maxsize=1024)(_codings)
