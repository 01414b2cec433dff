"""The addresses behind the files: health, counters, the catalogue as JSON, the live view of a bundle."""

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
    """What the addresses for operators tell, and what decides who may see what."""

    counters: Counters
    reports: Reports
    snapshots: Snapshots
    gate: Gate | None = None

    def may_show(self, bundle: str) -> bool:
        """Whether the catalogue may name a bundle."""
        return self.gate is None or not self.gate.is_private(bundle)


def make_router(catalogue: Catalogue, operation: Operation) -> APIRouter:
    """All routes, over one catalogue and one set of counters."""
    router = APIRouter()
    _add_operation(router, catalogue, operation)
    _add_api(router, catalogue, operation)
    _add_files(router, catalogue)
    pages.add_pages(router)
    return router


def _add_operation(router: APIRouter, catalogue: Catalogue, operation: Operation) -> None:
    @router.get("/healthz", tags=["operation"], summary="Is the server up?")
    async def health() -> schemas.Health:
        return schemas.Health(status="ok", bundles=len(catalogue.index.bundles))

    @router.get(
        "/readyz",
        tags=["operation"],
        summary="Should requests be sent here?",
        responses={503: {"model": schemas.Problem, "description": "The folder of bundles cannot be read"}},
    )
    async def ready() -> schemas.Health:
        if not await asyncio.to_thread(os.access, catalogue.root, os.R_OK | os.X_OK):
            raise HTTPException(503, "the folder of bundles cannot be read")
        return schemas.Health(status="ready", bundles=len(catalogue.index.bundles))

    @router.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        operation.reports.digest()
        text = await asyncio.to_thread(operation.snapshots.exposition, operation.may_show)
        return Response(text, headers={"cache-control": "no-store"}, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    @router.get("/api/metrics", tags=["operation"], summary="Requests and bytes by kind of file")
    async def metrics() -> schemas.Metrics:
        return schemas.metrics(operation.counters, os.getpid())

    @router.get("/api/sessions", tags=["operation"], summary="What players told last, by playback (CMCD)")
    async def sessions() -> schemas.Sessions:
        operation.reports.digest()
        return schemas.sessions(operation.reports, os.getpid())

    @router.get("/api/time", include_in_schema=False)
    async def now() -> Response:
        text = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return Response(text, headers={"cache-control": "no-store"}, media_type="text/plain")


def _add_api(router: APIRouter, catalogue: Catalogue, operation: Operation) -> None:
    @router.get("/api/bundles", tags=["catalogue"], summary="Every bundle, and the folders that are broken")
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
        if found is None or not operation.may_show(found.name):
            raise HTTPException(404, "no such bundle")
        return schemas.bundle_detail(found)


def _add_files(router: APIRouter, catalogue: Catalogue) -> None:
    address = BUNDLES_AT + "{path:path}"
    responses = _file_responses()
    # A range means something for GET alone.
    without_ranges = {status: told for status, told in responses.items() if status not in (206, 416)}
    described: dict[str, Any] = {
        "response_class": Response,
        "tags": ["files"],
        "openapi_extra": {"parameters": [_path_parameter("path", "Name of a bundle, `/`, and a file that it lists.")]},
    }

    # Files themselves are answered by `server.file_app`; what comes here is none.
    @router.get(address, summary="A file of a bundle, whole or one range of it", responses=responses, **described)
    async def file(request: Request) -> Response:
        return await _made(catalogue, request)

    @router.head(address, summary="What GET would answer, without the bytes", responses=without_ranges, **described)
    async def file_head(request: Request) -> Response:
        return await _made(catalogue, request)


async def _made(catalogue: Catalogue, request: Request) -> Response:
    """A manifest that is made when it is asked for: `NAME/live.mpd`."""
    name, _, asked = request.scope["path"].removeprefix(BUNDLES_AT).rpartition("/")
    bundle = (await catalogue.current()).bundles.get(name)
    if bundle is None or asked != generated_manifests.LIVE or not bundle.presentation.video:
        return pages.not_found()
    given = request.query_params.get("now")
    if given is not None and _TIME.fullmatch(given) is None:
        return pages.not_found()
    now_s = Fraction(given) if given else Fraction(time.time_ns(), 10**9)
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
        "Cache-Control": header("How long it may be kept"),
    }
    whole = {**tag, "Accept-Ranges": header("Always `bytes`"), "Content-Length": header("Bytes of the body")}
    slice_of = {**whole, "Content-Range": header("`bytes first-last/size`")}
    content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {
            "description": "The whole file; also where several ranges are asked for",
            "headers": whole,
            "content": content,
        },
        206: {"description": "The one range that was asked for", "headers": slice_of, "content": content},
        304: {"description": "The client has it: If-None-Match names its ETag", "headers": tag},
        404: {"description": "No manifest lists such a file", "model": schemas.Problem},
        412: {"description": "If-Match or If-Unmodified-Since asks for another version", "headers": tag},
        416: {
            "description": "The range lies behind the end",
            "headers": {"Content-Range": header("`bytes */size`")},
        },
    }
