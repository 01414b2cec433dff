"""The edge's own configuration in a real nginx on loopback, before two real servers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = ROOT / "docker" / "edge" / "nginx.conf"

needs_nginx = pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None, reason="nginx or openssl is not installed"
)


@dataclass(frozen=True)
class Edge:
    """nginx, and the servers behind it."""

    url: str
    tls_url: str
    tls_port: int
    servers: list[subprocess.Popen[str]]
    origins: list[str]

    def answered(self, kind: str) -> int:
        """Counts the requests of a kind that the living servers got."""
        return sum(httpx.get(f"{origin}/api/metrics").json()["kinds"][kind]["requests"] for origin in self.origins)


@contextlib.contextmanager
def running_edge(root: Path, folder: Path) -> Iterator[Edge]:
    """Serves the bundles below `root`; `folder` is for what nginx writes."""
    port, tls_port = _free_port(), _free_port()
    tls = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run(
        ["openssl", *tls, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
    )
    with contextlib.ExitStack() as stack:
        servers, origins = [], []
        for _ in range(2):
            command = [sys.executable, "-m", "server", str(root), "--port", "0"]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout
            servers.append(process)
            origins.append(process.stdout.readline().partition("/bundles/")[0])
        text = CONFIGURATION.read_text()
        changes = {
            " /tmp/": f" {folder}/",
            "listen 8080": f"listen 127.0.0.1:{port}",
            "listen 8443": f"listen 127.0.0.1:{tls_port}",
            "/etc/neudash/tls": str(folder),
            "/var/cache/neudash": str(folder / "cache"),
            "worker_processes auto": "daemon off; worker_processes 2",
        }
        changes |= {f"server-{n}:8000": origin.removeprefix("http://") for n, origin in enumerate(origins, 1)}
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        if os.geteuid() == 0:
            text = "user root;\n" + text
        (folder / "nginx.conf").write_text(text)
        nginx = stack.enter_context(subprocess.Popen(["nginx", "-c", folder / "nginx.conf"]))
        stack.callback(lambda: (nginx.send_signal(signal.SIGTERM), nginx.wait(20)))
        edge = Edge(f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}", tls_port, servers, origins)
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            assert nginx.poll() is None
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{edge.url}/healthz")
                break
            time.sleep(0.05)
        yield edge


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
