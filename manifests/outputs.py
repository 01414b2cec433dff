"""Files that a command is told to write: checked before minutes of work, not after them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from manifests.errors import BundleError


class OverwritesError(BundleError):
    """An output that would take the place of an input, or of another output."""


def check_distinct(outputs: Iterable[Path], inputs: Iterable[Path] = ()) -> None:
    """Raises OverwritesError where two outputs, or an output and an input, are one file."""
    read = {path.resolve() for path in inputs}
    written: set[Path] = set()
    for path in outputs:
        place = path.resolve()
        if place in read:
            raise OverwritesError(f"{path} is what is read, and would be overwritten; name another file")
        if place in written:
            raise OverwritesError(f"{path} is to be written twice; name two files")
        written.add(place)
