"""Serves the page, built by `web/build.py`: the catalogue with its player."""

from __future__ import annotations

import gzip
from functools import cached_property
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from server import responses, schemas

PAGE_FOLDER = Path(__file__).with_name("page")
"""Folder of the built page: part of a wheel, made by `make page` in a source tree."""

# The page loads nothing from other hosts, and this policy makes the browser enforce it. Media and workers come through
# blobs. WebAssembly is allowed for the network kernel; no text is run as code.
_PAGE_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "connect-src 'self'; worker-src blob:; media-src 'self' blob: data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_PAGE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".wasm": "application/wasm",
}
_CACHE_PAGE = "no-cache"
_HASHED = "assets/"
"""Folder in which names contain hashes of the content."""

NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>neudash</title>
<h1>The page is not built</h1>
<p>In the source tree, <code>make page</code> builds it. Bundles are served without it:
<a href="api/bundles">the catalogue as JSON</a>.</p>
</html>
"""


class _Part:
    """One file of the page, read when it is asked for first."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._headers = {
            "content-security-policy": _PAGE_POLICY,
            "cache-control": responses.CACHE_IMMUTABLE if name.startswith(_HASHED) else _CACHE_PAGE,
            "vary": "accept-encoding",
        }

    def answer(self, accepts_gzip: bool) -> Response:
        """Returns the file, packed if the client accepts gzip."""
        media_type = _PAGE_TYPES[self._path.suffix]
        if accepts_gzip:
            return Response(self._packed, 200, {**self._headers, "content-encoding": "gzip"}, media_type)
        return Response(self._whole, 200, self._headers, media_type)

    @cached_property
    def _whole(self) -> bytes:
        return self._path.read_bytes()

    @cached_property
    def _packed(self) -> bytes:
        return gzip.compress(self._whole, mtime=0)


def add_pages(router: APIRouter, folder: Path = PAGE_FOLDER) -> None:
    """Adds routes for the page at `/` and for each of its files; no other file is reachable."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    parts = {name: _Part(path, name) for name, path in found.items() if path.suffix in _PAGE_TYPES}
    for name, part in parts.items():
        _add_part(router, "/" if name == "index.html" else f"/{name}", part)
    if "index.html" not in parts:

        @router.get("/", include_in_schema=False)
        async def not_built() -> Response:
            return Response(NOT_BUILT, 200, {"content-security-policy": _PAGE_POLICY}, _PAGE_TYPES[".html"])


def _add_part(router: APIRouter, address: str, part: _Part) -> None:
    @router.get(address, include_in_schema=False)
    async def page_part(request: Request) -> Response:
        return part.answer("gzip" in request.headers.get("accept-encoding", ""))


def not_found() -> Response:
    """Returns the answer 404 with a JSON body."""
    body = schemas.Problem(detail="no manifest lists this file").model_dump_json()
    # Kept only for seconds, so that caches notice soon when a trainer publishes a model.
    return Response(body, 404, {"cache-control": responses.CACHE_SHORT}, "application/json")
