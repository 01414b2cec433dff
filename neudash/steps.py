"""Steps of a long run: other commands of ours, each shown as a person would type it and timed."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from console.command import python_running
from manifests.errors import NeudashError


class StepFailedError(NeudashError):
    """A step failed. `str()` is the reason, or points to the step that reported it on stderr."""


@dataclass
class Steps:
    """Announces the steps and remembers how long they took."""

    total: int
    taken: list[tuple[str, float]] = field(default_factory=list)
    """Title and seconds of each step that is done."""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Times the block as one step."""
        tell(f"\n[{len(self.taken) + 1}/{self.total}] {title}")
        begin_s = time.monotonic()
        yield
        self.taken.append((title, time.monotonic() - begin_s))

    def summary(self) -> str:
        """Returns a line for each step and one for all."""
        lines = [f"{duration_s:6.1f} s  {title.partition(':')[0]}" for title, duration_s in self.taken]
        return "\n".join([*lines, f"{sum(duration_s for _, duration_s in self.taken):6.1f} s  in all"])


def run_neudash(*arguments: object) -> None:
    """Runs one command as a person would start it. Raises StepFailedError."""
    command = [str(argument) for argument in arguments]
    tell(f"$ neudash {shlex.join(command)}")
    finished = subprocess.run(neudash_command(command), stdin=subprocess.DEVNULL, check=False)  # noqa: S603 - no shell
    if finished.returncode == 130:
        raise KeyboardInterrupt
    if finished.returncode != 0:
        raise StepFailedError(f"`neudash {command[0]}` ended with status {finished.returncode}; its message is above")


def neudash_command(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments of a process that runs a command of this very neudash."""
    return python_running("from neudash.cli import main; sys.exit(main())", *arguments)


def tell(line: str) -> None:
    """Writes a line for people."""
    print(line, file=sys.stderr, flush=True)
