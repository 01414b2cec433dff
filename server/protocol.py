"""Extends uvicorn's HTTP protocol with the guards that it lacks and a short way for simple requests.

Guards: a deadline for a request, a limit on the size of its head, a deadline for readers that take nothing, and
request bodies are dropped. The short way: a request that is exactly a `GET` of an open file, without a header that
could change the answer, is recognised by its bytes and answered by one write. uvicorn handles everything else.

This uses methods of uvicorn that are not a public interface, so `server.protocol_check` tries them first.
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

# Strict grammar of a request's first line and headers (RFC 9112).
_GET = re.compile(rb"GET (/[!->@-~]*)(?:\?([!-~]*))? HTTP/1\.1")
_HEADERS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n){1,100}\r\n")
# Headers that could change the answer, or what follows the head.
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

    # Shared by all connections: first line and default headers of an answer, made again when uvicorn renews the Date.
    _opening: tuple[Any, bytes] = (None, b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _bound_unsent(transport.get_extra_info("socket"))
        self.front: Front = self.config.loaded_app
        self.front.connections = self.connections
        self.limits = self.front.settings
        self.reads_since_s: float | None = time.monotonic()
        """Monotonic time since which a request is awaited or read; None from its end to the next one's first byte."""
        self.writes_since_s: float | None = None
        """Monotonic time since which bytes wait for the reader; None if none wait."""
        self.idle_since_s: float | None = None
        """Monotonic time of the last answer on the short way; uvicorn keeps its own time for the others."""
        self.read_bytes = 0
        """Bytes received of the present request."""
        self.in_head = True
        self.is_between = True
        """True if no request is half read and no answer half sent."""
        self.answering: Any = None
        """uvicorn's cycle of the request that is answered now; others may wait behind it."""
        self.has_ended = False
        """True after a refusal: received data is dropped until the client has read the answer or the next sweep."""

    def data_received(self, data: bytes) -> None:
        if self.has_ended:
            return
        self.idle_since_s = None
        # The short way is open only between requests; half a request must go to uvicorn.
        if self.is_between:
            if self.limits.protocol == "direct" and self._answered(data):
                return
            self.is_between = False
        self.read_bytes += len(data)
        super().data_received(data)
        is_answering = self.pipeline or not (self.cycle is None or self.cycle.response_complete)
        if self.reads_since_s is None and not is_answering:
            # Only line ends came, which begin no request, but uvicorn has stopped its idle timer.
            self.reads_since_s = time.monotonic()
        # A request that is not complete may not grow forever.
        if self.reads_since_s is not None and self.read_bytes > self.limits.head_bytes:
            self._end(_TOO_LARGE, "request too large")

    def _answered(self, data: bytes) -> bool:
        """Answers `data` and returns True if it is a request for the short way; otherwise returns False."""
        line, _, headers = data.partition(b"\r\n")
        match = _GET.fullmatch(line)
        if match is None or len(data) > self.limits.head_bytes:
            return False
        file = self.front.direct(match[1])
        if file is None:
            return False
        # A player sends the same headers with every request, so the result is cached.
        read = _known_codings if len(headers) <= _LONGEST_KNOWN_HEAD_BYTES else _codings
        codings = read(headers)
        if codings is None:
            return False
        # uvicorn waits for slow readers and refuses connections over the limit; leave both to it.
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
        # From here on the answer is certain; the steps are those that uvicorn's cycle would take.
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
        # The sum is only made if enough bytes came: they may belong to several requests.
        large = self.read_bytes > self.limits.head_bytes and self._head_bytes() > self.limits.head_bytes
        if large or len(self.headers) > _MOST_HEADERS:
            self._end(_TOO_LARGE, "request too large")
        self.in_head = False
        # Nothing is answered after `connection: close` or after the refusal above.
        if not self.has_ended and not self.transport.is_closing():
            super().on_headers_complete()
            if not self.pipeline:
                self.answering = self.cycle

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        """Drops the body: no request here needs one."""

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
        # uvicorn informs only the request that came last, but the one being answered has to stop writing.
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
        # In the middle of an answer, a refusal would be taken for a part of it.
        if not self.in_head or not (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
            return
        self.transport.write(last_words)
        # Closing at once would discard the refusal along with the bytes not read yet.
        self.transport.write_eof()

    def swept(self, now_s: float) -> tuple[int, float]:
        """Closes the connection if a deadline has passed. Called about once a second.

        Returns how many bytes wait for the reader, and the monotonic time since which they wait.
        """
        # A refused client has had a second to read why.
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
        """Resets the connection at once, and drops what waits."""
        self.front.counters.refuse(reason)
        # A reset: otherwise the kernel keeps megabytes for the reader until it gives up, and does not inform it.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()


def _bound_unsent(connection: socket.socket) -> None:
    """Limits the bytes that the kernel accepts before it can send them.

    Otherwise it copies 4 MB at once for each of many stalled readers while all others wait. Bytes already on their way
    to a distant reader do not count.
    """
    if hasattr(socket, "TCP_NOTSENT_LOWAT") and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MOST_UNSENT_BYTES)


def _codings(headers: bytes) -> str | None:
    """Returns the Accept-Encoding of a request, "" if absent; None if other headers could change the answer."""
    if _HEADERS.fullmatch(headers) is None:
        return None
    lowered = headers.lower()
    if _DECIDING.search(lowered) or not _HOST.search(lowered):
        return None
    accepted = _ACCEPTED.search(lowered)
    return accepted[1].decode("latin-1") if accepted else ""


_known_codings = lru_cache(maxsize=1024)(_codings)
