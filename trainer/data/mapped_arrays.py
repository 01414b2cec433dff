"""Arrays that memory need not hold: in a file without a name, which the system keeps in memory while there is room."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", np.uint8, np.int8)


class MappedArrays(Generic[_Scalar]):
    """Stores arrays of one shape and returns them memory-mapped; the file disappears with the last of them.

    `folder` selects the disk, and is made if it is missing.
    """

    def __init__(self, folder: Path, scalar: type[_Scalar]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as this object, mapped for longer
        self._scalar: type[_Scalar] = scalar
        self._shapes: list[tuple[int, ...]] = []

    def add(self, array: NDArray[_Scalar]) -> None:
        """Appends an array. Raises OSError if the disk is full. (Writing into a map would end the process.)"""
        self._file.write(np.ascontiguousarray(array).data)
        self._shapes.append(array.shape)

    def arrays(self) -> list[NDArray[_Scalar]]:
        """Returns all arrays in order, read-only."""
        if not self._shapes:
            return []
        self._file.flush()
        assert len(set(self._shapes)) == 1, "they are alike"
        mapped = np.memmap(self._file, self._scalar, mode="r", shape=(len(self._shapes), *self._shapes[0]))
        return list(np.asarray(mapped))
