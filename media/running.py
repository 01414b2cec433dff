"""The life of one started program: its pipes, the end of it, and what its last words say."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from media.errors import ProgramFailedError, ProgramNotFoundError

GRACE_S = 5.0
"""Time that a program has to end by itself after its work is done."""
EARLY_GRACE_S = 0.5
"""Time that a program has to end if it is stopped early: its output is discarded, and a person waits."""

_STDERR_LINES = 200
_LOG = logging.getLogger(__name__)

_LOG_PREFIX = re.compile(r"^(?:\[[^\]]* @ 0x[0-9a-f]+\] ?)+")
_SAYS_NOTHING = re.compile(
    "Conversion failed|Nothing was written|Terminating thread|Task finished|Could not open encoder|"
    "Error sending frames|Error opening input file|Error while opening encoder|Error opening output file|"
    r"Error initializing output|Error selecting an encoder|Error setting encoder|^Svt\[(?:info|warn)\]"
)


class Running:
    """A started program, the last lines of its stderr, and the threads that serve its pipes."""

    def __init__(self, arguments: Sequence[str], process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.threads: list[threading.Thread] = []
        # imageio-ffmpeg's binary has its version and platform in its name
        self._name = re.split("[-.]", Path(arguments[0]).name)[0]
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._drain = self.thread(_keep_tail, process.stderr, self._stderr)

    def thread(self, target: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self.threads.append(thread)
        return thread

    def check_status(self) -> None:
        """Wait for the end that has begun, and raise ProgramFailedError unless it is a good one."""
        try:
            status = self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            raise self.failure("closed its output but did not end") from None
        if status != 0:
            raise self.failure(f"ended with status {status}")

    def failure(self, what: str) -> ProgramFailedError:
        tail = self.tail()
        reason = _reason(tail.splitlines())
        return ProgramFailedError(f"{self._name} {what}" + (f": {reason}" if reason else ""), tail)

    def tail(self) -> str:
        """The last lines of stderr."""
        if self.process.poll() is not None:
            self._drain.join(GRACE_S)  # what says why may still be in the pipe
        return "\n".join(line for line in self._stderr if line.strip())

    def end(self) -> None:
        end_process(self.process)
        for thread in self.threads:
            thread.join(GRACE_S)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()


@contextmanager
def start_program(
    arguments: Sequence[str], *, stdin: bool, cwd: Path | None, home: Path | None = None
) -> Iterator[Running]:
    """Starts a program, which has ended when the block is left. `home` is its home folder if it is not ours."""
    # The logged line can be pasted into a shell.
    _LOG.info("%s", shlex.join(arguments))
    try:
        process = subprocess.Popen(  # noqa: S603 - argument lists are built here, no shell reads them
            list(arguments),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=None if home is None else os.environ | {"HOME": str(home)},
            preexec_fn=_die_with_parent(),
        )
    except OSError as error:
        raise ProgramNotFoundError(f"{arguments[0]} cannot be started: {error.strerror}") from error
    running = Running(arguments, process)
    try:
        yield running
    finally:
        running.end()


def _reason(lines: Sequence[str]) -> str:
    """Returns the last line that contains a cause, skipping those that only report consequences."""
    telling = [line for line in lines if not _SAYS_NOTHING.search(line)] or list(lines)
    return _LOG_PREFIX.sub("", telling[-1]).strip() if telling else ""


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Ask the program to end, make it end, and wait until it has."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(EARLY_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _die_with_parent() -> Callable[[], None] | None:
    """Returns a hook that, on Linux, ends the program with us even if we are killed with -9."""
    # The kernel ties this to the thread that forks; only the main thread is sure to live as long as we do.
    if not sys.platform.startswith("linux") or threading.current_thread() is not threading.main_thread():
        return None
    # PyDLL keeps the interpreter's lock: the child of a process with threads must not wait for it.
    prctl = ctypes.PyDLL(None).prctl
    set_parent_death_signal = 1

    def arm() -> None:
        prctl(set_parent_death_signal, signal.SIGKILL)

    return arm


def _keep_tail(pipe: IO[bytes], lines: deque[str]) -> None:
    for line in pipe:
        lines.append(line.decode("utf-8", "replace").rstrip())
