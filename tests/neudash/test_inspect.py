"""`neudash inspect` and `neudash verify`, as a person and as a program use them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from manifests.bundle import publish_json
from manifests.errors import BundleError
from manifests.names import MANIFEST
from manifests.verify import verify_bundle
from neudash.cli import main
from neudash.inspect.cli import fetch_manifest
from player.errors import UnplayableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.tiny_bundle import TinyBundle


def test_inspect_prints_rungs_segments_models_and_bytes(
    published_bundle: TinyBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(published_bundle.root)]) == 0
    out = capsys.readouterr().out
    assert "64x36 30 fps" in out and "48000 Hz, 2 ch" in out and "c4d1 to 128x72" in out and "2 of 2" in out
    models = published_bundle.presentation.video[0].model_tracks[0].models
    assert f"2 model files {sum(m.size_bytes for m in models)} B" in out


def test_inspect_writes_json_for_programs(
    published_bundle: TinyBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = published_bundle.root
    assert main(["inspect", str(root), "--json", str(tmp_path / "d.json")]) == 0
    description = json.loads((tmp_path / "d.json").read_text("utf-8"))
    media = sum(path.stat().st_size for kind in ("video", "audio") for path in (root / kind).rglob("*.m*"))
    assert description["media_bytes"] == media and description["duration_s"] == 2
    assert [rung["id"] for rung in description["rungs"]] == ["low", "high", "sound"]
    assert description["rungs"][0]["models"][0]["uses"] == [1, 2]
    capsys.readouterr()
    assert main(["inspect", str(root / MANIFEST), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == description


def test_inspect_of_a_bundle_with_holes_says_so(tiny_bundle: TinyBundle, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny_bundle.root / "video/low/00001.m4s").unlink()
    assert main(["inspect", str(tiny_bundle.root)]) == 0
    assert "media unknown" in capsys.readouterr().out


def test_inspect_says_why_a_table_of_models_was_passed_over(
    tiny_bundle: TinyBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tiny_bundle.root / MANIFEST
    manifest.write_text(manifest.read_text().replace('models:2026" value="1"', 'models:2026" value="9"'))
    assert main(["inspect", str(tiny_bundle.root)]) == 0
    assert "low: not enhanced: model table version '9' is not '1'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["inspect", "nowhere"], "neudash inspect: nowhere is not a bundle"),
        (["verify", "nowhere"], "neudash verify: nowhere is not a bundle"),
        (["inspect", "file:///etc/passwd"], "neither a folder nor an http(s) address"),
        (["inspect", "http://[bad/"], "no manifest at"),
        (["inspect", "http://a b/"], "no manifest at"),
        (["inspect", "video.mp4"], "video.mp4 is not a manifest: no text at all"),
        (["inspect", "cut"], "cut/manifest.mpd is not a manifest: not well-formed XML"),
    ],
)
def test_a_known_error_is_one_line_and_code_1(
    argv: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "video.mp4").write_bytes(b"\0\0\0\x18ftyp")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/manifest.mpd").write_bytes(b"<?xml version='1.0'?><MPD title='")
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and message in captured.err


@pytest.mark.parametrize("argv", [["inspect"], ["inspect", "x", "--what"], ["verify"], ["verify", "x", "--what"]])
def test_a_wrong_command_line_is_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2 and "usage:" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_named_without_pythons_number(
    tiny_bundle: TinyBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tiny_bundle.root / MANIFEST / "d.json"
    assert main(["inspect", str(tiny_bundle.root), "--json", str(file)]) == 1
    assert capsys.readouterr().err == f"neudash inspect: {file.parent}: Not a directory\n"


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0 and f"neudash {command} " in capsys.readouterr().out


def test_a_sound_bundle_is_called_sound(published_bundle: TinyBundle, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (published_bundle.root, published_bundle.root / MANIFEST):
        assert main(["verify", str(name)]) == 0
        assert capsys.readouterr().out == "7 segments, 2 models: sound\n"


def test_verify_lists_every_problem_and_fails(
    tiny_bundle: TinyBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny_bundle.root
    full = tiny_bundle.presentation.video[0].model_tracks[0].models[0].href
    data = bytearray((root / full).read_bytes())
    data[-1] ^= 1
    (root / full).write_bytes(data)
    (root / "video/high/00001.m4s").unlink()
    (root / "playlist_low.m3u8").unlink()
    (root / "quality.json").write_text("no")
    assert main(["verify", str(root), "--json", str(tmp_path / "v.json")]) == 1
    out = capsys.readouterr().out
    problems = json.loads((tmp_path / "v.json").read_text("utf-8"))["problems"]
    assert all(problem in out for problem in problems)
    assert f"{full}: size or SHA-256" in out
    assert "video/high/00001.m4s: No such file" in out
    assert "quality.json is not JSON" in out
    assert f"{len(problems)} problems" in out


def test_verify_finds_playlists_that_say_otherwise(tiny_bundle: TinyBundle) -> None:
    (tiny_bundle.root / "playlist_low.m3u8").unlink()
    (tiny_bundle.root / "master.m3u8").write_text("#EXTM3U\n")
    assert set(verify_bundle(tiny_bundle.root).problems) == {
        "playlist_low.m3u8 is missing",
        "master.m3u8 does not match the manifest",
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('network="c4d1"', 'network="c8d1"', "holds another network than c8d1"),
        ('network="c4d1"', 'network="t3x"', "network 't3x' is not known"),
        ('format="ndm/1"', 'format="ndm/2"', "'ndm/2' is not 'ndm/1'"),
        ('scale="2"', 'scale="3"', "holds another network than c4d1 at x3"),
        ('macs="', 'macs="1', "macs is 1"),
        ('n="2" base="1"', 'n="2"', "cannot be used without the model"),
        ("<nd:Model ", '<nd:Model colour="red" ', "colour"),
        ('models:2026" value="1"', 'models:2026" value="2"', "low: model table version"),
    ],
)
def test_verify_finds_models_that_do_not_fit_the_manifest(
    tiny_bundle: TinyBundle, old: str, new: str, message: str
) -> None:
    manifest = tiny_bundle.root / MANIFEST
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))
    assert any(message in problem for problem in verify_bundle(tiny_bundle.root).problems)


def test_verify_of_an_unreadable_manifest_is_an_error(tiny_bundle: TinyBundle) -> None:
    (tiny_bundle.root / MANIFEST).write_bytes(b"<MPD")
    with pytest.raises(BundleError):
        verify_bundle(tiny_bundle.root)


def test_metadata_is_looked_at_where_it_is(tiny_bundle: TinyBundle) -> None:
    publish_json(tiny_bundle.root, "provenance.json", {"neudash": "0.1.0"})
    assert verify_bundle(replace(tiny_bundle).root).problems == ()


@contextmanager
def serving(body: bytes, *, location: str | None = None, status: int = 200) -> Iterator[str]:
    """The address of a manifest on a real server that answers every request alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if location is not None:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/manifest.mpd"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_inspect_reads_a_manifest_by_its_address(
    published_bundle: TinyBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving((published_bundle.root / MANIFEST).read_bytes()) as url:
        assert main(["inspect", url]) == 0
    out = capsys.readouterr().out
    assert "c4d1 to 128x72" in out and "media unknown, 2 model files" in out


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_to_anything_but_http_is_not_followed(location: str) -> None:
    with serving(b"", location=location, status=302) as url, pytest.raises(UnplayableError):
        fetch_manifest(url, 5)


def test_a_manifest_that_never_ends_is_cut_off() -> None:
    with serving(bytes(3 << 20)) as url, pytest.raises(UnplayableError, match="larger than the 2097152 bytes allowed"):
        fetch_manifest(url, 20)


def test_an_error_status_is_told() -> None:
    with serving(b"", status=404) as url, pytest.raises(UnplayableError, match="404"):
        fetch_manifest(url, 5)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_a_server_that_trickles_meets_the_deadline(head: bytes) -> None:
    """It sends a byte now and then for as long as it is listened to; without the deadline this would not end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(head)
                while not stop.wait(0.05):
                    connection.sendall(b"<")

        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises(UnplayableError, match=r"within 0\.3 s"):
            fetch_manifest(f"http://127.0.0.1:{listener.getsockname()[1]}/", 0.3)
        stop.set()
        thread.join()
