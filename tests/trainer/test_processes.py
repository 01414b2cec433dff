"""Calls in processes of their own. (The calls are the standard library's: a new process cannot import this file.)"""

from __future__ import annotations

import operator
import os
import signal
import time
from functools import partial
from multiprocessing import active_children
from typing import TYPE_CHECKING

import pytest

from trainer.errors import TrainingError
from trainer.processes import run_in_processes

if TYPE_CHECKING:
    from pathlib import Path

LONG = partial(time.sleep, 3600)
"""Longer than any test may take: one that waits for its end fails."""


def test_results_come_in_the_order_of_the_calls_and_each_end_is_told() -> None:
    told: list[int] = []
    assert run_in_processes([partial(operator.add, n, 1) for n in range(5)], 2, told.append) == [1, 2, 3, 4, 5]
    assert sorted(told) == [0, 1, 2, 3, 4]
    assert not active_children()


def test_what_one_raises_ends_the_others_and_starts_no_more(tmp_path: Path) -> None:
    later = [partial((tmp_path / str(n)).touch) for n in range(20)]
    with pytest.raises(ValueError, match="nonsense"):
        run_in_processes([LONG, partial(int, "nonsense"), LONG, LONG, *later], 2)
    assert not active_children()
    assert not list(tmp_path.iterdir())


def test_a_process_that_is_killed_is_told_with_what_to_do() -> None:
    with pytest.raises(TrainingError, match="fewer --jobs"):
        run_in_processes([LONG, partial(os._exit, 137)], 2)
    assert not active_children()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_all_of_them() -> None:
    with pytest.raises(KeyboardInterrupt):
        run_in_processes([LONG, partial(os.kill, os.getpid(), signal.SIGINT), LONG, LONG], 2)
    assert not active_children()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_is_for_the_one_that_started_them() -> None:
    """A terminal sends it to all."""
    assert run_in_processes([partial(signal.raise_signal, signal.SIGINT)], 1) == [None]
