"""The ASGI application: routes, and around them the layers every answer passes through."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import delivery
from server.catalogue import Catalogue
from server.metrics import AccessLog, Accounting, Counters
from server.routes import make_router
from server.settings import ServerSettings, read_settings


class OpenToAll:
    """Answers CORS preflights from a constant and gives every answer the headers that it needs and lacks.

    Files of bundles come with theirs already; what is left is JSON, pages and errors.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": list(delivery.PREFLIGHT)})
            await send({"type": "http.response.body", "body": b""})
            return

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                missing = [header for header in delivery.OPEN_TO_ALL if header[0] not in there]
                message = {**message, "headers": [*message["headers"], *missing]}
            await send(message)

        await self._app(scope, receive, opened)


def create_app(settings: ServerSettings, catalogue: Catalogue | None = None) -> FastAPI:
    """The application over `settings.root`. A `catalogue` that has looked already saves looking twice."""
    known = catalogue or Catalogue(settings.root, settings.rescan_s)
    counters = Counters()
    log = AccessLog(settings.access_log) if settings.access_log else None

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if catalogue is None:
            await asyncio.to_thread(known.look)
        yield
        if log:
            log.close()

    # The interactive pages of the framework fetch their scripts from other hosts.
    app = FastAPI(title="neudash", summary="Bundles over HTTP", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(make_router(known, counters))
    app.add_middleware(OpenToAll)
    app.add_middleware(Accounting, counters=counters, kind_of=known.kind_of, log=log)
    return app


def from_environment() -> FastAPI:
    """The application of a worker process, from the `NEUDASH_SERVER_*` variables. Raises SettingsError."""
    return create_app(read_settings(os.environ, {}))
