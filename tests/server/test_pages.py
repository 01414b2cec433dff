"""The page as it was built, its parts alone, and what is said where it was not built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from server.pages import add_pages

if TYPE_CHECKING:
    from pathlib import Path

PARTS = {"index.html": b"<!doctype html>", "assets/part-1a2b.js": b"export {};" * 99, "secret.txt": b"canary"}


def site(folder: Path) -> httpx.AsyncClient:
    app, router = FastAPI(), APIRouter()
    add_pages(router, folder)
    app.include_router(router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for name, data in PARTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_parts_have_their_types_and_lives(built: Path) -> None:
    async with site(built) as client:
        page, part = await client.get("/"), await client.get("/assets/part-1a2b.js")
        assert (page.content, page.headers["cache-control"]) == (PARTS["index.html"], "no-cache")
        assert part.content == PARTS["assets/part-1a2b.js"]
        assert part.headers["content-type"].startswith("text/javascript")
        assert "immutable" in part.headers["cache-control"]


@pytest.mark.anyio
async def test_it_is_packed_for_whoever_takes_it(built: Path) -> None:
    async with site(built) as client:
        packed = await client.get("/assets/part-1a2b.js", headers={"accept-encoding": "gzip"})
        whole = await client.get("/assets/part-1a2b.js", headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < int(whole.headers["content-length"]) / 4
        assert packed.content == whole.content


@pytest.mark.anyio
async def test_nothing_else_in_the_folder_is_reachable(built: Path) -> None:
    async with site(built) as client:
        for path in ("/secret.txt", "/assets", "/assets/", "/assets/../secret.txt", "/index.html/"):
            assert (await client.get(path)).status_code == 404


@pytest.mark.anyio
async def test_without_a_build_it_says_what_to_run(tmp_path: Path) -> None:
    async with site(tmp_path / "none") as client:
        page = await client.get("/")
        assert "make page" in page.text
        assert "api/bundles" in page.text
