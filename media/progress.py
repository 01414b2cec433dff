"""One look for all long work: a bar with elapsed time and ETA on stderr, plain lines where there is no terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column


def progress(*, quiet: bool = False) -> Progress:
    """A bar on stderr, to be used as a context manager; `add_task` and `update` as in rich.

    Each task may carry a `note` field, shown last (a gain, a speed). Without a terminal rich prints the final
    state once, so that logs stay readable.
    """
    return Progress(
        TextColumn("{task.description}", table_column=_fixed()),
        # The one column that gives way on a narrow terminal.
        BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=28)),
        TextColumn("{task.percentage:>3.0f} %", table_column=_fixed()),
        TextColumn("eta"),
        TimeRemainingColumn(elapsed_when_finished=True, table_column=_fixed()),
        TextColumn("{task.fields[note]}", table_column=_fixed()),
        console=Console(stderr=True),
        expand=True,
        disable=quiet,
    )


def _fixed() -> Column:
    return Column(no_wrap=True)
