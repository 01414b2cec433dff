"""Results kept by what they were made of: bytes and source code. A changed input or program is measured anew."""

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
    """16 hex digits over all parts; of a Path the content, of anything else its text."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else f"{part}\n".encode())
    return digest.hexdigest()[:16]


@cache
def code_digest(names: tuple[str, ...]) -> str:
    """Over the Python files of packages and modules, named from the root: `media`, `player/frames/enlarge.py`."""
    files: list[Path] = []
    for name in names:
        path = ROOT / name
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return digest_of(*files)


class Cache:
    """JSON results in a folder, one file a key."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self._folder, self._fresh = folder, fresh

    def result(self, name: str, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was kept for that key, or what `make` returns now."""
        kept = self.known(name, key)
        if kept is not None:
            return kept
        made = make()
        self.keep(name, key, made)
        return made

    def known(self, name: str, key: str) -> dict[str, Any] | None:
        """What was kept for that key."""
        path = self._path(name, key)
        if self._fresh or not path.exists():
            return None
        kept: dict[str, Any] = json.loads(path.read_bytes())
        return kept

    def keep(self, name: str, key: str, value: dict[str, Any]) -> None:
        """A killed run leaves no half of it."""
        publish_file(self._path(name, key), json.dumps(value).encode())

    def _path(self, name: str, key: str) -> Path:
        return self._folder / f"{name}-{key}.json"
