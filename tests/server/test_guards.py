"""Clients that mean no good, on raw sockets: each is turned away in time, and the others do not notice."""

from __future__ import annotations

import contextlib
import re
import select
import shutil
import socket
import struct
import subprocess
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn.protocols.http.httptools_impl

from server.cli import _protocol
from server.protocol import GuardedProtocol
from server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.served_bundles import LiveServer

pytestmark = pytest.mark.slow

SEGMENT = b"/bundles/b/video/v180/00001.m4s"
LARGE = b"/bundles/b/video/v360/00001.m4s"
GET = b"GET " + SEGMENT + b" HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
DEADLINE_S = 1
# A sweep comes once a second, on a machine that may be busy.
PATIENCE_S = 15
IDLE = 2000


LIMITS = {"head_s": DEADLINE_S, "stalled_s": DEADLINE_S, "rescan_s": 1000.0}


@pytest.fixture
def strict(tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[..., LiveServer]) -> LiveServer:
    """A server with short deadlines."""
    make_bundle(tmp_path / "root" / "b")
    return serve_folder(tmp_path / "root", None, **LIMITS)


@pytest.fixture(params=["direct", "guarded"])
def either(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_bundle: Callable[..., Path],
    serve_folder: Callable[..., LiveServer],
) -> LiveServer:
    """The same by each of our protocols."""
    make_bundle(tmp_path / "root" / "b")
    return serve_folder(tmp_path / "root", None, protocol=request.param, **LIMITS)


@contextlib.contextmanager
def connected(server: LiveServer, **options: int) -> Iterator[socket.socket]:
    with socket.socket() as connection:
        if "receive_bytes" in options:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_bytes"])
        connection.settimeout(PATIENCE_S)
        connection.connect(("127.0.0.1", server.port))
        yield connection


