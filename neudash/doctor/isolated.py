"""Runs a few lines of Python in a process of their own, so that a crash there leaves the doctor alive."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from typing import Any

from console.command import python_running


class ProbeFailedError(Exception):
    """The lines failed or took too long; `str()` is the last line of their output."""


def installed(module: str) -> bool:
    """Returns True if a top-level module can be found, without importing it."""
    return importlib.util.find_spec(module) is not None


def answer_of(lines: str, *, deadline_s: float, environment: dict[str, str] | None = None) -> Any:
    """The JSON value that `lines` print last. Raises ProbeFailedError."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter on our own lines
            python_running(lines),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=deadline_s,
            check=False,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | (environment or {}),
        )
    except subprocess.TimeoutExpired:
        raise ProbeFailedError(f"no answer within {deadline_s:g} s") from None
    except OSError as error:
        raise ProbeFailedError(str(error)) from error
    if done.returncode != 0:
        raise ProbeFailedError(_last_line(done.stderr) or f"the process ended with {done.returncode}")
    try:
        return json.loads(_last_line(done.stdout))
    except ValueError:
        raise ProbeFailedError("no answer") from None


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
