"""The edge's own configuration in a real nginx on loopback, before two real servers."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

CONFIGURATION = Path(__file__).parents[2] / "docker" / "edge" / "nginx.conf"
SEGMENT = "/bundles/tiny/video/v180/00001.m4s"

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None, reason="nginx or openssl is not installed"
)


@dataclass(frozen=True)
class Edge:
    """nginx, and the servers behind it."""

    url: str
    tls_port: int
    servers: list[subprocess.Popen[str]]
    origins: list[str]

    def answered(self, kind: str) -> int:
        """What the servers that live were asked for of a kind."""
        return sum(httpx.get(f"{origin}/api/metrics").json()["kinds"][kind]["requests"] for origin in self.origins)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def edge(tiny_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """For all tests here; the last of them kills the servers."""
    tmp_path = tmp_path_factory.mktemp("edge")
    port, tls_port = free_port(), free_port()
    tls = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run(
        ["openssl", *tls, "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True,
        capture_output=True,
    )
    with contextlib.ExitStack() as stack:
        servers, origins = [], []
        for _ in range(2):
            command = [sys.executable, "-m", "server", str(tiny_library), "--port", "0"]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout
            servers.append(process)
            origins.append(process.stdout.readline().partition("/bundles/")[0])
        text = CONFIGURATION.read_text()
        changes = {
            " /tmp/": f" {tmp_path}/",
            "listen 8080": f"listen 127.0.0.1:{port}",
            "listen 8443": f"listen 127.0.0.1:{tls_port}",
            "/etc/neudash/tls": str(tmp_path),
            "/var/cache/neudash": str(tmp_path / "cache"),
            "worker_processes auto": "daemon off; worker_processes 2",
        }
        changes |= {f"server-{n}:8000": origin.removeprefix("http://") for n, origin in enumerate(origins, 1)}
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        if os.geteuid() == 0:
            text = "user root;\n" + text
        (tmp_path / "nginx.conf").write_text(text)
        nginx = stack.enter_context(subprocess.Popen(["nginx", "-c", tmp_path / "nginx.conf"]))
        stack.callback(lambda: (nginx.send_signal(signal.SIGTERM), nginx.wait(20)))
        made = Edge(f"http://127.0.0.1:{port}", tls_port, servers, origins)
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            assert nginx.poll() is None
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{made.url}/healthz")
                break
            time.sleep(0.05)
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
    answer = httpx.get(f"https://127.0.0.1:{edge.tls_port}{SEGMENT}", verify=False)
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
