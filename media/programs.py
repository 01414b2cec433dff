"""The only module that starts ffmpeg or MP4Box.

Every start is logged as a line that can be pasted into a shell; stdin is closed or fed by us; every run has a deadline.
An early end (deadline, Ctrl-C, a reader that left) terminates the program, then kills it, then waits.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from media.errors import ProgramFailedError, ProgramNotFoundError
from media.running import GRACE_S, Running, end_process, start_program
from media.source.formats import accepted

_LOG = logging.getLogger(__name__)

ANSWER_S = 60.0
"""A program's time to say what it is."""

HOW_TO_GET = {
    "ffmpeg": "install ffmpeg or `pip install imageio-ffmpeg`, or set NEUDASH_FFMPEG to its path",
    "MP4Box": "install GPAC (package `gpac`), or set NEUDASH_MP4BOX to its path",
}


MAX_SOURCE_PIXELS = 7680 * 4320
"""8K UHD. A kilobyte can claim a picture that takes gigabytes to decode."""


def source_options() -> dict[str, str]:
    """Options to put before `-i` for a file that we did not write ourselves (names without the dash)."""
    return {
        "protocol_whitelist": "file",
        "format_whitelist": accepted(),
        "max_pixels": str(MAX_SOURCE_PIXELS),
    }


class _FileUrl(str):
    """Address of a file whose name may consist of any bytes.

    ffmpeg-python hashes the `str()` of every argument as UTF-8. Bytes that are not UTF-8 are surrogates in a name,
    which cannot be encoded; `__str__` escapes them. ffmpeg itself gets the address unchanged.
    """

    def __str__(self) -> str:
        return self.encode("utf-8", "backslashreplace").decode()


def file_url(path: Path) -> str:
    """Returns a file's name for ffmpeg, such that it is never taken for an option or another protocol."""
    return _FileUrl(f"file:{path}")


def source_url(path: Path) -> str:
    """Returns the argument after `-i` for a source; the same in every folder, see `file_url`."""
    return file_url(path.absolute())


@dataclass(frozen=True)
class RunProgress:
    """One progress report of a running ffmpeg."""

    frames: int
    """Video frames written so far to the first output (0 for audio)."""
    media_s: float
    """Position in the output that the program has reached."""
    speed: str
    """Speed as ffmpeg reports it, such as `2.5x`; may be `N/A`."""


@cache
def find_program(name: str) -> Path:
    """Returns the path of `ffmpeg` or `MP4Box`: as set in the environment, the pinned binary (ffmpeg only), or on
    PATH.

    Raises ProgramNotFoundError.
    """
    variable = f"NEUDASH_{name.upper()}"
    wanted = os.environ.get(variable)
    found = shutil.which(wanted) if wanted else (_pinned(name) or shutil.which(name))
    if found is None:
        where = f"{variable} names {wanted!r}, which is not a program" if wanted else f"{name} was not found"
        raise ProgramNotFoundError(f"{where}; {HOW_TO_GET[name]}")
    return Path(found)


def find_ffmpeg() -> Path:
    """The program that `find_program("ffmpeg")` finds, once it has answered as ffmpeg does.

    Another program would fail, or give no frames, and a video would be blamed. Raises ProgramNotFoundError.
    """
    program = find_program("ffmpeg")
    _check_ffmpeg(program)
    return program


@cache
def _check_ffmpeg(program: Path) -> None:
    """Raises ProgramNotFoundError."""
    try:
        answer = run([str(program), "-version"], deadline_s=ANSWER_S)
    except ProgramFailedError as error:
        raise ProgramNotFoundError(f"{program} is not an ffmpeg that runs ({error}); {HOW_TO_GET['ffmpeg']}") from error
    if not answer.startswith(b"ffmpeg version "):
        raise ProgramNotFoundError(f"{program} does not answer as ffmpeg does; {HOW_TO_GET['ffmpeg']}")


def _pinned(name: str) -> str | None:
    if name != "ffmpeg":
        return None
    try:
        import imageio_ffmpeg  # a platform without a wheel of it falls back to PATH
    except ImportError:
        return None
    try:
        return shutil.which(str(imageio_ffmpeg.get_ffmpeg_exe()))
    except RuntimeError:  # its way of saying that it has no binary here
        return None


