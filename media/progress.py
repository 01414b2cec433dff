"""One look for all long work: a bar with elapsed time and ETA on stderr, plain lines where there is no terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def progress(*, quiet: bool = False) -> Progress:
    """A bar on stderr, to be used as a context manager; `add_task` and `update` as in rich.

    Each task may carry a `note` field, shown last (a gain, a speed). Without a terminal rich prints the final
    state once, so that logs stay readable.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        disable=quiet,
    )
