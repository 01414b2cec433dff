"""Runs calls in worker processes; if one fails, the others are killed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import TypeVar

from loky.backend import get_context
from loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError

from trainer.errors import TrainingError

_Result = TypeVar("_Result")


def run_in_processes(
    calls: Sequence[Callable[[], _Result]], jobs: int, on_done: Callable[[int], None] = lambda index: None
) -> list[_Result]:
    """Runs the calls, at most `jobs` at a time, and returns their results in order; `on_done` receives the index of
    each that ends.

    An error in one of them, or Ctrl-C here, kills the others at once and is raised. Raises TrainingError if a process
    was killed.
    """
    # Fresh processes, not forks: TensorFlow's threads do not survive a fork.
    pool = ProcessPoolExecutor(jobs, context=get_context("loky"), initializer=_ignore_interrupts)
    try:
        indices = {pool.submit(call): index for index, call in enumerate(calls)}
        for future in as_completed(indices):
            future.result()
            on_done(indices[future])
        return [future.result() for future in indices]
    except TerminatedWorkerError as error:
        raise TrainingError(
            "a training process was killed, most likely for want of memory; the same command goes on from what is "
            "finished, with fewer --jobs"
        ) from error
    finally:
        pool.shutdown(kill_workers=True)


def _ignore_interrupts() -> None:
    # A terminal sends Ctrl-C to all processes; the one that started us decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
