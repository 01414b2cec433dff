"""Defines the routes behind the files: health, counters, the catalogue as JSON, the live manifest of a bundle."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from server import generated_manifests, pages, schemas
from server.access import Gate
from server.catalogue import BUNDLES_AT, Catalogue
from server.cmcd import Reports
from server.metrics import Counters
from server.prometheus import Snapshots

_TIME = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?")


@dataclass(frozen=True)
class Operation:
    """Counts and reports for the operator's routes, and the gate that decides which bundles may be shown."""

    counters: Counters
    reports: Reports
    snapshots: Snapshots
    gate: Gate | None = None

    def may_show(self, bundle: str) -> bool:
        """True if the catalogue may name a bundle."""
        return self.gate is None or not self.gate.is_private(bundle)


def make_router(catalogue: Catalogue, operation: Operation) -> APIRouter:
    """Returns a router with all routes, over one catalogue and one set of counters."""
    router = APIRouter()
    _add_operation(router, catalogue, operation)
    _add_api(router, catalogue, operation)
    _add_files(router, catalogue)
    pages.add_pages(router)
    return router


def _add_operation(router: APIRouter, catalogue: Catalogue, operation: Operation) -> None:
    # Liveness: answers as long as the process runs.
    @router.get("/healthz", tags=["operation"], summary="Reports that the server is up")
    async def health() -> schemas.Health:
        return schemas.Health(status="ok", bundles=len(catalogue.index.bundles))

    # Readiness: fails while the folder is not readable, such as a share that is not mounted.
    @router.get(
        "/readyz",
        tags=["operation"],
        summary="Reports if requests may be sent here",
        responses={503: {"model": schemas.Problem, "description": "The folder of bundles cannot be read"}},
    )
    async def ready() -> schemas.Health:
        if not await asyncio.to_thread(os.access, catalogue.root, os.R_OK | os.X_OK):
            raise HTTPException(503, "the folder of bundles cannot be read")
        return schemas.Health(status="ready", bundles=len(catalogue.index.bundles))

    @router.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        # Reports that wait are included.
        operation.reports.digest()
        text = await asyncio.to_thread(operation.snapshots.exposition, operation.may_show)
        return Response(text, headers={"cache-control": "no-store"}, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    @router.get("/api/metrics", tags=["operation"], summary="Requests and bytes by kind of file")
    async def metrics() -> schemas.Metrics:
        return schemas.metrics(operation.counters, os.getpid())

    @router.get("/api/sessions", tags=["operation"], summary="Last report of each playback (CMCD)")
    async def sessions() -> schemas.Sessions:
        operation.reports.digest()
        return schemas.sessions(operation.reports, os.getpid())

    # Clock for the live manifest's UTCTiming.
    @router.get("/api/time", include_in_schema=False)
    async def now() -> Response:
        text = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return Response(text, headers={"cache-control": "no-store"}, media_type="text/plain")


def _add_api(router: APIRouter, catalogue: Catalogue, operation: Operation) -> None:
    @router.get("/api/bundles", tags=["catalogue"], summary="All bundles, and the folders that are broken")
    async def bundles() -> schemas.BundleList:
        return schemas.bundle_list(await catalogue.current(), operation.may_show)

    @router.get(
        "/api/bundles/{name:path}",
        tags=["catalogue"],
        summary="One bundle with all its files",
        responses={404: {"model": schemas.Problem, "description": "There is not a bundle of that name"}},
        openapi_extra={"parameters": [_path_parameter("name", "Name of a bundle; may contain `/`.")]},
    )
    async def bundle(request: Request) -> schemas.BundleDetail:
        index = await catalogue.current()
        found = index.bundles.get(request.path_params["name"])
        # A private bundle is answered like one that does not exist.
        if found is None or not operation.may_show(found.name):
            raise HTTPException(404, "no such bundle")
        return schemas.bundle_detail(found)


def _add_files(router: APIRouter, catalogue: Catalogue) -> None:
    address = BUNDLES_AT + "{path:path}"
    responses = _file_responses()
    # A range has a meaning only for GET.
    without_ranges = {status: told for status, told in responses.items() if status not in (206, 416)}
    described: dict[str, Any] = {
        "response_class": Response,
        "tags": ["files"],
        "openapi_extra": {"parameters": [_path_parameter("path", "Name of a bundle, `/`, and a file that it lists.")]},
    }

    # Files are answered by `server.file_app`, so requests that come here are not for files.
    @router.get(address, summary="A file of a bundle, whole or one range of it", responses=responses, **described)
    async def file(request: Request) -> Response:
        return await _made(catalogue, request)

    @router.head(address, summary="Status and headers that GET would answer", responses=without_ranges, **described)
    async def file_head(request: Request) -> Response:
        return await _made(catalogue, request)


async def _made(catalogue: Catalogue, request: Request) -> Response:
    """Answers `NAME/live.mpd`, the manifest that is generated on request; anything else is not found."""
    name, _, asked = request.scope["path"].removeprefix(BUNDLES_AT).rpartition("/")
    bundle = (await catalogue.current()).bundles.get(name)
    if bundle is None or asked != generated_manifests.LIVE or not bundle.presentation.video:
        return pages.not_found()
    # `now` fixes the time, so that an answer can be repeated.
    given = request.query_params.get("now")
    if given is not None and _TIME.fullmatch(given) is None:
        return pages.not_found()
    now_s = Fraction(given) if given else Fraction(time.time_ns(), 10**9)
    # Relative, so that it also works behind a proxy with a prefix; one step up for each part of the path.
    up = name.count("/") + 2 + request.scope.get("neudash.token_steps", 0)
    time_url = None if given else "../" * up + "api/time"
    text = await asyncio.to_thread(generated_manifests.live_manifest, bundle.presentation, now_s, time_url)
    return Response(text, 200, {"cache-control": "no-store"}, "application/dash+xml")


def _path_parameter(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": description,
    }


def _file_responses() -> dict[int | str, dict[str, Any]]:
    def header(description: str) -> dict[str, Any]:
        return {"description": description, "schema": {"type": "string"}}

    tag = {
        "ETag": header("Strong: the SHA-256 of the file"),
        "Cache-Control": header("Seconds for which it may be kept"),
    }
    whole = {**tag, "Accept-Ranges": header("Always `bytes`"), "Content-Length": header("Bytes of the body")}
    slice_of = {**whole, "Content-Range": header("`bytes first-last/size`")}
    content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {
            "description": "The whole file, also if several ranges are requested",
            "headers": whole,
            "content": content,
        },
        206: {"description": "The requested range", "headers": slice_of, "content": content},
        304: {"description": "The client has this version: If-None-Match names its ETag", "headers": tag},
        404: {"description": "No manifest lists such a file", "model": schemas.Problem},
        412: {"description": "If-Match or If-Unmodified-Since names another version", "headers": tag},
        416: {
            "description": "The range begins after the end of the file",
            "headers": {"Content-Range": header("`bytes */size`")},
        },
    }
