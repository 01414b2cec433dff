"""Runs calls in worker processes; if one fails, the others are terminated.

A `ProcessPoolExecutor` cannot stop running calls, and that of Python 3.11 can wait forever for a worker that was
killed.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from trainer.errors import TrainingError

_Result = TypeVar("_Result")

# Spawned, not forked: TensorFlow's threads do not survive a fork.
_CONTEXT = get_context("spawn")


def run_in_processes(
    calls: Sequence[Callable[[], _Result]], jobs: int, on_done: Callable[[int], None] = lambda index: None
) -> list[_Result]:
    """Runs the calls, at most `jobs` at a time, and returns their results; `on_done` receives the index of each that
    ends.

    An error in one of them, or Ctrl-C here, ends the others at once and is raised. Raises TrainingError if a process
    was killed.
    """
    results: dict[int, _Result] = {}
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    next_index = 0
    try:
        while len(results) < len(calls):
            while next_index < len(calls) and len(running) < jobs:
                pipe, process = _started()
                running[pipe] = (next_index, process)
                _send(pipe, calls[next_index])
                next_index += 1
            ended = wait(list(running))
            for pipe, (index, process) in list(running.items()):
                if pipe in ended:
                    results[index] = _result(pipe, process)
                    _end(pipe, process)
                    del running[pipe]
                    on_done(index)
    finally:
        for pipe, (_, process) in running.items():
            _end(pipe, process)
    return [results[index] for index in range(len(calls))]


def _started() -> tuple[Connection, BaseProcess]:
    """A process that waits for its call, and the pipe to it."""
    pipe, theirs = _CONTEXT.Pipe()
    # A daemon: whatever happens to us between two lines, it does not outlive us.
    process = _CONTEXT.Process(target=_answer, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return pipe, process


def _send(pipe: Connection, call: Callable[[], object]) -> None:
    try:
        pipe.send(call)
    except BrokenPipeError:  # it has ended; waiting for its result tells
        return


def _result(pipe: Connection, process: BaseProcess) -> Any:
    try:
        result, error, told = pipe.recv()
    except (EOFError, ConnectionResetError):
        process.join()
        raise TrainingError(
            f"a training process was killed (status {process.exitcode}), most likely for want of memory; "
            "the same command goes on from what is finished, with fewer --jobs"
        ) from None
    if error is not None:
        raise error from RuntimeError(f"in a process of its own\n{told}")
    return result


def _end(pipe: Connection, process: BaseProcess) -> None:
    pipe.close()
    process.terminate()
    process.join()


def _answer(pipe: Connection) -> None:
    """Runs in the worker: makes the call that arrives, and answers with (result, error, its traceback)."""
    # A terminal sends Ctrl-C to all; the one that started us says what it means. Before the call is read, which imports
    # Keras for seconds.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = pipe.recv()()
    except Exception as error:
        pipe.send((None, error, traceback.format_exc()))
    else:
        pipe.send((result, None, ""))
