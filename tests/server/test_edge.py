"""The edge: what it keeps, hides and survives, tried with a real nginx."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.server.edges import CONFIGURATION, Edge, needs_nginx, running_edge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEGMENT = "/bundles/tiny/video/v180/00001.m4s"

pytestmark = [needs_nginx, pytest.mark.slow]


@pytest.fixture(scope="module")
def edge(tiny_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge for all tests here; the last of them kills the servers."""
    with running_edge(tiny_library, tmp_path_factory.mktemp("edge")) as made:
        yield made


def test_a_hundred_simultaneous_misses_are_one_request_to_a_server(edge: Edge, tiny_library: Path) -> None:
    begin, before = threading.Barrier(100), edge.answered("video")

    def fetch(_: int) -> bytes:
        with httpx.Client() as client:
            begin.wait(30)
            return client.get(edge.url + SEGMENT, timeout=30).content

    with ThreadPoolExecutor(100) as threads:
        bodies = set(threads.map(fetch, range(100)))
    assert bodies == {(tiny_library / SEGMENT.removeprefix("/bundles/")).read_bytes()}
    assert edge.answered("video") - before == 1
    for _ in range(20):
        assert httpx.get(f"{edge.url}{SEGMENT}?CMCD=sid%3D%22x%22%2Cbl%3D100").headers["x-cache"] == "HIT"
    assert edge.answered("video") - before == 1


def test_what_the_edge_keeps_is_what_the_server_says(edge: Edge) -> None:
    direct = httpx.get(edge.origins[0] + SEGMENT)
    for _ in range(2):
        part = httpx.get(edge.url + SEGMENT, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, direct.content[10:20])
        assert httpx.get(edge.url + SEGMENT, headers={"If-None-Match": direct.headers["etag"]}).status_code == 304
    for name in ("etag", "cache-control", "content-type", "access-control-allow-origin"):
        assert httpx.get(edge.url + SEGMENT).headers[name] == direct.headers[name]
    manifest = f"{edge.url}/bundles/tiny/manifest.mpd"
    for accepted, coding in (("gzip", "gzip"), ("identity", None), ("gzip, br", "br"), ("br;q=0, gzip", "gzip")) * 2:
        answer = httpx.get(manifest, headers={"Accept-Encoding": accepted})
        assert answer.headers.get("content-encoding") == coding
        assert answer.text.count("<MPD") == 1


def test_a_refused_spelling_is_not_kept_in_the_place_of_the_file(edge: Edge) -> None:
    assert httpx.get(f"{edge.url}/bundles/tiny%2fmanifest.mpd").status_code == 404
    assert httpx.get(f"{edge.url}/bundles/tiny/manifest.mpd").status_code == 200


def test_what_is_for_operators_stays_inside(edge: Edge) -> None:
    for path in ("/metrics", "/api/metrics", "/api/sessions"):
        assert httpx.get(edge.url + path).status_code == 404


def test_it_speaks_http_2_over_tls(edge: Edge) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", edge.tls_port), timeout=20) as plain,
        context.wrap_socket(plain) as connection,
    ):
        assert connection.selected_alpn_protocol() == "h2"
    answer = httpx.get(edge.tls_url + SEGMENT, verify=False)
    assert (answer.status_code, len(answer.content)) == (200, 5000)


def test_the_configuration_names_what_compose_starts() -> None:
    compose = (CONFIGURATION.parents[2] / "docker-compose.yml").read_text()
    for server in re.findall(r"server (server-\d):8000", CONFIGURATION.read_text()):
        assert f"\n  {server}:\n" in compose


HREFS = [f"{kind}/{n}.m4s" for kind in ("video/v180", "video/v360", "audio/a1") for n in ("00001", "00002")]


def test_a_killed_server_is_not_noticed(edge: Edge) -> None:
    urls = [f"{edge.url}/bundles/{name}/{href}" for name in ("tiny", "shows/pilot") for href in HREFS]
    assert [httpx.get(url).status_code for url in urls[:3]] == [200] * 3
    edge.servers[0].kill()
    assert [httpx.get(url).status_code for url in urls] == [200] * len(urls)
    # With none left, what is kept is still there.
    edge.servers[1].kill()
    assert httpx.get(urls[0]).status_code == 200
    assert httpx.get(f"{edge.url}/api/bundles").status_code == 502
