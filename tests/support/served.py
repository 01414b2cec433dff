"""Runs `neudash serve` as a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A running `neudash serve`, and what it wrote down of each request."""

    manifest_url: str
    access_log: Path
    process: subprocess.Popen[str]

    def requests(self) -> list[dict[str, object]]:
        """One record for each answer so far."""
        return [json.loads(line) for line in self.access_log.read_text().splitlines()]

    def count(self, kind: str) -> int:
        """Answers about files of a kind: video, audio, model, manifest."""
        return sum(record["kind"] == kind for record in self.requests())

    def stop(self) -> None:
        """Ends the server; once ended it stays so."""
        self.process.terminate()
        self.process.wait(timeout=30)


@contextlib.contextmanager
def serving(root: Path, access_log: Path, port: int = 0) -> Iterator[Served]:
    """`python -m server` as a process of its own, on a free port unless one is given."""
    command = [sys.executable, "-m", "server", str(root), "--port", str(port), "--access-log", str(access_log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            served = Served(process.stdout.readline().strip(), access_log, process)
            yield served
        finally:
            process.terminate()
            process.wait(timeout=30)
