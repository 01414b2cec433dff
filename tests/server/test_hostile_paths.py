"""Raw requests against the real server: whatever is asked for, no byte outside the manifests' lists is sent."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from manifests.names import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.served_bundles import LiveServer

CANARY = b"canary-7f3a-never-to-be-sent"


def raw_answer(port: int, target: bytes, *, method: bytes = b"GET") -> bytes:
    """Everything the server sends for one request line that no client library would let through."""
    request = method + b" " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


TARGETS = [
    b"/bundles/../canary.txt",
    b"/bundles/tiny/../canary.txt",
    b"/bundles/tiny/../../canary.txt",
    b"/bundles/tiny/%2e%2e/canary.txt",
    b"/bundles/tiny/%2E%2E%2Fcanary.txt",
    b"/bundles/tiny/..%5c..%5ccanary.txt",
    b"/bundles/tiny/..\\canary.txt",
    b"/bundles/tiny/%252e%252e/canary.txt",
    b"/bundles/tiny/.secret",
    b"/bundles/tiny/video/v180/.00001.m4s.tmp",
    b"/bundles/tiny/video/v180/00009.m4s",
    b"/bundles/tiny/video/v180/00001.m4s%00.jpg",
    b"/bundles/tiny%2fmanifest.mpd",
    b"/bundles//tiny/manifest.mpd",
    b"/bundles/tiny//manifest.mpd",
    b"/bundles/tiny/./manifest.mpd",
    b"/bundles/shows/../tiny/manifest.mpd",
    b"/bundles/TINY/manifest.mpd",
    b"/bundles/tiny/manifest.mpd/",
    b"/bundles/tiny/video",
    b"/bundles/tiny/",
    b"/bundles/canary.txt",
    b"//etc/passwd",
    b"/etc/passwd",
    b"/bundles/tiny/video/v180/%ff%fe.m4s",
    b"/bundles/tiny/" + b"a" * 60000,
    b"/web/../routes.py",
    b"/web/%2e%2e%2froutes.py",
    b"/api/bundles/../../canary.txt",
    b"/bundles/tiny/\x00",
    b"file:///etc/passwd",
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: repr(target[:50]))
def test_a_path_that_no_manifest_lists_is_refused(tiny_server: LiveServer, target: bytes) -> None:
    answer = raw_answer(tiny_server.port, target)
    assert CANARY not in answer
    assert b"root:" not in answer
    assert answer.split(b" ", 2)[1] in (b"400", b"404", b"431")


def test_a_plain_path_with_needless_escapes_is_still_that_path(tiny_server: LiveServer) -> None:
    """The canary tests would pass on a server that refuses everything; this one does not."""
    answer = raw_answer(tiny_server.port, b"/bundles/%74iny/manifest.mpd?token=%2e%2e%2f")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"<MPD" in answer


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links here")
@pytest.mark.parametrize("place", ["models/x", "models", "video/v180/00001.m4s", "poster.jpg", "video/v180"])
@pytest.mark.parametrize("when", ["before", "while it runs"])
def test_a_link_in_place_of_a_listed_file_or_folder_leads_nowhere(
    place: str,
    when: str,
    tmp_path: Path,
    make_bundle: Callable[..., Path],
    serve_folder: Callable[[Path], LiveServer],
) -> None:
    bundle = make_bundle(tmp_path / "root" / "b")
    model = next((bundle / "models").iterdir()).name
    path = bundle / place.replace("models/x", f"models/{model}")
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("target", model, "init.mp4", "00001.m4s"):
        (outside / name).write_bytes(CANARY)

    def plant() -> None:
        target = outside if path.is_dir() else outside / "target"
        path.rename(bundle / ".was")
        path.symlink_to(target)

    if when == "before":
        plant()
    server = serve_folder(tmp_path / "root")
    if when != "before":
        raw_answer(server.port, b"/healthz")
        plant()
    for href in (f"models/{model}", "video/v180/00001.m4s", "video/v180/init.mp4", "poster.jpg"):
        answer = raw_answer(server.port, f"/bundles/b/{href}".encode())
        assert CANARY not in answer
        if (bundle / href).resolve() != bundle.resolve() / href:
            assert b" 404 " in answer[:20]
    assert raw_answer(server.port, f"/bundles/b/{MANIFEST}".encode()).startswith(b"HTTP/1.1 200")


def test_a_linked_bundle_folder_is_not_served(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]
) -> None:
    make_bundle(tmp_path / "outside")
    make_bundle(tmp_path / "root" / "b")
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "outside", target_is_directory=True)
    server = serve_folder(tmp_path / "root")
    assert b" 404 " in raw_answer(server.port, b"/bundles/linked/manifest.mpd")[:20]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_place_of_a_segment_does_not_block(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]
) -> None:
    bundle = make_bundle(tmp_path / "root" / "b")
    segment = bundle / "video/v180/00001.m4s"
    segment.unlink()
    os.mkfifo(segment)
    server = serve_folder(tmp_path / "root")
    assert b" 404 " in raw_answer(server.port, b"/bundles/b/video/v180/00001.m4s")[:20]


def test_a_manifest_that_lists_files_elsewhere_is_not_served(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]
) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "canary.ndm").write_bytes(CANARY)
    bundle = make_bundle(tmp_path / "root" / "b")
    manifest = (bundle / MANIFEST).read_bytes()
    model = next((bundle / "models").iterdir()).name.encode()
    (bundle / MANIFEST).write_bytes(manifest.replace(b"models/" + model, b"../canary.ndm"))
    server = serve_folder(tmp_path / "root")
    for target in (b"/bundles/b/../canary.ndm", b"/bundles/canary.ndm", b"/bundles/b/%2e%2e/canary.ndm"):
        answer = raw_answer(server.port, target)
        assert CANARY not in answer
        assert b" 404 " in answer[:20]
