"""Bundles whose media are arbitrary bytes (a server never looks into them), and the real server on a socket."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support.served_bundles import CANARY, LiveServer, live, write_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def tiny_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ROOT with bundles `tiny` and `shows/pilot`, and canaries where they may never leak. Not to be changed."""
    root = tmp_path_factory.mktemp("library")
    write_bundle(root / "tiny")
    write_bundle(root / "shows" / "pilot", title="<b>Pilot & co</b>")
    (root / "canary.txt").write_bytes(CANARY)
    (root / "tiny" / ".secret").write_bytes(CANARY)
    (root / "tiny" / "video" / "v180" / ".00001.m4s.tmp").write_bytes(CANARY)
    (root / "tiny" / "video" / "v180" / "00009.m4s").write_bytes(CANARY)
    return root


@pytest.fixture(scope="session")
def tiny_server(tiny_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The server over `tiny_library`."""
    with live(tiny_library, tmp_path_factory.mktemp("log") / "access.jsonl") as server:
        yield server


@pytest.fixture(scope="session")
def running_server() -> Callable[..., contextlib.AbstractContextManager[LiveServer]]:
    """`live(root, access_log, **settings)`, for servers that several tests share."""
    return live


@pytest.fixture
def serve_folder(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """A function that starts a server over a folder that the test may change; further settings by name."""
    with contextlib.ExitStack() as stack:
        yield lambda root, access_log=tmp_path / "access.jsonl", **more: stack.enter_context(
            live(root, access_log, **more)
        )


@pytest.fixture
def make_bundle() -> Callable[..., Path]:
    """`write_bundle(root, title=...)`, for tests that change what they serve."""
    return write_bundle
