"""`python -m server` as a person starts it: what it prints, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from server.cli import address, main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")


@contextmanager
def started(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command and the first two lines of its output: one for each bundle of `tiny_library`."""
    command = [sys.executable, "-m", "server", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, [process.stdout.readline().strip() for _ in range(2)]
        finally:
            process.kill()


@posix_only
@pytest.mark.parametrize("workers", [1, 2])
def test_it_prints_each_address_serves_it_and_ends_cleanly(tiny_library: Path, tmp_path: Path, workers: int) -> None:
    log = tmp_path / "access.jsonl"
    with started(tiny_library, "--port", 0, "--workers", workers, "--access-log", log) as (process, lines):
        assert {line.partition("/bundles/")[2] for line in lines} == {
            "shows/pilot/manifest.mpd",
            "tiny/manifest.mpd",
        }
        for line in lines:
            assert httpx.get(line, timeout=30).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert errors == ""
    assert len(log.read_text().splitlines()) == 2


@posix_only
def test_sigterm_lets_a_transfer_finish(tiny_library: Path) -> None:
    with started(tiny_library, "--port", 0) as (process, lines):
        url = lines[0].replace("manifest.mpd", "video/v360/00001.m4s")
        with httpx.stream("GET", url) as answer:
            process.send_signal(signal.SIGTERM)
            assert len(answer.read()) == 3_000_000
        assert process.wait(timeout=30) == 0


@posix_only
def test_sigterm_at_once_is_not_lost(tiny_library: Path) -> None:
    with started(tiny_library, "--port", 0) as (process, _):
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_one_clear_line(tiny_library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([str(tiny_library), "--port", str(port)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert told.err.startswith(f"neudash serve: cannot listen on 127.0.0.1 port {port}: ")
    assert "--port" in told.err


def test_a_host_that_is_nobody_is_one_clear_line(tiny_library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny_library), "--host", "no-such-host.invalid"]) == 1
    assert capsys.readouterr().err.startswith("neudash serve: cannot listen on no-such-host.invalid")


@pytest.mark.parametrize("make", [True, False], ids=["empty", "absent"])
def test_a_folder_without_bundles_is_one_clear_line(
    tmp_path: Path, make: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "films"
    if make:
        root.mkdir()
    assert main([str(root)]) == 1
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert str(root) in told
    assert ("neudash package" in told) == make


def test_bundles_that_are_all_broken_say_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "film").mkdir()
    (tmp_path / "film" / "manifest.mpd").write_bytes(b"no XML")
    assert main([str(tmp_path)]) == 1
    assert "film: " in capsys.readouterr().err.splitlines()[-1]


def test_an_unknown_environment_key_is_named(
    tiny_library: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUDASH_SERVER_THREADS", "4")
    assert main([str(tiny_library)]) == 1
    assert "NEUDASH_SERVER_THREADS" in capsys.readouterr().err


def test_addresses_are_ones_a_client_here_can_use() -> None:
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address("::", 80) == "http://[::1]:80"
    assert address("films.example", 80) == "http://films.example:80"


def test_the_server_needs_no_pixels_and_no_networks() -> None:
    """Its image has neither TensorFlow nor a decoder in use: nothing of the kind is imported, nor what takes memory."""
    heavy = ("tensorflow", "keras", "openvino", "av", "cv2", "numpy", "media", "player")
    code = f"import sys, server.cli, server.app; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
