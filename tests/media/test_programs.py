"""The gateway to other programs: what it starts ends, and what went wrong is said."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import ffmpeg
import pytest

from media.errors import ProgramFailedError, ProgramNotFoundError
from media.programs import feed_program, file_url, find_ffmpeg, find_program, pipe_program, run, source_url

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

PYTHON = sys.executable
SLEEPER = "import time; print('up', flush=True); time.sleep(600)"


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stdout_comes_back_and_stdin_is_empty() -> None:
    assert run([PYTHON, "-c", "import sys; print(len(sys.stdin.read()))"], deadline_s=30).split() == [b"0"]


def test_input_is_written_to_stdin() -> None:
    data = os.urandom(1 << 20)
    echo = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    assert run([PYTHON, "-c", echo], deadline_s=30, input=data) == data


def test_input_that_nobody_reads_is_no_error() -> None:
    assert run([PYTHON, "-c", "pass"], deadline_s=30, input=b"x" * (1 << 20)) == b""


def test_the_logged_line_pastes_into_a_shell(caplog: pytest.LogCaptureFixture) -> None:
    arguments = [PYTHON, "-c", "print('it''s; $HOME \"quoted\"')", "a b"]
    with caplog.at_level(logging.INFO):
        expected = run(arguments, deadline_s=30)
    [line] = [record.getMessage() for record in caplog.records]
    assert shlex.split(line) == arguments
    if os.name == "posix":
        assert subprocess.run(line, shell=True, capture_output=True, check=True).stdout == expected


def test_a_failure_tells_the_last_words() -> None:
    script = "import sys; sys.stderr.write('first\\n[x @ 0x1f] no such codec\\nConversion failed!\\n'); sys.exit(3)"
    with pytest.raises(ProgramFailedError, match=r"status 3: no such codec$") as caught:
        run([PYTHON, "-c", script], deadline_s=30)
    assert caught.value.stderr_tail.splitlines()[0] == "first"


def test_with_stderr_brings_it_back_on_success() -> None:
    assert run([PYTHON, "-c", "import sys; sys.stderr.write('v1')"], deadline_s=30, with_stderr=True) == b"v1"


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProgramNotFoundError, match="no-such-program"):
        run(["no-such-program"], deadline_s=1)
    monkeypatch.setenv("NEUDASH_MP4BOX", "/no/such/MP4Box")
    find_program.cache_clear()
    try:
        with pytest.raises(ProgramNotFoundError, match="NEUDASH_MP4BOX names '/no/such/MP4Box'"):
            find_program("MP4Box")
    finally:
        find_program.cache_clear()


def test_the_environment_has_the_first_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUDASH_FFMPEG", PYTHON)
    find_program.cache_clear()
    try:
        assert find_program("ffmpeg") == Path(PYTHON)
    finally:
        find_program.cache_clear()


def test_a_program_beyond_its_deadline_is_ended(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"import os, pathlib; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); {SLEEPER}"
    with pytest.raises(ProgramFailedError, match="still running after 2 s"):
        run([PYTHON, "-c", script], deadline_s=2)
    assert not is_running(int(note.read_text()))


@pytest.mark.skipif(os.name != "posix", reason="only POSIX programs can ignore a request to end")
def test_a_program_that_ignores_the_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.running.GRACE_S", 0.3)
    note = tmp_path / "pid"
    script = (
        "import os, signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid())); {SLEEPER}"
    )
    with pytest.raises(ProgramFailedError):
        run([PYTHON, "-c", script], deadline_s=2)
    assert not is_running(int(note.read_text()))


def test_a_deadline_ends_the_program(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailedError, match="still running after 1 s"):
        run([PYTHON, "-c", SLEEPER], deadline_s=1)


def test_piped_cuts_output_into_pieces() -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(range(200)) * 30)"
    pieces = list(pipe_program([PYTHON, "-c", script], iter(()), frame_bytes=1000, deadline_s=30))
    assert b"".join(pieces) == bytes(range(200)) * 30
    assert {len(piece) for piece in pieces} == {1000}


def test_piped_refuses_half_a_piece() -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(1500))"
    with pytest.raises(ProgramFailedError, match="middle of a frame"):
        list(pipe_program([PYTHON, "-c", script], iter(()), frame_bytes=1000, deadline_s=30))


def test_piped_reports_a_failure_after_the_pieces_it_got() -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(1000)); sys.stdout.flush(); sys.exit('broken')"
    pieces = pipe_program([PYTHON, "-c", script], iter(()), frame_bytes=1000, deadline_s=30)
    assert len(next(pieces)) == 1000
    with pytest.raises(ProgramFailedError, match="broken"):
        next(pieces)


def test_a_reader_who_leaves_ends_the_stream(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        f"import os, sys, pathlib; pathlib.Path({str(note)!r}).write_text(str(os.getpid()))\n"
        "while True: sys.stdout.buffer.write(bytes(1000))"
    )
    pieces = pipe_program([PYTHON, "-c", script], iter(()), frame_bytes=1000, deadline_s=30)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # it is a generator, which its promise does not say
    assert not is_running(int(note.read_text()))


def test_piped_gives_up_on_a_silent_program() -> None:
    with pytest.raises(ProgramFailedError, match="no frame for 1 s"):
        list(pipe_program([PYTHON, "-c", "import time; time.sleep(600)"], iter(()), frame_bytes=10, deadline_s=1))


def test_piped_writes_and_reads_at_the_same_time() -> None:
    echo = "import sys\nwhile data := sys.stdin.buffer.read(1000): sys.stdout.buffer.write(data)"
    sent = [bytes([number % 256]) * 1000 for number in range(3000)]
    assert list(pipe_program([PYTHON, "-c", echo], iter(sent), frame_bytes=1000, deadline_s=30)) == sent


def test_piped_raises_what_its_input_raises() -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(1000)
        raise ValueError("no more frames")

    echo = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    with pytest.raises(ValueError, match="no more frames"):
        list(pipe_program([PYTHON, "-c", echo], pieces(), frame_bytes=1000, deadline_s=30))


def test_fed_writes_bit_by_bit_and_waits_for_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out"
    script = f"import sys, pathlib; pathlib.Path({str(target)!r}).write_bytes(sys.stdin.buffer.read())"
    with feed_program([PYTHON, "-c", script], deadline_s=30) as write:
        write(b"one ")
        write(b"two")
    assert target.read_bytes() == b"one two"


def test_fed_reports_a_program_that_stops_reading() -> None:
    with (
        pytest.raises(ProgramFailedError),
        feed_program([PYTHON, "-c", "raise SystemExit('full')"], deadline_s=30) as write,
    ):
        while True:
            write(bytes(1 << 20))


def test_a_source_name_is_never_an_option_or_a_protocol(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-i", "http:x", "concat:a|b"):
        assert source_url(Path(name)) == f"file:{tmp_path / name}"


@pytest.mark.skipif(os.name != "posix", reason="the programs are Unix's")
@pytest.mark.parametrize(("name", "said"), [("false", "is not an ffmpeg that runs"), ("true", "does not answer as")])
def test_a_program_that_is_not_an_ffmpeg_is_named(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    path = shutil.which(name)
    assert path is not None
    monkeypatch.setenv("NEUDASH_FFMPEG", path)
    find_program.cache_clear()
    try:
        with pytest.raises(ProgramNotFoundError, match=f"{path} {said}.*set NEUDASH_FFMPEG"):
            find_ffmpeg()
    finally:
        find_program.cache_clear()
    monkeypatch.delenv("NEUDASH_FFMPEG")
    assert find_ffmpeg() == find_program("ffmpeg")


@pytest.mark.parametrize("name", ["caf\udce9.mp4", "café.mp4", "a'b,c%d:e.mp4"])
def test_any_name_is_an_argument_of_a_graph(name: str) -> None:
    """ffmpeg-python codes each argument as UTF-8, which a byte of another encoding in a name cannot be."""
    arguments = ffmpeg.input(file_url(Path("/x") / name)).output(file_url(Path("/y") / name)).get_args()
    assert arguments == ["-i", f"file:/x/{name}", f"file:/y/{name}"]
    assert [os.fsencode(argument) for argument in arguments[1:]] == [
        b"file:/x/" + os.fsencode(name),
        b"file:/y/" + os.fsencode(name),
    ]
