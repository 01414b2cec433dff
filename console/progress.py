"""One look for all long work: a bar with ETA, then elapsed time, on stderr; plain lines where there is no terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text


def progress(*, quiet: bool = False) -> Progress:
    """A bar on stderr, to be used as a context manager; `add_task` and `update` as in rich.

    It appears with its first task, so that what fails before says its one line alone. Each task may carry a `note`
    field, shown last (a gain, a speed). Without a terminal rich prints the final state once, so that logs stay
    readable.
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
    """What is left, marked as such, and in the end what it took."""

    def render(self, task: Task) -> Text:
        time = super().render(task)
        return time if task.finished or not time else Text.assemble("eta ", time)


def _fixed() -> Column:
    return Column(no_wrap=True)
