"""Keeps results by a digest of their inputs and source code, so that a changed input or program is measured again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from manifests.files import publish_file

ROOT = Path(__file__).parents[1]


def digest_of(*parts: object) -> str:
    """Returns 16 hex digits over all parts: the content of a Path, the text of anything else."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else f"{part}\n".encode())
    return digest.hexdigest()[:16]


@cache
def code_digest(names: tuple[str, ...]) -> str:
    """Returns a digest of Python files; `names` are packages and modules from the root: `media`, `bench/machine.py`."""
    files: list[Path] = []
    for name in names:
        path = ROOT / name
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return digest_of(*files)


class Cache:
    """Keeps JSON results in a folder, one file for each name and key."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self._folder, self._fresh = folder, fresh

    def result(self, name: str, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Returns the kept result of a key; if there is none, keeps and returns that of `make`."""
        kept = self.known(name, key)
        if kept is not None:
            return kept
        made = make()
        self.keep(name, key, made)
        return made

    def known(self, name: str, key: str) -> dict[str, Any] | None:
        """Returns the kept result of a key; None if there is none, or if everything is to be measured afresh."""
        path = self._path(name, key)
        if self._fresh or not path.exists():
            return None
        kept: dict[str, Any] = json.loads(path.read_bytes())
        return kept

    def keep(self, name: str, key: str, value: dict[str, Any]) -> None:
        """Keeps a result. The file is published whole, so a killed run leaves no part of it."""
        publish_file(self._path(name, key), json.dumps(value).encode())

    def _path(self, name: str, key: str) -> Path:
        return self._folder / f"{name}-{key}.json"
