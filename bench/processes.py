"""Starts processes to be measured on a core of their own, and reads their CPU time and memory from /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path


def pinned(core: int, command: list[str]) -> list[str]:
    """Returns `command` bound to one core; on a machine with fewer cores, to its last."""
    return ["taskset", "-c", str(min(core, (os.cpu_count() or 1) - 1)), *command]


def cpu_s(pid: int) -> float:
    """Returns the CPU seconds that a process has used, in user mode and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional_bytes(pid: int) -> int:
    """Returns the memory of a process, with shared pages divided among those that share them. Raises OSError."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/smaps_rollup has no Pss")
