"""Starts the real programs as a person would: `neudash package`, `train`, `serve`, `play`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STOP_DEADLINE_S = 20
STDERR = 2
"""Descriptor to which programs print, so that only tables go to stdout; `sys.stderr` may not be a file."""


class BenchError(Exception):
    """Raised if a measurement fails, or a program that it runs."""


def neudash(*arguments: str | Path) -> float:
    """Runs one command to its end, with its output on our stderr; returns the seconds it took. Raises BenchError."""
    command = _command(arguments)
    started_s = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=STDERR, check=False)
    if done.returncode != 0:
        raise BenchError(f"`neudash {' '.join(map(str, arguments))}` ended with {done.returncode}")
    return time.monotonic() - started_s


@contextmanager
def served(root: Path, *arguments: str | Path) -> Iterator[str]:
    """Serves what is below `root` on a free port of this machine; yields the first manifest's address.

    `arguments` are further arguments of `neudash serve`. Raises BenchError.
    """
    command = _command(["serve", root, "--port", "0", *arguments])
    with start_command(command, cwd=ROOT) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address.startswith("http"):
            raise BenchError(f"`neudash serve {root}` printed no address")
        yield address


@contextmanager
def start_command(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Starts a program that is ended with the block, and whose stdout can be read."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-m", "neudash", *map(str, arguments)]
