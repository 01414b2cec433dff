"""uvicorn's HTTP protocol with the guards that it lacks, and a short way for plain requests.

Guards: a deadline for the head of a request and a bound on its size, a deadline for what a reader does not take, and
no bodies. The short way: a request that is exactly `GET` of an open file, with nothing in its head that could change
the answer, is recognised by one regular expression and answered by one write. Everything else is uvicorn's.

This builds on methods of uvicorn that are not promised to anybody; `server.contract` tries them before they are used.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server import storage
from server.front import Front

_MOST_HEADERS = 100
# RFC 9112: the grammar of a head, strictly. Any header that could change the answer leaves the short way.
_PLAIN_GET = re.compile(
    rb"GET (/[!->@-~]*)(?:\?([!-~]*))? HTTP/1\.1\r\n"
    rb"(?:(?!(?:range|if-[a-z-]+|connection:(?![ \t]*keep-alive\r)|content-length|transfer-encoding|te|trailer|upgrade"
    rb"|expect|http2-settings|authorization|cmcd-[a-z]+)[ \t]*:)"
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n){1,100}"
    rb"\r\n",
    re.IGNORECASE,
)
_HOST = re.compile(rb"\r\nhost:[ \t]*[!-~]", re.IGNORECASE)

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Its limits are in the settings of the Front that it serves."""

    # Of all connections: the line and the Date that begin an answer, made again when uvicorn has a new Date.
    _opening: tuple[Any, bytes] = (None, b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
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
        # What is still no whole request may not grow for ever.
        if self.reads_since_s is not None and self.read_bytes > self.limits.head_bytes:
            self._end(_TOO_LARGE, "request too large")

    def _answered(self, data: bytes) -> bool:
        """Whether `data` was a request for which the short way will do; it is answered then."""
        match = _PLAIN_GET.fullmatch(data)
        if match is None or len(data) > self.limits.head_bytes or not _HOST.search(data):
            return False
        file = self.front.direct(match[1])
        if file is None or file.bodies or file.plain.length > storage.CHUNK_BYTES:
            return False
        if self.flow.write_paused or (self.limit_concurrency and len(self.connections) >= self.limit_concurrency):
            return False
        started_s = time.perf_counter()
        try:
            body = storage.read_now(file.descriptor, 0, file.plain.length)
        except OSError:
            return False
        if body is None:
            return False
        self._unset_keepalive_if_required()
        self.front.counters.add(file.traffic, 200, len(body))
        if match[2] and b"CMCD=" in match[2]:
            self.front.reports.note(match[2], [])
        self.transport.writelines((self._opened(), file.wire_head, body))
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
        size_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size_bytes > self.limits.head_bytes or len(self.headers) > _MOST_HEADERS:
            self._end(_TOO_LARGE, "request too large")
        self.in_head = False
        # After `connection: close`, or after the end above, nothing is answered any more.
        if not self.has_ended and not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Lets it go: no request here has a body worth reading."""

    def on_message_complete(self) -> None:
        self.reads_since_s = None
        self.read_bytes = 0
        if not self.has_ended and not self.transport.is_closing():
            super().on_message_complete()
            self.is_between = self.cycle.response_complete and not self.pipeline

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.is_between = not self.pipeline and self.reads_since_s is None

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

    def swept(self, now_s: float) -> None:
        """Closes the connection if a deadline has passed. To be called about once a second."""
        if self.has_ended:
            self.transport.close()
        if self.reads_since_s is not None and now_s - self.reads_since_s > self.limits.head_s:
            self._end(_TOO_SLOW, "request too slow")
        if self.idle_since_s is not None and now_s - self.idle_since_s > self.timeout_keep_alive:
            self.transport.close()
        if not self.transport.get_write_buffer_size():
            self.writes_since_s = None
        elif self.writes_since_s is None:
            self.writes_since_s = now_s
        elif now_s - self.writes_since_s > self.limits.stalled_s:
            self.front.counters.refuse("reader stalled")
            self.transport.abort()
