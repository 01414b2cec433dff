"""Builds the ASGI application: the files in front, and behind them the framework with the API and the pages."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import responses
from server.access import Gate
from server.catalogue import Catalogue
from server.cmcd import Reports
from server.file_app import Front
from server.generated_manifests import with_base_urls
from server.metrics import AccessLog, Accounting, Counters
from server.open_files import OpenFiles
from server.prometheus import Snapshots
from server.routes import Operation, make_router
from server.settings import ServerSettings, read_settings

logger = logging.getLogger("server")

_TICK_S = 1.0


class OpenToAll:
    """Answers CORS preflights from a constant, and adds the headers of OPEN_TO_ALL that an answer lacks.

    Files of bundles already have them, so this is for JSON, pages and errors.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": list(responses.PREFLIGHT)})
            await send({"type": "http.response.body", "body": b""})
            return

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                missing = [header for header in responses.OPEN_TO_ALL if header[0] not in there]
                own = message["headers"]
                if message["status"] == 405:  # the framework's routes know GET only
                    own = [*(header for header in own if header[0] != b"allow"), responses.ALLOW]
                message = {**message, "headers": [*own, *missing]}
            await send(message)

        await self._app(scope, receive, opened)


class HeadAsGet:
    """Answers HEAD as GET without the body (RFC 9110, 9.3.2), because the framework's routes know only GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


def create_app(settings: ServerSettings, catalogue: Catalogue | None = None) -> Front:
    """Returns the application over `settings.root`. A `catalogue` that has looked already saves a look."""
    known = catalogue or Catalogue(settings.root, settings.rescan_s)
    # Everything that requests share, once for each process.
    counters, reports = Counters(), Reports()
    log = AccessLog(settings.access_log) if settings.access_log else None
    rewrites = {".mpd": functools.partial(with_base_urls, settings.base_urls)} if settings.base_urls else {}
    files = OpenFiles(known, counters, settings.open_files, rewrites)
    gate = gate_of(settings, counters)
    snapshots = Snapshots(settings.metrics_folder, counters, reports)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # A catalogue that was handed in has looked already.
        if catalogue is None:
            await asyncio.to_thread(known.look)
        snapshots.write()
        ticking = asyncio.ensure_future(_tick(front, reports, snapshots))
        yield
        # The tick is stopped first, because it writes the snapshots.
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        files.close()
        snapshots.close()
        if log:
            log.close()

    # The framework's own API pages are off, because they load their scripts from other hosts.
    app = FastAPI(title="neudash", summary="Bundles over HTTP", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(make_router(known, Operation(counters, reports, snapshots, gate)))
    # The middleware added last is the outermost.
    app.add_middleware(HeadAsGet)
    app.add_middleware(OpenToAll)
    app.add_middleware(Accounting, counters=counters, log=log)
    front = Front(app, settings, known, files, counters, reports, gate, log)
    counters.connections = lambda: len(front.connections)
    return front


def gate_of(settings: ServerSettings, counters: Counters) -> Gate | None:
    """Returns the gate that the settings ask for; None if they ask for none."""
    if not settings.private and not settings.requests_per_s:
        return None
    return Gate(
        private=settings.private,
        secret=settings.secret,
        token_hours=settings.token_hours,
        requests_per_s=settings.requests_per_s,
        refused=counters.refuse,
    )


async def _tick(front: Front, reports: Reports, snapshots: Snapshots) -> None:
    """Does the periodic work of a process once a second."""
    while True:
        await asyncio.sleep(_TICK_S)
        for work in (front.sweep, reports.digest, snapshots.write):
            _tried(work)


def _tried(work: Callable[[], None]) -> None:
    """Calls `work` and logs its failure, so that one failure does not stop the deadlines of all connections."""
    try:
        work()
    except Exception:
        logger.exception("%s failed; the next try is in a second", work.__qualname__)


def from_environment() -> Front:
    """Returns the application of a worker process, set by the `NEUDASH_SERVER_*` variables. Raises SettingsError."""
    return create_app(read_settings(os.environ, {}))
