"""Whatever goes wrong around a command is one line on stderr and an exit status, in real processes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest

from console.command import run_command
from neudash import cli

ROOT = Path(cli.__file__).parents[1]
POSIX = pytest.mark.skipif(os.name != "posix", reason="of shells and devices of Unix")
pytestmark = [POSIX, pytest.mark.slow]
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def ran(
    arguments: list[str | Path], redirection: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """`neudash` with its arguments, started by a shell that redirects."""
    command = f"{shlex.join([sys.executable, '-m', 'neudash', *map(os.fspath, arguments)])} {redirection}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )


def lines_for(command: str, bundle: Path) -> list[str | Path]:
    return [bundle if word == "B" else word for word in command.split()]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "command", ["--help", "--version", "inspect B", "verify B", "package --help", "play B", "serve B --port 0"]
)
def test_a_full_standard_output_is_one_line(command: str, packaged_bundle: Path) -> None:
    done = ran(lines_for(command, packaged_bundle), "> /dev/full")
    name = "neudash" if command.startswith("--") else f"neudash {command.split()[0]}"
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == (
        f"{name}: standard output cannot be written: No space left on device"
    )
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize("command", ["inspect B", "verify B", "doctor", "package --help"])
def test_a_reader_that_has_gone_is_not_an_error(command: str, packaged_bundle: Path) -> None:
    done = ran(lines_for(command, packaged_bundle), "| true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("redirection", ["<&- >&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_get_no_file_s_number(redirection: str, packaged_bundle: Path, tmp_path: Path) -> None:
    """The next file to be opened would have the number 1, and what is printed would go into it."""
    description = tmp_path / "x.json"
    done = ran(["inspect", packaged_bundle, "--json", description], redirection)
    assert done.returncode == 0
    assert json.loads(description.read_bytes())["duration_s"] == 4


@pytest.mark.parametrize("locale", [{}, C_LOCALE], ids=["usual locale", "C locale"])
@pytest.mark.parametrize("name", [b"caf\xe9", "café ☕".encode(), b"a'b,c%20:d;e"], ids=["Latin-1", "UTF-8", "signs"])
@pytest.mark.parametrize("segmenter", ["auto", "ffmpeg"])
def test_any_bytes_are_a_name(
    name: bytes, locale: dict[str, str], segmenter: str, silent_video: Path, tmp_path: Path
) -> None:
    source, bundle = tmp_path / os.fsdecode(name + b".mp4"), tmp_path / os.fsdecode(name)
    try:
        shutil.copy(silent_video, source)
    except OSError:
        pytest.skip("the file system wants UTF-8")
    options = ["--rungs", "72@crf40", "--preset", "ultrafast", "-q", "--segmenter", segmenter]
    done = ran(["package", source, "-o", bundle, *options], environment=locale)
    assert done.returncode == 0, done.stderr
    assert done.stdout == os.fsencode(bundle / "manifest.mpd") + b"\n"
    if segmenter == "ffmpeg":
        played = ["--out", tmp_path / os.fsdecode(name + b".mkv"), "--stats", tmp_path / os.fsdecode(name + b".json")]
        assert ran(["play", bundle, *played], environment=locale).returncode == 0
        assert all(path.exists() for path in played if isinstance(path, Path))
        missing = ran(["inspect", os.fspath(bundle) + "x"], environment=locale)
        assert missing.returncode == 1 and missing.stderr.count(b"\n") == 1
        assert missing.stderr.startswith(b"neudash inspect: ")


def test_text_that_the_terminal_cannot_show_is_escaped() -> None:
    code = "from console.command import run_command; run_command('x', lambda: print('\\u2192 \\udce9 ok') or 0)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **C_LOCALE}, capture_output=True, check=True
    )
    assert done.stdout == b"\\u2192 \xe9 ok\n"


def test_a_fault_of_ours_is_one_line_and_its_traceback_is_there_for_the_asking(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty() -> int:
        raise KeyError("no such thing")

    monkeypatch.delenv("NEUDASH_TRACEBACK", raising=False)
    assert run_command("neudash play", faulty) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("neudash play: a fault of neudash itself, KeyError in test_commands.py line ")
    monkeypatch.setenv("NEUDASH_TRACEBACK", "1")
    assert run_command("neudash play", faulty) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["package v -o b", "train b --source v", "report b --source v"])
def test_every_command_that_can_be_quiet_takes_q(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "-q", "--help"])
    assert ended.value.code == 0
    assert "-q, --quiet" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["package {} -o b", "train b --source {}", "report b --source {}", "demo {}"])
@pytest.mark.parametrize("address", ["rtsp://camera/1", "s3://films/film.mp4", "file:///film.mp4"])
def test_an_address_is_called_one(command: str, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(command.format(address).split())
    assert ended.value.code == 2
    assert f"{address} is an address; " in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="of shells")
def test_standard_output_gets_the_video_and_stderr_the_talk(packaged_bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "x.mkv"
    with copy.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "neudash", "play", str(packaged_bundle), "--rung", "90", "--out", "-"],
            cwd=ROOT, stdout=file, stderr=subprocess.PIPE, check=True,
        )  # fmt: skip
    assert b"96 frames played" in done.stderr
    with av.open(str(copy)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 96
    with av.open(str(copy)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


@pytest.mark.skipif(os.name != "posix", reason="of shells")
def test_a_reader_that_leaves_the_video_ends_it_in_one_line(packaged_bundle: Path) -> None:
    done = ran(["play", packaged_bundle, "--out", "-"], "| true; exit ${PIPESTATUS[0]}")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "neudash play: /dev/stdout cannot be written: Broken pipe"
