"""The pages that the server itself has to show, read once: the catalogue and the player."""

from __future__ import annotations

from importlib.resources import files as package_files

from fastapi import APIRouter
from fastapi.responses import Response

from server import delivery, schemas

# The page needs nothing from outside, and says so to the browser.
_PAGE_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
}


def add_pages(router: APIRouter) -> None:
    """The page at `/` and its parts below `/web/`."""
    folder = package_files("server") / "web"
    pages = {name: (folder / name).read_bytes() for name in _PAGE_TYPES}

    def page(name: str) -> Response:
        headers = {"content-security-policy": _PAGE_POLICY, "cache-control": "no-cache"}
        return Response(pages[name], 200, headers, _PAGE_TYPES[name])

    @router.get("/", include_in_schema=False)
    async def index() -> Response:
        return page("index.html")

    @router.get("/web/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        return page(name) if name in pages else not_found()


def not_found() -> Response:
    """404 with a body of JSON, for whatever has no answer."""
    # Short, so that a cache in between notices soon when a trainer has published a model.
    headers = {name.decode(): value.decode() for name, value in delivery.OPEN_TO_ALL}
    body = schemas.Problem(detail="no manifest lists this file").model_dump_json()
    return Response(body, 404, {**headers, "cache-control": delivery.CACHE_SHORT}, "application/json")
