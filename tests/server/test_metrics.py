"""Counters and the access log, which tell line by line what a client fetched."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.served_bundles import LiveServer


@pytest.fixture
def counted(tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]) -> LiveServer:
    """A server that was asked for nothing so far."""
    make_bundle(tmp_path / "root" / "b")
    return serve_folder(tmp_path / "root")


def test_bytes_are_counted_by_kind(counted: LiveServer) -> None:
    at, unpacked = f"{counted.url}/bundles/b/", {"Accept-Encoding": "identity"}
    fetched = {
        "video": [httpx.get(at + "video/v180/00001.m4s"), httpx.get(at + "video/v180/init.mp4")],
        "audio": [httpx.get(at + "audio/a1/00001.m4s", headers={"Range": "bytes=0-99"})],
        "manifest": [httpx.get(at + name, headers=unpacked) for name in ("manifest.mpd", "master.m3u8")],
        "other": [httpx.get(at + "poster.jpg")],
        "model": [httpx.get(f"{counted.url}/bundles/b/models/{next((counted.root / 'b/models').iterdir()).name}")],
    }
    httpx.head(at + "video/v360/00001.m4s")
    kinds = httpx.get(f"{counted.url}/api/metrics").json()["kinds"]
    for kind, answers in fetched.items():
        assert kinds[kind]["bytes"] == sum(len(answer.content) for answer in answers)
        assert kinds[kind]["requests"] == len(answers) + (kind == "video")


def test_packed_bytes_are_counted_as_they_are_sent(counted: LiveServer) -> None:
    answer = httpx.get(f"{counted.url}/bundles/b/manifest.mpd")
    kinds = httpx.get(f"{counted.url}/api/metrics").json()["kinds"]
    assert kinds["manifest"]["bytes"] == int(answer.headers["content-length"]) < len(answer.content)


def test_the_log_has_a_line_for_every_answer(counted: LiveServer) -> None:
    at = f"{counted.url}/bundles/b/"
    httpx.get(at + "audio/a1/00001.m4s", headers={"Range": "bytes=0-99"})
    httpx.head(at + "manifest.mpd")
    httpx.get(at + "no%0Asuch%22file")
    httpx.get(at + "manifest.mpd?CMCD=sid%3D%22a%0D%0A%7B%22status%22%3A1%7D%22", headers={b"CMCD-Status": b"x=\x85y"})
    lines = counted.log_records()
    assert [line["status"] for line in lines] == [206, 200, 404, 200]
    assert [(line["method"], line["path"], line["status"], line["bytes"], line["kind"]) for line in lines[:2]] == [
        ("GET", "/bundles/b/audio/a1/00001.m4s", 206, 100, "audio"),
        ("HEAD", "/bundles/b/manifest.mpd", 200, 0, "manifest"),
    ]
    assert lines[0]["range"] == "bytes=0-99"
    assert (lines[2]["path"], lines[2]["status"], lines[2]["kind"]) == ('/bundles/b/no\nsuch"file', 404, "page")


def test_a_client_that_leaves_in_the_middle_is_not_sent_the_rest(counted: LiveServer) -> None:
    """64 MiB are asked for and hardly any of them read; the rest is neither read from disk nor counted as sent."""
    segment = counted.root / "b/video/v360/00001.m4s"
    with segment.open("r+b") as file:
        file.truncate(64 << 20)
    with socket.create_connection(("127.0.0.1", counted.port), timeout=20) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /bundles/b/video/v360/00001.m4s HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    deadline_s = time.monotonic() + 20
    while not counted.log_records() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert counted.log_records()[0]["status"] == 200
    assert int(str(counted.log_records()[0]["bytes"])) < 32 << 20
    assert httpx.get(f"{counted.url}/healthz").json() == {"status": "ok", "bundles": 1}
