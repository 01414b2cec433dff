"""Progress of long work, the same for all commands: a bar with ETA, then elapsed time; plain lines without a
terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text


def progress(*, quiet: bool = False) -> Progress:
    """Returns a progress bar on stderr, to be used as a context manager; `add_task` and `update` as in rich.

    It appears with its first task, so that an earlier error is one line only. Each task may have a `note` field, shown
    last (a gain, a speed). Without a terminal rich prints the final state once, so that logs stay readable.
    """
    return _LateProgress(
        TextColumn("{task.description}", table_column=_fixed()),
        # The one column that gives way on a narrow terminal.
        BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=28)),
        TextColumn("{task.percentage:>3.0f} %", table_column=_fixed()),
        _TimeColumn(elapsed_when_finished=True, table_column=_fixed()),
        TextColumn("{task.fields[note]}", table_column=_fixed()),
        console=Console(stderr=True),
        expand=True,
        disable=quiet,
    )


class _LateProgress(Progress):
    def __enter__(self) -> _LateProgress:
        return self

    def add_task(self, description: str, *args: Any, **fields: Any) -> TaskID:
        task = super().add_task(description, *args, **fields)
        self.start()
        return task

    def stop(self) -> None:
        if self.live.is_started:  # else rich still ends the line that it has not begun
            super().stop()


class _TimeColumn(TimeRemainingColumn):
    """Time left while a task runs, marked as such, and time taken at the end."""

    def render(self, task: Task) -> Text:
        time = super().render(task)
        return time if task.finished or not time else Text.assemble("eta ", time)


def _fixed() -> Column:
    return Column(no_wrap=True)
