"""Answers requests for files, found in the catalogue's index, before the framework sees them.

A layer of middleware or a route costs more than sending a segment, so files pass through none. Requests for anything
else go to the application behind.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from server import disk, responses
from server.access import Gate
from server.catalogue import BUNDLES_AT, Catalogue, ServedFile
from server.cmcd import CMCD_HEADERS, Reports
from server.metrics import AccessLog, Counters, record_of, request_id
from server.open_files import OpenFile, OpenFiles, start_of
from server.settings import ServerSettings

logger = logging.getLogger("server")

# Many clients and proxies take an encoded separator for a separator, so names with one are not served.
_ENCODED_SEPARATORS = (b"%2f", b"%5c", b"%00")
_CONDITIONS = (b"range", b"if-match", b"if-none-match", b"if-unmodified-since")
_NOTED = frozenset((*_CONDITIONS, *CMCD_HEADERS, b"accept-encoding"))
# Bodies up to this size are sent without watching for a disconnect, which would cost as much as sending them.
_WATCHED_BYTES = 1 << 20

_UNAVAILABLE = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"0"),
    (b"retry-after", b"1"),
    (b"cache-control", b"no-store"),
    *responses.OPEN_TO_ALL,
)


class Front:
    """The outermost ASGI application: answers requests for files of bundles, and hands all others to `app`."""

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        catalogue: Catalogue,
        files: OpenFiles,
        counters: Counters,
        reports: Reports,
        gate: Gate | None = None,
        log: AccessLog | None = None,
    ) -> None:
        self._app = app
        self.settings = settings
        self._catalogue = catalogue
        self._files = files
        self.counters = counters
        self.reports = reports
        self._gate = gate
        self._log = log
        self._refreshing: asyncio.Task[None] | None = None
        self.connections: set[Any] = set()
        """Open connections; set by our protocol, empty with uvicorn's own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] not in ("GET", "HEAD")
            or not scope["path"].startswith(BUNDLES_AT)
        ):
            await self._app(scope, receive, send)
            return
        refusal = self._gate.refusal(scope) if self._gate else None
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        file = self._files.get(scope["raw_path"])
        if self._catalogue.is_due:
            file = await self._looked_again(scope, file)
        if file is not None and await self._answer(file, scope, receive, send):
            return
        # Either not open yet, or the file became shorter, so another file has taken its place.
        await self._find(scope, receive, send)

    def direct(self, target: bytes) -> OpenFile | None:
        """Returns the open file at a path if its unconditional answer may be sent; None if anything has to be checked.

        Used by the protocol that writes answers itself. The caller counts the answer.
        """
        if self._gate or self._log or self._catalogue.is_due:
            return None
        return self._files.get(target)

    def sweep(self) -> None:
        """Closes connections past a deadline; if too much waits for readers, also those that have waited longest."""
        now_s = time.monotonic()
        waiting = [(connection.swept(now_s), connection) for connection in list(self.connections)]
        waiting_bytes = sum(size_bytes for (size_bytes, _), _ in waiting)
        for (size_bytes, _), connection in sorted(waiting, key=lambda item: item[0][1]):
            if waiting_bytes <= self.settings.waiting_mb << 20:
                break
            waiting_bytes -= size_bytes
            if size_bytes:
                connection.cut("too much waits")

    async def _looked_again(self, scope: Scope, file: OpenFile | None) -> OpenFile | None:
        """Looks at the disk and returns the open file; does not wait for the look if its content cannot change."""
        if file is None or not file.served.is_immutable or self._catalogue.looks_always:
            await self._files.refresh()
            return self._files.get(scope["raw_path"])
        self._refreshing = asyncio.ensure_future(self._files.refresh())
        return file

    async def _find(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope["raw_path"].lower()
        served = None
        # The path is decoded by now, so encoded separators are searched for in the raw path.
        if not any(encoded in raw for encoded in _ENCODED_SEPARATORS):
            served = self._catalogue.index.files.get(scope["path"])
        if served is None:
            await self._app(scope, receive, send)
            return
        # A second try, in case the file is replaced between opening and reading.
        for _ in range(2):
            try:
                file = await self._files.open(served)
                answered = await self._answer(file, scope, receive, send)
            except (disk.NotServableError, FileNotFoundError, NotADirectoryError) as error:
                await self._missing(served, error, scope, receive, send)
                return
            except OSError as error:
                # Systems refuse a link or folder in a file's place with different errors, so look what is there.
                if await asyncio.to_thread(_is_there, served):
                    break
                await self._missing(served, error, scope, receive, send)
                return
            if answered:
                return
        logger.warning("%s cannot be read", served.url_path)
        await self._unavailable(scope, send)

    async def _missing(self, served: ServedFile, error: OSError, scope: Scope, receive: Receive, send: Send) -> None:
        logger.warning("%s is listed but cannot be served: %s", served.url_path, error.strerror or error)
        await self._app(scope, receive, send)

    async def _unavailable(self, scope: Scope, send: Send) -> None:
        self.counters.add_page(503, 0)
        if self._log:
            self._log.write(record_of(scope, 503, 0, "page", 0.0))
        await send({"type": "http.response.start", "status": 503, "headers": list(_UNAVAILABLE)})
        await send({"type": "http.response.body", "body": b""})

    async def _answer(self, file: OpenFile, scope: Scope, receive: Receive, send: Send) -> bool:
        """Sends the answer and returns True; if the file cannot be read, sends nothing, forgets it, returns False."""
        started_s = time.perf_counter()
        answer, start = file.plain, file.start
        # The unconditional answer is ready; only headers that change it cost a decision.
        noted = [header for header in scope["headers"] if header[0] in _NOTED]
        if noted and (file.facts.packed or any(name in _CONDITIONS for name, _ in noted)):
            answer = responses.answer_for(file.facts, scope["method"], _texts(scope["headers"]))
            start = start_of(answer)
        # Reports are only queued here and parsed later.
        told = [header for header in noted if header[0] in CMCD_HEADERS]
        if told or b"CMCD=" in scope["query_string"]:
            self.reports.note(scope["query_string"], told)
        if "neudash.private" in scope:
            start = {**start, "headers": [*map(_unshared, start["headers"])]}
        length = answer.length if scope["method"] == "GET" else 0
        # Kept open until the last byte is sent, even if the file is dropped meanwhile.
        first: disk.Block | None = file.bodies.get(answer.coding)
        file.users += 1
        try:
            if first is not None:
                first = first[answer.start : answer.start + length]
            # The first bytes are read before the head is sent: a failure can still become another answer.
            else:
                first_bytes = min(length, disk.CHUNK_BYTES)
                try:
                    first = disk.read_now(file.descriptor, answer.start, first_bytes)
                    if first is None:
                        first = await disk.read_slice(file.descriptor, answer.start, first_bytes)
                        took_ms = (time.perf_counter() - started_s) * 1e3
                        # Shown by browsers, for a person who looks at a slow segment.
                        timing = (b"server-timing", b"disk;dur=%.1f" % took_ms)
                        start = {**start, "headers": [*start["headers"], timing]}
                        self.counters.from_disk += 1
                except OSError:
                    self._files.drop(file.served.url.encode())
                    return False
            if self._log:
                start = {**start, "headers": [*start["headers"], (b"x-request-id", request_id(scope))]}
            await send(start)
            await self._send(file, answer, first, length, started_s, scope, receive, send)
        finally:
            file.release()
        return True

    async def _send(
        self,
        file: OpenFile,
        answer: responses.Answer,
        block: disk.Block,
        length: int,
        started_s: float,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        # A body that is complete is sent with its count; longer ones go out chunk by chunk.
        left = length - len(block)
        if not left:
            self._note(file, answer.status, length, started_s, scope)
            await send({"type": "http.response.body", "body": block})
            self.counters.took(time.perf_counter() - started_s)
            return
        gone = asyncio.ensure_future(_disconnected(receive)) if left > _WATCHED_BYTES else None
        place = answer.start + len(block)
        try:
            while left > 0 and not (gone and gone.done()):
                await send({"type": "http.response.body", "body": block, "more_body": True})
                if gone:
                    # Sending to a client that has left returns at once; only a pause lets the disconnect arrive.
                    await asyncio.sleep(0)
                count = min(left, disk.CHUNK_BYTES)
                now = disk.read_now(file.descriptor, place, count)
                block = await disk.read_slice(file.descriptor, place, count) if now is None else now
                place, left = place + count, left - count
        except OSError as error:
            # The head has been sent, so the only way to report the failure is to end the connection by returning early.
            logger.warning("%s was sent only in part: %s", file.served.url_path, error.strerror or error)
            self._note(file, answer.status, length - left - len(block), started_s, scope)
            return
        finally:
            if gone:
                gone.cancel()
        # Counted before the last bytes are sent, so that a client that has them all sees itself counted.
        self._note(file, answer.status, length - left, started_s, scope)
        if not left:
            await send({"type": "http.response.body", "body": block})
            self.counters.took(time.perf_counter() - started_s)

    def _note(self, file: OpenFile, status: int, size_bytes: int, started_s: float, scope: Scope) -> None:
        self.counters.add(file.traffic, status, size_bytes)
        if self._log:
            duration_s = time.perf_counter() - started_s
            self._log.write(record_of(scope, status, size_bytes, file.served.kind, duration_s))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _unshared(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = header
    return (name, value.replace(b"public", b"private")) if name == b"cache-control" else header


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Returns the headers as text; the first of several with one name counts, as in most servers."""
    texts: dict[str, str] = {}
    for name, value in headers:
        texts.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return texts


def _is_there(served: ServedFile) -> bool:
    try:
        disk.signature_of(disk.resolved_inside(served.root, served.href).lstat())
    except OSError:
        return False
    return True
