"""Models that are shipped with the player: a title that names one has it at once, for no bytes.

A name means the same weights for ever: better weights get a new name (`generic-c16d2-1`, `generic-c16d2-2`).
"""

from __future__ import annotations

from pathlib import Path

from manifests.errors import BundleError

FOLDER = Path(__file__).with_name("builtin")
"""Holds `<name>.ndm` for each."""


class UnknownBuiltinModelError(BundleError):
    """A built-in model that this version does not have; a later one may. Its segments are played plainly."""


def builtin_names() -> tuple[str, ...]:
    """The names of all built-in models, in order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.ndm")))


def builtin_model(name: str) -> bytes:
    """The model file called `name`. Raises UnknownBuiltinModelError."""
    # Looked up, never joined to a path as it came: the name is a manifest's.
    if name not in builtin_names():
        raise UnknownBuiltinModelError(f"there is no built-in model {name[:64]!r} in this version")
    return (FOLDER / f"{name}.ndm").read_bytes()
