"""The only place that starts ffmpeg or MP4Box.

Every start is logged as a line that pastes into a shell; stdin is closed or fed by us; every run has a
deadline; whatever ends a run early (deadline, Ctrl-C, a reader that left) terminates, then kills, then waits.
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
from time import monotonic
from typing import IO

from media.errors import ProgramNotFoundError
from media.running import GRACE_S, Running, end_process, started

_LOG = logging.getLogger(__name__)

_REPORT_EVERY_S = 0.2

_HOW_TO_GET = {
    "ffmpeg": "install ffmpeg or `pip install imageio-ffmpeg`, or set NEUDASH_FFMPEG to its path",
    "MP4Box": "install GPAC (package `gpac`), or set NEUDASH_MP4BOX to its path",
}


SOURCE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,gif,ogg,asf,mxf,nut,"
    "h264,hevc,obu,ivf,m4v,yuv4mpegpipe"
)
"""Containers that hold their own media. Playlists, ffconcat, SDP and image patterns name other files."""

MAX_SOURCE_PIXELS = 7680 * 4320
"""8K UHD. A kilobyte can claim a picture that takes gigabytes to decode."""


def source_options() -> dict[str, str]:
    """Options to put before `-i` for a file that we did not write ourselves (names without the dash)."""
    return {
        "protocol_whitelist": "file",
        "format_whitelist": SOURCE_FORMATS,
        "max_pixels": str(MAX_SOURCE_PIXELS),
    }


def source_url(path: Path) -> str:
    """What to put after `-i`: never taken for an option or for another protocol, whatever the name holds."""
    return f"file:{path.absolute()}"


@dataclass(frozen=True)
class RunProgress:
    """One progress report of a running ffmpeg."""

    frames: int
    """Video frames written so far to the first output (0 for audio)."""
    media_s: float
    """How far into the output the program has come."""
    speed: str
    """Such as `2.5x`, as ffmpeg says it; may be `N/A`."""


@cache
def find_program(name: str) -> Path:
    """Where `ffmpeg` or `MP4Box` is: as the environment says, or (ffmpeg) the pinned binary, or on PATH.

    Raises ProgramNotFoundError.
    """
    variable = f"NEUDASH_{name.upper()}"
    wanted = os.environ.get(variable)
    found = shutil.which(wanted) if wanted else (_pinned(name) or shutil.which(name))
    if found is None:
        where = f"{variable} names {wanted!r}, which is not a program" if wanted else f"{name} was not found"
        raise ProgramNotFoundError(f"{where}; {_HOW_TO_GET[name]}")
    return Path(found)


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
    on_progress: Callable[[RunProgress], None] | None = None,
    input: bytes | None = None,
    cwd: Path | None = None,
    with_stderr: bool = False,
) -> bytes:
    """Run a program to its end and return its stdout, after it stderr if `with_stderr` asks for it.

    `deadline_s` counts from the start, with `on_progress` from the last report that tells of more than the one before.
    With it the program must be an ffmpeg told to `-progress pipe:1`; its reports are taken off stdout, the result is
    empty, and the calls come from this thread. `input` is written to the program's stdin, which is closed otherwise.
    Raises ProgramFailedError, and ProgramNotFoundError if `arguments[0]` cannot be started.
    """
    with started(arguments, stdin=input is not None, cwd=cwd) as running:
        output: list[bytes] = []
        reports: queue.SimpleQueue[RunProgress] = queue.SimpleQueue()
        pipes = running.process
        if on_progress is None:
            readers = [running.thread(_read_output, pipes.stdout, output)]
        else:
            readers = [running.thread(_read_reports, pipes.stdout, reports)]
        if input is not None:
            readers.append(running.thread(_write_input, pipes.stdin, input))
        _wait(running, deadline_s, reports, on_progress)
        for reader in readers:
            reader.join()
        _pass_on(reports, on_progress)
        running.check_status()
        if with_stderr:
            output.append(running.tail().encode())
    return b"".join(output)


def _wait(
    running: Running,
    deadline_s: float,
    reports: queue.SimpleQueue[RunProgress],
    on_progress: Callable[[RunProgress], None] | None,
) -> None:
    """Until the program has ended, its reports passed on in the thread that waits."""
    deadline, reached = monotonic() + deadline_s, (0, 0.0)
    while (left_s := deadline - monotonic()) > 0:
        with suppress(subprocess.TimeoutExpired):
            running.process.wait(min(left_s, _REPORT_EVERY_S))
            return
        latest = _pass_on(reports, on_progress)
        if latest is not None and (latest.frames, latest.media_s) != reached:
            deadline, reached = monotonic() + deadline_s, (latest.frames, latest.media_s)
    if on_progress is not None:
        raise running.failure(f"came no further for {deadline_s:.0f} s")
    raise running.failure(f"was still running after {deadline_s:.0f} s")


def _pass_on(
    reports: queue.SimpleQueue[RunProgress], on_progress: Callable[[RunProgress], None] | None
) -> RunProgress | None:
    """Returns the last of what has been passed on."""
    latest = None
    while on_progress is not None and not reports.empty():
        latest = reports.get()
        on_progress(latest)
    return latest


def stream(arguments: Sequence[str], *, frame_bytes: int, deadline_s: float) -> Iterator[bytes]:
    """Yield a program's stdout in pieces of exactly `frame_bytes`; closing the iterator ends it.

    `deadline_s` is the longest wait for one piece, so a slow reader costs nothing.
    Raises ProgramFailedError, also if the output is no whole number of pieces.
    """
    with started(arguments, stdin=False, cwd=None) as running:
        pieces: queue.Queue[bytes] = queue.Queue(maxsize=4)
        abandoned = threading.Event()
        running.thread(_read_pieces, running.process.stdout, frame_bytes, pieces, abandoned)
        try:
            while piece := _next_piece(pieces, running, deadline_s):
                if len(piece) != frame_bytes:
                    raise running.failure("ended in the middle of a frame")
                yield piece
            running.check_status()
        finally:
            abandoned.set()


@contextmanager
def fed(arguments: Sequence[str], *, deadline_s: float, cwd: Path | None = None) -> Iterator[Callable[[bytes], None]]:
    """A running program that is written to bit by bit: yields the function that writes to its stdin.

    Leaving the block closes stdin and waits for the end; leaving it by an exception ends the program.
    `deadline_s` is the longest wait for one write, and for the end. Raises ProgramFailedError.
    """
    with started(arguments, stdin=True, cwd=cwd) as running:
        pipe = running.process.stdin
        assert pipe is not None

        def write(data: bytes) -> None:
            # A program that hangs is killed, which breaks the pipe and so ends the write.
            watchdog = threading.Timer(deadline_s, running.process.kill)
            watchdog.start()
            try:
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


def _read_reports(pipe: IO[bytes], reports: queue.SimpleQueue[RunProgress]) -> None:
    report: dict[str, str] = {}
    for line in pipe:
        key, _, value = line.decode("utf-8", "replace").strip().partition("=")
        report[key] = value.strip()
        if key == "progress":
            reports.put(parse_progress(report))


def parse_progress(report: dict[str, str]) -> RunProgress:
    """One block of `-progress` output as numbers; what ffmpeg does not know yet (`N/A`) is 0."""
    frames, microseconds = report.get("frame", "0"), report.get("out_time_us", "0")
    return RunProgress(
        frames=int(frames) if frames.isdecimal() else 0,
        media_s=int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0,
        speed=report.get("speed", "N/A"),
    )


def _write_input(pipe: IO[bytes], data: bytes) -> None:
    try:
        pipe.write(data)
        pipe.close()
    except OSError:  # the program ended before it had read everything; its status says whether that is an error
        _LOG.debug("input was not read to its end")


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
