"""Files over HTTP from a server that errs, and from a folder: what comes is whole and checked, or a FetchError."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import random
import socket
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from player.errors import FetchError, UnplayableError
from player.fetching.transport import (
    Download,
    Expected,
    HttpTransport,
    LocalTransport,
    Patience,
    Transport,
    open_transport,
    origin,
)
from tests.support.faulty_server import FaultyServer, failing, flipped, send, silent_for, trickling, truncated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

QUICK = Patience(attempts=3, deadline_s=2.0, backoff_s=0.01)
BODY = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "manifest.mpd").write_bytes(b"<MPD/>")
    (tmp_path / "a.bin").write_bytes(BODY)
    return tmp_path


@pytest.fixture
def server(folder: Path, serve: Callable[[Path], Any]) -> Iterator[Any]:
    with serve(folder) as running:
        yield running


def fetched(fetcher: Transport, url: str, expected: Expected) -> Download:
    async def get() -> Download:
        try:
            return await fetcher.get(url, expected)
        finally:
            await fetcher.close()

    return asyncio.run(get())


def get(server: FaultyServer, name: str = "a.bin", max_bytes: int = 10**6, **known: Any) -> tuple[Download, Transport]:
    fetcher = HttpTransport(server.url, QUICK)
    return fetched(fetcher, server.url.replace("manifest.mpd", name), Expected(max_bytes, **known)), fetcher


def test_a_file_comes_whole_and_is_counted(server: FaultyServer) -> None:
    download, fetcher = get(server, sha256=hashlib.sha256(BODY).hexdigest(), size_bytes=len(BODY))
    assert download.data == BODY
    assert download.size_bytes == fetcher.received_bytes == len(BODY)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_not_asked_again(server: FaultyServer, status: int) -> None:
    server.faults["a.bin"] = failing(status)
    with pytest.raises(FetchError, match=str(status)) as raised:
        get(server)
    assert not raised.value.temporary
    assert server.count("a.bin") == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_asked_again(server: FaultyServer, status: int) -> None:
    server.faults["a.bin"] = failing(status, times=2)
    download, _ = get(server)
    assert download.data == BODY
    assert server.count("a.bin") == 3


def test_attempts_end(server: FaultyServer) -> None:
    server.faults["a.bin"] = failing(500)
    with pytest.raises(FetchError, match="500") as raised:
        get(server)
    assert raised.value.temporary
    assert server.count("a.bin") == QUICK.attempts


def test_a_truncated_body_is_asked_again_and_its_bytes_count(server: FaultyServer) -> None:
    server.faults["a.bin"] = truncated
    fetcher = HttpTransport(server.url, QUICK)
    with pytest.raises(FetchError, match="connection"):
        fetched(fetcher, server.url.replace("manifest.mpd", "a.bin"), Expected(10**6))
    assert server.count("a.bin") == QUICK.attempts
    assert fetcher.received_bytes == QUICK.attempts * (len(BODY) // 2)


def test_another_hash_is_refused(server: FaultyServer) -> None:
    server.faults["a.bin"] = flipped
    with pytest.raises(FetchError, match="SHA-256"):
        get(server, sha256=hashlib.sha256(BODY).hexdigest())


def test_another_size_is_refused(server: FaultyServer) -> None:
    with pytest.raises(FetchError, match="promises 7"):
        get(server, size_bytes=7)


def test_a_slow_line_is_waited_for_as_long_as_it_brings_something(server: FaultyServer) -> None:
    """A large segment over a mobile network: whole long after the deadline, and never silent."""

    def slow(handler: Any, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for start in range(0, len(body), 1024):
            handler.wfile.write(body[start : start + 1024])
            time.sleep(0.1)

    server.faults["a.bin"] = slow
    download = fetched(
        HttpTransport(server.url, Patience(1, 0.6)), server.url.replace("manifest.mpd", "a.bin"), Expected(10**6)
    )
    assert download.data == BODY
    assert download.duration_s > 0.9


@pytest.mark.parametrize("trickle", [False, True])
def test_a_slow_answer_ends_at_the_deadline(server: FaultyServer, trickle: bool) -> None:
    server.faults["a.bin"] = trickling if trickle else silent_for(1.0)
    with pytest.raises(FetchError, match=r"for 0\.2 s") as raised:
        fetched(
            HttpTransport(server.url, Patience(1, 0.2)), server.url.replace("manifest.mpd", "a.bin"), Expected(10**6)
        )
    assert raised.value.temporary


def test_a_body_beyond_its_cap_is_not_read_to_the_end(server: FaultyServer) -> None:
    (server.root / "big.bin").write_bytes(bytes(8 << 20))
    fetcher = HttpTransport(server.url, QUICK)
    with pytest.raises(FetchError, match="larger than the 1000 bytes"):
        fetched(fetcher, server.url.replace("manifest.mpd", "big.bin"), Expected(1000))
    assert fetcher.received_bytes < 1 << 20


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_packed_body_is_unpacked_and_counted_as_it_came(server: FaultyServer, pack: Any) -> None:
    packed = pack(BODY)
    encoding = "gzip" if pack is gzip.compress else "deflate"
    server.faults["a.bin"] = lambda handler, body: send(handler, packed, Content_Encoding=encoding)
    download, fetcher = get(server)
    assert download.data == BODY
    assert fetcher.received_bytes == len(packed)


def test_a_bomb_is_not_unpacked_beyond_the_cap(server: FaultyServer) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    server.faults["a.bin"] = lambda handler, body: send(handler, bomb, Content_Encoding="gzip")
    with pytest.raises(FetchError, match="larger than the 5000 bytes"):
        get(server, max_bytes=5000)


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (gzip.compress(BODY) + bytes(8 << 20), "goes on after"),
        (b"\x78\x9c" + b"\x00\x00\x00\xff\xff" * (1 << 20), "larger than"),
    ],
    ids=["after the end", "empty blocks"],
)
def test_bytes_that_unpack_to_nothing_are_not_read_to_the_end(server: FaultyServer, packed: bytes, said: str) -> None:
    server.faults["a.bin"] = lambda handler, body: send(handler, packed, Content_Encoding="gzip")
    fetcher = HttpTransport(server.url, QUICK)
    with pytest.raises(FetchError, match=said):
        fetched(fetcher, server.url.replace("manifest.mpd", "a.bin"), Expected(len(BODY)))
    assert fetcher.received_bytes < 1 << 20


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_what_does_not_compress_may_be_packed_all_the_same(server: FaultyServer, pack: Any) -> None:
    noise = random.Random(0).randbytes(100_000)
    packed = pack(noise, 0)
    assert len(packed) > len(noise)
    server.faults["a.bin"] = lambda handler, body: send(handler, packed, Content_Encoding="gzip")
    assert get(server, max_bytes=len(noise))[0].data == noise


@pytest.mark.parametrize(
    ("packed", "encoding", "said"),
    [
        (gzip.compress(BODY)[:-20], "gzip", "ends in the middle"),
        (b"not gzip at all", "gzip", "does not unpack"),
        (BODY, "br", "not understood"),
    ],
)
def test_a_broken_encoding_is_refused(server: FaultyServer, packed: bytes, encoding: str, said: str) -> None:
    server.faults["a.bin"] = lambda handler, body: send(handler, packed, Content_Encoding=encoding)
    with pytest.raises(FetchError, match=said):
        get(server)


def redirecting(location: str) -> Callable[[BaseHTTPRequestHandler, bytes], None]:
    return lambda handler, body: send(handler, b"", 302, Location=location)


def test_a_redirect_within_the_origin_is_followed(server: FaultyServer) -> None:
    server.faults["old.bin"] = redirecting("/a.bin")
    assert get(server, "old.bin")[0].data == BODY


def test_a_redirect_to_another_origin_is_never_followed(
    server: FaultyServer, folder: Path, serve: Callable[[Path], Any]
) -> None:
    with serve(folder) as other:
        server.faults["a.bin"] = redirecting(other.url)
        with pytest.raises(FetchError, match="away from the manifest's own server"):
            get(server)
        assert other.requests == []


def test_a_circle_of_redirects_ends(server: FaultyServer) -> None:
    server.faults["a.bin"] = redirecting("/a.bin")
    with pytest.raises(FetchError, match="redirects"):
        get(server)


@pytest.mark.parametrize("status", [300, 302, 304, 399])
def test_a_redirect_to_nowhere_is_a_refusal(server: FaultyServer, status: int) -> None:
    server.faults["a.bin"] = failing(status)
    with pytest.raises(FetchError, match=f"HTTP {status}"):
        get(server)
    assert server.count("a.bin") == 1


def test_what_does_not_parse_as_an_address_is_refused() -> None:
    with pytest.raises(UnplayableError, match=r"no manifest at http://\[bad/"):
        asyncio.run(HttpTransport("http://[bad/").manifest())


def test_after_a_redirect_the_manifest_has_its_new_address(server: FaultyServer) -> None:
    (server.root / "new").mkdir()
    (server.root / "new" / "manifest.mpd").write_bytes(b"<MPD/>")
    server.faults["old.mpd"] = redirecting("/new/manifest.mpd")

    async def manifest_url() -> str:
        fetcher = HttpTransport(server.url.replace("manifest.mpd", "old.mpd"), QUICK)
        assert await fetcher.manifest() == b"<MPD/>"
        await fetcher.close()
        return fetcher.manifest_url

    assert asyncio.run(manifest_url()).endswith("/new/manifest.mpd")


def test_a_missing_manifest_cannot_be_played(server: FaultyServer) -> None:
    async def fetch() -> None:
        fetcher = HttpTransport(server.url.replace("manifest", "other"), QUICK)
        try:
            await fetcher.manifest()
        finally:
            await fetcher.close()

    with pytest.raises(UnplayableError, match="404"):
        asyncio.run(fetch())


def test_origins_compare_with_their_default_port() -> None:
    assert origin("http://a.example/x") == origin("http://A.example:80/y")
    assert origin("http://a.example/") != origin("https://a.example/")
    assert origin("http://a.example/") != origin("http://a.example:81/")


@pytest.mark.parametrize("address", ["ftp://x/y.mpd", "no/such/place", "https:/missing-slash"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(UnplayableError):
        open_transport(address)


def test_a_folder_is_read_without_a_server(folder: Path) -> None:
    fetcher = open_transport(str(folder))
    url = fetcher.manifest_url.replace("manifest.mpd", "a.bin")
    assert fetched(fetcher, url, Expected(10**6)).data == BODY
    assert fetcher.received_bytes == len(BODY)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../secret", "outside|own folder"),
        ("link", "outside"),
        ("nothing", "no such file"),
        (".", "no such file|own folder"),
    ],
)
def test_a_folder_gives_nothing_from_outside(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "secret").write_bytes(b"canary")
    root = tmp_path / "bundle"
    root.mkdir()
    (root / "manifest.mpd").write_bytes(b"<MPD/>")
    (root / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(FetchError, match=said):
        fetched(LocalTransport(root / "manifest.mpd"), f"{root.as_uri()}/{name}", Expected(100))


def test_a_local_file_beyond_its_cap_is_refused(folder: Path) -> None:
    with pytest.raises(FetchError, match="larger"):
        fetched(LocalTransport(folder / "manifest.mpd"), (folder / "a.bin").as_uri(), Expected(10))


def test_pauses_grow_and_stay_bounded() -> None:
    pauses = [Patience().pause_s(failures, 0.0) for failures in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 4.0


def test_what_does_not_answer_is_told_in_words(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/manifest.mpd"
    fetcher = HttpTransport(address, Patience(attempts=1))
    with pytest.raises(UnplayableError, match="nobody answers there; is the server running"):
        asyncio.run(fetcher.manifest())
    (tmp_path / "film").mkdir()
    (tmp_path / "film" / "manifest.mpd").touch()
    with pytest.raises(UnplayableError, match=r"it contains bundles; name one, such as .*film"):
        open_transport(str(tmp_path))