def run(
    arguments: Sequence[str],
    *,
    deadline_s: float,
    input: bytes | None = None,
    cwd: Path | None = None,
    home: Path | None = None,
    with_stderr: bool = False,
) -> bytes:
    """Run a program to its end and return its stdout, after it stderr if `with_stderr` asks for it.

    `input` is written to the program's stdin, which is closed otherwise. `home` stands for the user's home folder.
    Raises ProgramFailedError, also at `deadline_s`, and ProgramNotFoundError if `arguments[0]` cannot be started.
    """
    with start_program(arguments, stdin=input is not None, cwd=cwd, home=home) as running:
        output: list[bytes] = []
        pipes = running.process
        # Threads read and write, because a full pipe would block the program and us forever.
        readers = [running.thread(_read_output, pipes.stdout, output)]
        if input is not None:
            readers.append(running.thread(_write_input, pipes.stdin, input))
        try:
            running.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise running.failure(f"was still running after {deadline_s:.0f} s") from None
        for reader in readers:
            reader.join()
        running.check_status()
        if with_stderr:
            output.append(running.tail().encode())
    return b"".join(output)


def pipe_program(
    arguments: Sequence[str], pieces: Iterator[bytes], *, frame_bytes: int, deadline_s: float
) -> Iterator[bytes]:
    """Write `pieces` to a program's stdin, and yield its stdout in pieces of exactly `frame_bytes`.

    Closing the iterator ends the program. `deadline_s` is the longest wait for one piece, so a slow reader costs
    nothing. Raises what `pieces` raises, and ProgramFailedError, also if the output is not a whole number of pieces.
    """
    with start_program(arguments, stdin=True, cwd=None) as running:
        output: queue.Queue[bytes] = queue.Queue(maxsize=4)
        abandoned = threading.Event()
        failures: list[Exception] = []
        running.thread(_read_pieces, running.process.stdout, frame_bytes, output, abandoned)
        running.thread(_write_pieces, running.process.stdin, pieces, abandoned, failures)
        try:
            while piece := _next_piece(output, running, deadline_s):
                if len(piece) != frame_bytes:
                    raise failures[0] if failures else running.failure("ended in the middle of a frame")
                yield piece
            if failures:
                raise failures[0]
            running.check_status()
        finally:
            abandoned.set()


@contextmanager
def feed_program(
    arguments: Sequence[str], *, deadline_s: float, cwd: Path | None = None
) -> Iterator[Callable[[bytes], None]]:
    """A running program that is written to bit by bit: yields the function that writes to its stdin.

    Leaving the block closes stdin and waits for the end; leaving it by an exception ends the program.
    `deadline_s` is the longest wait for one write, and for the end. Raises ProgramFailedError.
    """
    with start_program(arguments, stdin=True, cwd=cwd) as running:
        pipe = running.process.stdin
        assert pipe is not None

        def write(data: bytes) -> None:
            # A program that hangs is killed, which breaks the pipe and so ends the write.
            watchdog = threading.Timer(deadline_s, running.process.kill)
            watchdog.daemon = True  # an interrupt may come before the block that cancels it
            try:
                watchdog.start()
                pipe.write(data)
                pipe.flush()
            except OSError:
                # Its status says more than the broken pipe does, if it is about to end by itself.
                with suppress(subprocess.TimeoutExpired):
                    if (status := running.process.wait(GRACE_S)) > 0:
                        raise running.failure(f"ended with status {status}") from None
                end_process(running.process)
                raise running.failure("stopped reading its input") from None
            finally:
                watchdog.cancel()

        try:
            yield write
        except BaseException:
            running.process.kill()  # it waits for input, deaf to a request, and what it has is not wanted
            raise
        pipe.close()
        try:
            running.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise running.failure(f"was still running after {deadline_s:.0f} s") from None
        running.check_status()


def _read_output(pipe: IO[bytes], output: list[bytes]) -> None:
    output.append(pipe.read())


def _write_input(pipe: IO[bytes], data: bytes) -> None:
    try:
        pipe.write(data)
        pipe.close()
    except OSError:  # the program ended before it had read everything; its status says whether that is an error
        _LOG.debug("input was not read to its end")


def _write_pieces(
    pipe: IO[bytes], pieces: Iterator[bytes], abandoned: threading.Event, failures: list[Exception]
) -> None:
    try:
        for piece in pieces:
            if abandoned.is_set():
                return
            pipe.write(piece)
    except BrokenPipeError:  # the program ended early; its status says whether that is an error
        _LOG.debug("input was not read to its end")
    except Exception as error:  # raised again by whoever reads the output
        failures.append(error)
    finally:
        with suppress(OSError):
            pipe.close()


def _read_pieces(pipe: IO[bytes], size: int, pieces: queue.Queue[bytes], abandoned: threading.Event) -> None:
    while not abandoned.is_set():
        piece = pipe.read(size)
        while not abandoned.is_set():
            try:
                pieces.put(piece, timeout=0.5)
                break
            except queue.Full:
                continue
        if not piece:
            return


def _next_piece(pieces: queue.Queue[bytes], running: Running, deadline_s: float) -> bytes:
    try:
        return pieces.get(timeout=deadline_s)
    except queue.Empty:
        raise running.failure(f"gave no frame for {deadline_s:.0f} s") from None
