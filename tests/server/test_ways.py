"""The ways to an answer are alike: the short one of the protocol, the one before the framework, and uvicorn's own."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest

from manifests.names import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.served_bundles import LiveServer

SEGMENT = "/bundles/tiny/video/v180/00001.m4s"
DOCUMENT = f"/bundles/tiny/{MANIFEST}"
_OF_THE_MOMENT = {"date", "x-request-id", "server-timing", "connection", "server"}

Answered = tuple[int, list[tuple[str, str]], bytes]


@pytest.fixture(scope="module")
def ways(
    tiny_library: Path,
    running_server: Callable[..., AbstractContextManager[LiveServer]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, int]]:
    """Ports of servers of the same bundles, by the way on which they answer."""
    live, root, log = running_server, tiny_library, tmp_path_factory.mktemp("ways") / "log"
    with (
        live(root, None, rescan_s=3600) as short,
        live(root, None, rescan_s=3600, protocol="plain") as plain,
        live(root, log, rescan_s=3600) as logged,
        live(root, None) as looking,
    ):
        yield {"short": short.port, "plain": plain.port, "logged": logged.port, "looking": looking.port}


def asked(port: int, method: str, path: str, headers: dict[str, str]) -> Answered:
    """The second answer to a request: the file is open then."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for _ in range(2):
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        said = sorted((name.lower(), value) for name, value in answer.getheaders())
        return answer.status, [(name, value) for name, value in said if name not in _OF_THE_MOMENT], body
    finally:
        connection.close()


def alike(ways: dict[str, int], method: str, path: str, headers: dict[str, str]) -> Answered:
    answers = {name: asked(port, method, path, headers) for name, port in ways.items()}
    first = answers["plain"]
    assert all(answer == first for answer in answers.values()), answers
    return first


@pytest.mark.parametrize("path", [SEGMENT, DOCUMENT])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Accept-Encoding": "gzip"}, 200),
        ({"If-None-Match": "TAG"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Match": "TAG"}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": '"other"', "If-None-Match": "TAG"}, 412),
        ({"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412),
        ({"If-Unmodified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"}, 200),
        ({"If-Match": "TAG", "If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ({"Range": "bytes=0-9"}, 206),
        ({"Range": "bytes=-99999999"}, 206),
        ({"Range": "bytes=99999999-"}, 416),
        ({"Range": "bytes=5-2"}, 200),
        ({"Range": "bytes=0-0,5-9"}, 200),
        ({"Range": "lines=0-9"}, 200),
        ({"Range": "bytes=0-9", "If-Range": "TAG"}, 206),
        ({"Range": "bytes=0-9", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=0-9", "If-Match": '"other"'}, 412),
    ],
    ids=str,
)
def test_files(ways: dict[str, int], method: str, path: str, headers: dict[str, str], status: int) -> None:
    _, known, whole = alike(ways, "GET", path, {})
    tag = dict(known)["etag"]
    told, said, body = alike(ways, method, path, {name: value.replace("TAG", tag) for name, value in headers.items()})
    # A range is of GET alone (RFC 9110, 14.2).
    assert told == (200 if method == "HEAD" and status in (206, 416) else status)
    if told == 416:
        assert dict(said)["content-range"] == f"bytes */{len(whole)}"
    if told == 206:
        assert dict(said)["content-range"].endswith(f"/{len(whole)}")
    if method == "HEAD" or told in (304, 412, 416):
        assert body == b""


@pytest.mark.parametrize(
    "path",
    [
        SEGMENT,
        DOCUMENT,
        "/bundles/tiny/live.mpd",
        "/bundles/none",
        "/api/bundles",
        "/api/bundles/tiny",
        "/api/time",
        "/healthz",
        "/metrics",
        "/",
        "/openapi.json",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_other_methods_are_answered_with_those_that_there_are(ways: dict[str, int], method: str, path: str) -> None:
    status, said, _ = alike(ways, method, path, {})
    assert (status, dict(said)["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", [SEGMENT, DOCUMENT, "/bundles/tiny/live.mpd", "/api/bundles", "/", "/nothing"])
def test_options_are_told(ways: dict[str, int], path: str) -> None:
    status, said, body = alike(ways, "OPTIONS", path, {"Access-Control-Request-Headers": "range,cmcd-request"})
    assert (status, body, dict(said)["allow"]) == (204, b"", "GET, HEAD, OPTIONS")
