"""Mapped arrays keep on disk what long titles would need memory for."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest

from trainer.data.mapped_arrays import MappedArrays


def test_arrays_come_back_as_they_were_while_anybody_has_one(tmp_path: Path) -> None:
    scratch = MappedArrays(tmp_path / "new", np.int8)
    random = np.random.default_rng(0)
    # Not contiguous, as decoders give them.
    added = [random.integers(-128, 128, (7, 12), dtype=np.int8)[:, :9] for _ in range(5)]
    for array in added:
        scratch.add(array)
    back = scratch.arrays()
    assert all(np.array_equal(one, other) for one, other in zip(back, added, strict=True))
    last = back.pop()
    del scratch, back
    gc.collect()
    assert np.array_equal(last, added[-1])
    assert not last.flags.writeable


def test_nothing_added_is_nothing_back_and_nothing_left(tmp_path: Path) -> None:
    assert MappedArrays(tmp_path, np.uint8).arrays() == []
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_memory_does_not_hold_them(tmp_path: Path) -> None:
    """Anonymous memory stays small, which nobody can take back; the system can take pages of a file."""
    scratch, before = MappedArrays(tmp_path, np.uint8), _anonymous_bytes()
    for _ in range(64):
        scratch.add(np.full((1024, 1024), 7, np.uint8))
    arrays = scratch.arrays()
    assert all(array.min() == 7 for array in arrays)
    assert _anonymous_bytes() - before < 16 << 20


def _anonymous_bytes() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) << 10
