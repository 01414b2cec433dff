"""The addresses of the server: health, the catalogue as JSON and as a page, counters, files of bundles."""

from __future__ import annotations

import logging
import os
from typing import Any

from aiofiles.threadpool.binary import AsyncFileIO
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from server import delivery, pages, schemas, storage
from server.catalogue import BUNDLES_AT, Catalogue, ServedFile
from server.metrics import Counters

logger = logging.getLogger("server")

# Many clients and proxies read an encoded separator as a separator; here it is part of no name.
_ENCODED_SEPARATORS = (b"%2f", b"%5c", b"%00")


class FileAnswer(Response):
    """One listed file, or the part of it that was asked for."""

    def __init__(self, catalogue: Catalogue, file: ServedFile, request: Request) -> None:
        super().__init__()
        self._catalogue = catalogue
        self._file = file
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Opens, decides, sends. It is one file throughout, even if it is replaced on disk meanwhile."""
        try:
            opened = await storage.open_inside(self._file.root, self._file.href)
        except OSError as error:
            await self._refuse(error)(scope, receive, send)
            return
        try:
            facts, packed = await self._catalogue.content(self._file, opened)
        except OSError as error:
            await self._refuse(error)(scope, receive, send)
        else:
            answer = delivery.answer_for(facts, scope["method"], self._request.headers)
            await self._send(opened, answer, packed, scope["method"], receive, send)
        finally:
            await opened.close()

    def _refuse(self, error: OSError) -> Response:
        logger.warning("%s is listed but cannot be served: %s", self._file.url_path, error.strerror or error)
        return pages.not_found()

    async def _send(
        self,
        opened: AsyncFileIO,
        answer: delivery.Answer,
        packed: bytes | None,
        method: str,
        receive: Receive,
        send: Send,
    ) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
        if method == "HEAD" or answer.length == 0:
            await send({"type": "http.response.body", "body": b""})
        elif answer.packed:
            await send({"type": "http.response.body", "body": packed})
        else:
            await storage.send_slice(opened, answer, receive, send)


def make_router(catalogue: Catalogue, counters: Counters) -> APIRouter:
    """All routes, over one catalogue and one set of counters."""
    router = APIRouter()
    _add_api(router, catalogue, counters)
    _add_files(router, catalogue)
    pages.add_pages(router)
    return router


def _add_api(router: APIRouter, catalogue: Catalogue, counters: Counters) -> None:
    @router.get("/healthz", tags=["operation"], summary="Is the server up?")
    async def health() -> schemas.Health:
        return schemas.Health(status="ok", bundles=len(catalogue.index.bundles))

    @router.get("/api/metrics", tags=["operation"], summary="Requests and bytes by kind of file")
    async def metrics() -> schemas.Metrics:
        return schemas.metrics(counters, os.getpid())

    @router.get("/api/bundles", tags=["catalogue"], summary="Every bundle, and the folders that are broken")
    async def bundles() -> schemas.BundleList:
        return schemas.bundle_list(await catalogue.current())

    @router.get(
        "/api/bundles/{name:path}",
        tags=["catalogue"],
        summary="One bundle with all its files",
        responses={404: {"model": schemas.Problem, "description": "There is no bundle of that name"}},
        openapi_extra={"parameters": [_path_parameter("name", "Name of a bundle; may contain `/`.")]},
    )
    async def bundle(request: Request) -> schemas.BundleDetail:
        index = await catalogue.current()
        found = index.bundles.get(request.path_params["name"])
        if found is None:
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

    @router.get(address, summary="A file of a bundle, whole or one range of it", responses=responses, **described)
    async def file(request: Request) -> Response:
        return await _file_answer(catalogue, request)

    @router.head(address, summary="What GET would answer, without the bytes", responses=without_ranges, **described)
    async def file_head(request: Request) -> Response:
        return await _file_answer(catalogue, request)


async def _file_answer(catalogue: Catalogue, request: Request) -> Response:
    raw = request.scope.get("raw_path", b"").lower()
    index = await catalogue.current()
    found = index.files.get(request.scope["path"])
    if found is None or any(encoded in raw for encoded in _ENCODED_SEPARATORS):
        return pages.not_found()
    return FileAnswer(catalogue, found, request)


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
        416: {
            "description": "The range lies behind the end",
            "headers": {"Content-Range": header("`bytes */size`")},
        },
    }
