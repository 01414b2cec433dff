"""Serves a folder over real HTTP, with the answers that a test asks for."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from manifests.names import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Answers one request; is given the bytes of the file asked for."""


@dataclass
class FaultyServer:
    """Serves a folder over real HTTP; `faults` maps the end of a path to how it is answered instead."""

    root: Path
    port: int = 0
    faults: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """Paths asked for, in order."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{MANIFEST}"

    def count(self, ending: str) -> int:
        return sum(path.endswith(ending) for path in self.requests)


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """An ordinary answer; `headers` with `_` for `-`."""
    handler.send_response(status)
    headers.setdefault("Content_Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def failing(status: int, times: int = 10**6) -> Answer:
    """Answers with this status the first `times` times, then with the file."""
    left = [times]

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        left[0] -= 1
        send(handler, b"no" if left[0] >= 0 else body, status if left[0] >= 0 else 200)

    return answer


def silent_for(seconds: float) -> Answer:
    """The file, late."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(seconds)
        send(handler, body)

    return answer


def truncated(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Half of the bytes that Content-Length promises, then the end of the connection."""
    send(handler, body[: len(body) // 2], Content_Length=str(len(body)))
    handler.close_connection = True


def flipped(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """One byte in the middle is another."""
    middle = len(body) // 2
    send(handler, body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])


def bomb(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """64 kB that unpack to 64 MB."""
    send(handler, gzip.compress(bytes(64 << 20), 1), Content_Encoding="gzip")


def trickling(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """A byte now and then: never silent, never done."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for start in range(50):
        handler.wfile.write(body[start : start + 1])
        time.sleep(0.05)
    handler.close_connection = True


@contextlib.contextmanager
def serving(root: Path) -> Iterator[FaultyServer]:
    faulty = FaultyServer(root)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            faulty.requests.append(self.path)
            path = root / self.path.lstrip("/")
            body = path.read_bytes() if path.is_file() else None
            fault = next((answer for ending, answer in faulty.faults.items() if self.path.endswith(ending)), None)
            with contextlib.suppress(ConnectionError):
                if fault is not None:
                    fault(self, body or b"")
                elif body is None:
                    send(self, b"not here", 404)
                else:
                    send(self, body)

        def log_message(self, format: str, *arguments: object) -> None:
            """The tests' output is no place for an access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    faulty.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield faulty
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve() -> Callable[[Path], contextlib.AbstractContextManager[FaultyServer]]:
    """Serves any folder, as a context manager."""
    return serving


@pytest.fixture
def faulty_server(play_bundle: Path) -> Iterator[FaultyServer]:
    """Serves the spoilable bundle."""
    with serving(play_bundle) as server:
        yield server
