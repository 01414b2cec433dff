"""Disks, operators and clients at their worst: never a torn file, never a dead server."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import BundleError
from manifests.files import publish_file
from manifests.mpd.read import read_mpd
from manifests.weights import decode_model
from server import disk
from tests.support.paths import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.served_bundles import LiveServer

pytestmark = pytest.mark.slow

SEGMENT = "video/v360/00001.m4s"
MODEL = GOLDEN / "c8d2-x2-full.ndm"
CANARY = b"canary-7f3a-never-to-be-sent"


def fetched(server: LiveServer, href: str) -> httpx.Response:
    return httpx.get(f"{server.url}/bundles/b/{href}", headers={"Accept-Encoding": "identity"})


@pytest.fixture
def bundle(tmp_path: Path, make_bundle: Callable[..., Path]) -> Path:
    return make_bundle(tmp_path / "root" / "b")


@pytest.mark.parametrize("rescan_s", [0.0, 1000.0])
def test_a_file_cut_short_while_it_is_open_is_another_file(
    bundle: Path, serve_folder: Callable[..., LiveServer], rescan_s: float
) -> None:
    server = serve_folder(bundle.parent, None, rescan_s=rescan_s)
    for href in (SEGMENT, "video/v180/00001.m4s"):
        whole = fetched(server, href)
        with (bundle / href).open("r+b") as file:
            file.truncate(1000)
        after = fetched(server, href)
        # What is small is kept, and is what it was until the next look at the disk.
        is_kept = rescan_s > 0 and href != SEGMENT
        assert (after.status_code, after.content) == (200, whole.content if is_kept else whole.content[:1000])
        assert after.headers["etag"] == f'"{hashlib.sha256(after.content).hexdigest()}"'


def test_a_file_cut_short_in_the_middle_of_an_answer_ends_the_connection(
    bundle: Path, serve_folder: Callable[..., LiveServer]
) -> None:
    with (bundle / SEGMENT).open("r+b") as file:
        file.truncate(64 << 20)
    server = serve_folder(bundle.parent, None, rescan_s=1000.0)
    with httpx.stream("GET", f"{server.url}/bundles/b/{SEGMENT}") as answer:
        blocks = answer.iter_raw(1 << 16)
        next(blocks)
        os.truncate(bundle / SEGMENT, 0)
        with pytest.raises(httpx.RemoteProtocolError):
            list(blocks)
    assert httpx.get(f"{server.url}/healthz").status_code == 200


@pytest.mark.parametrize("protocol", ["direct", "plain"])
def test_what_a_slow_reader_has_not_taken_yet_is_never_another_answer(
    bundle: Path, serve_folder: Callable[..., LiveServer], protocol: str
) -> None:
    hrefs = [f"video/{name}/{number:05d}.m4s" for name in ("v180", "v360") for number in (1, 2)]
    for number, href in enumerate(hrefs):
        (bundle / href).write_bytes(bytes([number]) * 1_000_000)
    server = serve_folder(bundle.parent, None, rescan_s=1000.0, protocol=protocol)
    for href in hrefs:
        fetched(server, href)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", server.port))
        # The system takes a few answers from the server; what it does not take waits in the server.
        for number in range(8):
            reader.sendall(f"GET /bundles/b/{hrefs[number % 4]} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            # An answer to somebody who reads, after each to one who does not.
            assert fetched(server, hrefs[(number + 1) % 4]).content == bytes([(number + 1) % 4]) * 1_000_000
        with reader.makefile("rb") as answers:
            for number in range(8):
                while answers.readline().strip():
                    pass
                assert answers.read(1_000_000) == bytes([number % 4]) * 1_000_000


def test_a_disk_that_fails_is_503_before_the_answer_and_an_end_within_it(
    bundle: Path, serve_folder: Callable[..., LiveServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve_folder(bundle.parent, None, rescan_s=1000.0)
    whole = fetched(server, SEGMENT).content
    read, good_bytes = disk._pread, 0

    def failing(descriptor: int, length: int, start: int) -> bytes:
        if start >= good_bytes:
            raise OSError(errno.EIO, "Input/output error")
        return read(descriptor, length, start)

    # A disk that fails cannot be had without being root; a read that says so can. Nothing lies in memory.
    monkeypatch.setattr(disk, "_NOWAIT", None)
    monkeypatch.setattr(disk, "_pread", failing)
    refused = fetched(server, SEGMENT)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    good_bytes = 1 << 20
    with pytest.raises(httpx.RemoteProtocolError):
        fetched(server, SEGMENT)
    monkeypatch.setattr(disk, "_pread", read)
    assert fetched(server, SEGMENT).content == whole


def test_a_client_sees_the_old_file_or_the_new_one(bundle: Path, serve_folder: Callable[..., LiveServer]) -> None:
    server = serve_folder(bundle.parent, None, rescan_s=0.05)
    versions = [bytes([number]) * 2_000_000 for number in range(8)]
    publish_file(bundle / SEGMENT, versions[0])
    done = threading.Event()

    def publish() -> None:
        for version in versions:
            publish_file(bundle / SEGMENT, version)
            time.sleep(0.1)
        done.set()

    publisher = threading.Thread(target=publish)
    publisher.start()
    seen = set()
    with httpx.Client() as client:
        while not done.is_set():
            body = client.get(f"{server.url}/bundles/b/{SEGMENT}").content
            assert body in versions
            seen.add(body[0])
    publisher.join()
    assert len(seen) > 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no devices here")
@pytest.mark.parametrize("kind", ["folder", "device", "socket"])
def test_what_is_no_plain_file_is_404(bundle: Path, serve_folder: Callable[..., LiveServer], kind: str) -> None:
    place = bundle / SEGMENT
    place.unlink()
    with contextlib.ExitStack() as stack:
        if kind == "folder":
            place.mkdir()
        elif kind == "device":
            with contextlib.suppress(PermissionError):
                os.mknod(place, 0o20666, os.makedev(1, 5))
        else:
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            # The name of a socket may not be long.
            folder = os.open(place.parent, os.O_RDONLY)
            stack.callback(os.close, folder)
            listening.bind(f"/proc/self/fd/{folder}/{place.name}")
        assert fetched(serve_folder(bundle.parent, None), SEGMENT).status_code == 404


def test_an_xml_bomb_in_the_root_is_named_and_skipped(bundle: Path, serve_folder: Callable[..., LiveServer]) -> None:
    bombs = {
        "laughs": b'<!DOCTYPE a [<!ENTITY b "ha">'
        + b"".join(b'<!ENTITY b%d "%s">' % (n, b"&b%d;" % (n - 1) * 10 if n else b"&b;" * 10) for n in range(9))
        + b"]><MPD>&b8;</MPD>",
        "outside": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><MPD>&b;</MPD>',
        "deep": b"<a>" * 100_000,
        "large": b"<MPD>" + b"x" * (20 << 20) + b"</MPD>",
    }
    for name, data in bombs.items():
        (bundle.parent / name).mkdir()
        (bundle.parent / name / "manifest.mpd").write_bytes(data)
    catalogue = httpx.get(f"{serve_folder(bundle.parent, None).url}/api/bundles").json()
    assert [found["name"] for found in catalogue["bundles"]] == ["b"]
    assert {found["name"] for found in catalogue["broken"]} == set(bombs)
    assert "root:" not in str(catalogue)


def test_names_with_control_characters_are_not_served(
    tmp_path: Path, bundle: Path, make_bundle: Callable[..., Path], serve_folder: Callable[..., LiveServer]
) -> None:
    for name in ("new\nline", "tab\tbed", "bell\x07", ".hidden"):
        make_bundle(tmp_path / "root" / name)
    catalogue = httpx.get(f"{serve_folder(tmp_path / 'root', None).url}/api/bundles").json()
    assert [found["name"] for found in catalogue["bundles"]] == ["b"]


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
@pytest.mark.parametrize("protocol", ["direct", "guarded"])
def test_sigterm_under_load_loses_no_answer_that_was_begun(tiny_library: Path, protocol: str) -> None:
    command = [sys.executable, "-m", "server", str(tiny_library), "--port", "0", "--protocol", protocol]
    wanted = (tiny_library / "tiny" / SEGMENT).read_bytes()
    bodies: list[bytes] = []
    # Answers that have begun, and have not ended so far.
    cut: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().partition("/bundles/")[0] + f"/bundles/tiny/{SEGMENT}"

        def fetch() -> None:
            with httpx.Client(timeout=30) as client, contextlib.suppress(httpx.TransportError):
                while True:
                    with client.stream("GET", url) as answer:
                        cut.append(url)
                        bodies.append(answer.read())
                        cut.pop()

        threads = [threading.Thread(target=fetch) for _ in range(8)]
        for thread in threads:
            thread.start()
        until_s = time.monotonic() + 30
        while len(bodies) < 20 and time.monotonic() < until_s:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        for thread in threads:
            thread.join(30)
    assert (process.returncode, cut, set(bodies)) == (0, [], {wanted})
    assert len(bodies) >= 20
    assert errors == ""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals as on POSIX")
def test_a_worker_killed_under_load_costs_its_own_connections_alone(tiny_library: Path) -> None:
    command = [sys.executable, "-m", "server", str(tiny_library), "--port", "0", "--workers", "2"]
    wanted = (tiny_library / "tiny" / SEGMENT).read_bytes()
    whole: list[bool] = []
    # Requests without an answer so far.
    resets: list[str] = []
    done = threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        base = process.stdout.readline().partition("/bundles/")[0]

        def fetch() -> None:
            with httpx.Client(timeout=30) as client:
                while not done.is_set():
                    resets.append(base)
                    with contextlib.suppress(httpx.TransportError):
                        whole.append(client.get(f"{base}/bundles/tiny/{SEGMENT}").content == wanted)
                        resets.pop()

        def worker() -> int:
            return int(httpx.get(f"{base}/api/metrics", timeout=30).json()["process_id"])

        try:
            workers = {worker() for _ in range(20)}
            threads = [threading.Thread(target=fetch) for _ in range(8)]
            for thread in threads:
                thread.start()
            until_s = time.monotonic() + 30
            while len(whole) < 20 and time.monotonic() < until_s:
                time.sleep(0.01)
            killed = workers.pop()
            os.kill(killed, signal.SIGKILL)
            before, until_s = len(whole), time.monotonic() + 30
            while len(whole) < before + 50 and time.monotonic() < until_s:
                time.sleep(0.01)
            served = len(whole) - before
            done.set()
            for thread in threads:
                thread.join(30)
            assert killed not in {worker() for _ in range(5)}
        finally:
            done.set()
            process.terminate()
            assert process.wait(30) == 0
    assert served >= 50
    assert all(whole)
    # Each of the eight loses what it had asked for, and at most its next attempts on a connection to the same end.
    assert len(resets) <= 16


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    target=st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from(
                [b"/", b"..", b"%2e", b"%2f", b"\\", b"bundles", b"tiny", b"~", b"video", b"canary.txt", b"?"]
            ),
            max_size=12,
        ).map(b"".join),
    ),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [b"Range", b"If-Range", b"If-None-Match", b"Accept-Encoding", b"CMCD-Status", b"Connection"]
            ),
            st.binary(max_size=40),
        ),
        max_size=4,
    ),
)
def test_any_request_has_an_answer_or_an_end(
    tiny_server: LiveServer, target: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    lines = b"".join(b"%s: %s\r\n" % header for header in headers)
    with socket.create_connection(("127.0.0.1", tiny_server.port), timeout=20) as connection:
        connection.sendall(b"GET /" + target + b" HTTP/1.1\r\nHost: a\r\n" + lines + b"Connection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(1 << 16):
                said += block
    assert said == b"" or said.startswith(b"HTTP/1.1 ")
    assert not said.startswith(b"HTTP/1.1 5")
    assert CANARY not in said


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_manifest_or_model_is_read_or_refused(tiny_library: Path, data: st.DataObject) -> None:
    for read, whole in (
        (read_mpd, (tiny_library / "tiny/manifest.mpd").read_bytes()),
        (decode_model, MODEL.read_bytes()),
    ):
        damaged = bytearray(whole)
        for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=6)):
            damaged[place] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(whole)))
        for broken in (bytes(damaged), bytes(damaged[:cut])):
            with contextlib.suppress(BundleError):
                read(broken)


def test_schemathesis_finds_nothing(tiny_server: LiveServer) -> None:
    schema = schemathesis.openapi.from_url(f"{tiny_server.url}/openapi.json")
    assert len(list(schema.get_all_operations())) >= 6
    for operation in schema.get_all_operations():
        check_operation(operation.ok(), tiny_server.url)


def check_operation(operation: object, base_url: str) -> None:
    @settings(max_examples=8, deadline=None)
    @given(case=operation.as_strategy())  # type: ignore[attr-defined]
    def answered(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=base_url)

    answered()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk, as Linux has it")
def test_a_log_that_cannot_be_written_costs_the_log_alone(
    tiny_library: Path, serve_folder: Callable[..., LiveServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve_folder(tiny_library, Path("/dev/full"))
    wanted = (tiny_library / "tiny" / SEGMENT).read_bytes()
    for _ in range(3):
        assert httpx.get(f"{server.url}/bundles/tiny/{SEGMENT}").content == wanted
        assert httpx.get(f"{server.url}/healthz").status_code == 200
    assert [r.message for r in caplog.records if "cannot be written" in r.message] == [
        "/dev/full cannot be written, so answers are not logged: No space left on device"
    ]


@pytest.mark.skipif(os.name != "posix", reason="names are bytes as on POSIX")
def test_a_folder_whose_name_is_no_text_is_reported(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[..., LiveServer]
) -> None:
    make_bundle(tmp_path / "root" / "b")
    try:
        shutil.copytree(tmp_path / "root" / "b", tmp_path / "root" / os.fsdecode(b"caf\xe9"))
    except OSError:
        pytest.skip("this file system takes no such names")
    found = httpx.get(f"{serve_folder(tmp_path / 'root', None).url}/api/bundles").json()
    assert [bundle["name"] for bundle in found["bundles"]] == ["b"]
    assert found["broken"] == [{"name": "caf?", "problem": "its name is not in UTF-8; rename the folder"}]