def rest(connection: socket.socket) -> bytes:
    """Everything until the server closes; it must before the patience ends."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while block := connection.recv(1 << 16):
            said += block
    return said


def refused(server: LiveServer) -> dict[str, float]:
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    found = [line.split('"', 2)[1:] for line in lines if line.startswith("neudash_refused_total{")]
    return {reason: float(value.strip("} ")) for reason, value in found}


def test_many_requests_in_one_piece_are_answered_in_order(either: LiveServer) -> None:
    ranged = GET.replace(b"\r\n\r\n", b"\r\nRange: bytes=0-9\r\n\r\n")
    page = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    with connected(either) as connection:
        connection.sendall(GET + ranged + page + GET + LAST)
        said = rest(connection)
    statuses = [part.split(b"\r\n", 1)[0] for part in said.split(b"HTTP/1.1 ")[1:]]
    assert [status[:3] for status in statuses] == [b"200", b"206", b"200", b"200", b"200"]
    body = (either.root / "b/video/v180/00001.m4s").read_bytes()
    assert said.endswith(body)
    assert said.count(body) == 3


def test_a_request_in_small_pieces_is_answered(either: LiveServer) -> None:
    with connected(either) as connection:
        for place in range(0, len(LAST), 7):
            connection.sendall(LAST[place : place + 7])
            time.sleep(0.002)
        assert rest(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("begun", [b"", b"GET " + SEGMENT + b" HT", GET[:-2]], ids=["silent", "line", "head"])
def test_who_says_no_whole_request_is_closed_at_the_deadline(strict: LiveServer, begun: bytes) -> None:
    with connected(strict) as connection:
        connection.sendall(begun)
        said = rest(connection)
    assert said == b"" or said.startswith(b"HTTP/1.1 408")
    assert refused(strict)["request too slow"] == 1


def test_who_trickles_headers_is_closed_at_the_deadline(strict: LiveServer) -> None:
    with connected(strict) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(GET[:-2])
        began_s = time.monotonic()
        while time.monotonic() - began_s < PATIENCE_S:
            connection.sendall(b"x-a: b\r\n")
            time.sleep(0.2)
    assert refused(strict)["request too slow"] == 1


def test_who_trickles_a_body_is_closed_at_the_deadline(strict: LiveServer) -> None:
    with connected(strict) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
        assert rest(connection).startswith(b"HTTP/1.1 405")
    assert refused(strict)["request too slow"] == 1


def test_a_body_is_never_taken_for_a_request(either: LiveServer) -> None:
    """A proxy in front would take the answer for that of another client's request."""
    body = GET
    with connected(either) as connection:
        connection.sendall(b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 405")
        connection.sendall(body)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        said = rest(connection)
    assert said.count(b"HTTP/1.1 ") == 1
    # The rest of the first answer may come after its head.
    assert said.partition(b"HTTP/1.1 ")[2].startswith(b"200")
    assert b'"ok"' in said


@pytest.mark.parametrize(
    "head",
    [
        GET[:-2] + b"x: " + b"y" * (24 << 20) + b"\r\n\r\n",
        GET[:-2] + b"x: y\r\n" * 100_000 + b"\r\n",
        b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["24 MB", "100 000 headers", "64 kB URL"],
)
def test_a_head_beyond_all_bounds_is_cut(strict: LiveServer, head: bytes) -> None:
    with connected(strict) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head)
        assert rest(connection)[:12] in (b"", b"HTTP/1.1 431", b"HTTP/1.1 400")
    assert refused(strict)["request too large"] == 1
    assert httpx.get(f"{strict.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    "more",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nx: a\x00b\r\n",
        b" folded: line\r\n",
        b"na me: x\r\n",
        b"no colon\r\n",
        b"x: a\x00b\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n",
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(either: LiveServer, more: bytes) -> None:
    with connected(either) as connection:
        connection.sendall(GET[:-2] + more + b"\r\n")
        assert rest(connection)[:12] in (b"HTTP/1.1 400", b"")


def test_a_flood_of_preflights_is_answered_one_by_one(either: LiveServer) -> None:
    preflight = b"OPTIONS " + SEGMENT + b" HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n\r\n"
    with connected(either) as connection:
        connection.sendall(preflight * 500 + LAST)
        said = rest(connection)
    assert said.count(b"HTTP/1.1 204") == 500
    assert said.count(b"HTTP/1.1 200") == 1
    # Who asks is never repeated to anybody: a cache gives the answer to others too.
    assert b"evil" not in said


def test_a_reader_that_stops_is_closed_and_others_are_served(strict: LiveServer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connected(strict, receive_bytes=4096))
            connection.sendall(b"GET " + LARGE + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        with httpx.Client(base_url=strict.url) as client:
            deadline_s = time.monotonic() + PATIENCE_S
            while refused(strict).get("reader stalled", 0) < 20 and time.monotonic() < deadline_s:
                assert len(client.get(SEGMENT.decode()).content) == 5000
        assert refused(strict)["reader stalled"] == 20


def test_a_reader_that_stops_hears_of_its_end_and_leaves_no_error_behind(
    either: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is kept for it in the kernel either, and requests that wait behind another are not answered to nobody."""
    with connected(either, receive_bytes=4096) as connection:
        connection.sendall((b"GET " + LARGE + b" HTTP/1.1\r\nHost: a\r\n\r\n") * 8)
        ended = select.poll()
        ended.register(connection, select.POLLRDHUP)
        assert ended.poll(PATIENCE_S * 1000), "it was never told"
    assert refused(either)["reader stalled"] == 1
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_who_leaves_before_all_is_answered_leaves_no_error_behind(
    either: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(either, receive_bytes=4096) as connection:
        connection.sendall((b"GET " + LARGE + b" HTTP/1.1\r\nHost: a\r\n\r\n") * 8)
        connection.recv(1000)
        reset = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    deadline_s = time.monotonic() + PATIENCE_S
    while httpx.get(f"{either.url}/metrics").text.count("neudash_connections 1.0") == 0:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_where_too_much_waits_for_readers_the_slowest_are_cut(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[..., LiveServer]
) -> None:
    make_bundle(tmp_path / "root" / "b")
    server = serve_folder(tmp_path / "root", None, waiting_mb=1, rescan_s=1000.0)
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            connection = stack.enter_context(connected(server, receive_bytes=4096))
            connection.sendall(b"GET " + LARGE + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        deadline_s = time.monotonic() + PATIENCE_S
        while not refused(server).get("too much waits") and time.monotonic() < deadline_s:
            time.sleep(0.1)
    assert refused(server)["too much waits"] > 0


@pytest.fixture
def thousands_of_descriptors() -> None:
    """Both ends of two thousand connections are in this process."""
    resource = pytest.importorskip("resource", reason="no bound on descriptors here")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * IDLE
    if 0 <= hard < wanted:
        pytest.skip(f"this system allows {hard} descriptors")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.mark.usefixtures("thousands_of_descriptors")
def test_two_thousand_idle_connections_keep_nobody_out_and_end(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[..., LiveServer]
) -> None:
    make_bundle(tmp_path / "root" / "b")
    server = serve_folder(tmp_path / "root", None, head_s=3, rescan_s=1000.0)
    with contextlib.ExitStack() as stack, httpx.Client(base_url=server.url) as client:
        silent = [stack.enter_context(connected(server)) for _ in range(IDLE)]
        assert len(client.get(SEGMENT.decode(), timeout=PATIENCE_S).content) == 5000
        assert all(rest(connection)[:12] in (b"", b"HTTP/1.1 408") for connection in silent)
        assert len(client.get(SEGMENT.decode(), timeout=PATIENCE_S).content) == 5000
    assert refused(server)["request too slow"] == IDLE


@pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="slowhttptest is not installed")
def test_slowhttptest_takes_nothing_away(strict: LiveServer) -> None:
    segment, large = strict.url + SEGMENT.decode(), strict.url + LARGE.decode()
    attacks = {
        "slow headers": ["-H", "-u", segment],
        "slow bodies": ["-B", "-u", segment],
        "ranges": ["-R", "-u", segment],
        "slow readers": ["-X", "-u", large, "-w", "256", "-y", "512", "-n", "1", "-z", "32"],
    }
    common = ["slowhttptest", "-c", "500", "-r", "500", "-i", "1", "-l", "5", "-p", "5"]
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(
                subprocess.Popen([*common, *attack], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            )
            for name, attack in attacks.items()
        }
        with httpx.Client(base_url=strict.url, timeout=PATIENCE_S) as client:
            while any(process.poll() is None for process in running.values()):
                assert len(client.get(SEGMENT.decode()).content) == 5000
                time.sleep(0.05)
        said = {name: process.communicate()[0] for name, process in running.items()}
    for name, text in said.items():
        available = re.findall(r"service available:\s*(\w+)", re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text))
        assert available, name
        assert set(available) == {"YES"}, name
    assert refused(strict)["request too slow"] > 0
    assert refused(strict)["reader stalled"] > 0


def test_the_direct_answer_and_the_applications_are_the_same(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[..., LiveServer]
) -> None:
    make_bundle(tmp_path / "root" / "b")
    told = []
    for protocol in ("direct", "guarded", "plain"):
        server = serve_folder(tmp_path / "root", None, protocol=protocol, rescan_s=1000.0)
        answers = []
        for href in ("manifest.mpd", "video/v180/00001.m4s", "poster.jpg"):
            for coding in ("identity", "gzip", "br"):
                with httpx.Client(base_url=server.url, headers={"Accept-Encoding": coding}) as client:
                    # The first opens the file.
                    client.get(f"/bundles/b/{href}")
                    with client.stream("GET", f"/bundles/b/{href}") as answer:
                        body = b"".join(answer.iter_raw())
                headers = {
                    name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")
                }
                answers.append((answer.status_code, headers, body))
        told.append(answers)
    assert told[0] == told[1] == told[2]


def test_a_uvicorn_that_has_changed_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ServerSettings(tmp_path)
    assert _protocol(settings) is GuardedProtocol
    base = uvicorn.protocols.http.httptools_impl.HttpToolsProtocol
    monkeypatch.delattr(base, "on_headers_complete")
    assert _protocol(settings) == "auto"
    assert "put a proxy in front" in caplog.text


def test_line_ends_without_a_request_do_not_hold_a_connection(either: LiveServer) -> None:
    with connected(either) as connection:
        connection.sendall(GET)
        connection.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while connection.recv(1 << 16):
                pass
        connection.settimeout(PATIENCE_S)
        connection.sendall(b"\r\n")
        rest(connection)
    with connected(either) as connection:  # those before a request are part of nothing (RFC 9112, 2.2)
        connection.sendall(GET + b"\r\n" + LAST)
        assert rest(connection).count(b"HTTP/1.1 200 OK") == 2
