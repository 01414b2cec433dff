"""Results kept by what they were made of: bytes and source code. A changed input or program is measured anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def digest_of(*parts: object) -> str:
    """16 hex digits over all parts; of a Path the content, of anything else its text."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else f"{part}\n".encode())
    return digest.hexdigest()[:16]


@cache
def code_digest(names: tuple[str, ...]) -> str:
    """Over the Python files of packages and modules, named from the root: `media`, `player/enlarge.py`."""
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
        path = self._folder / f"{name}-{key}.json"
        if path.exists() and not self._fresh:
            kept: dict[str, Any] = json.loads(path.read_bytes())
            return kept
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made), encoding="utf-8")
        return made
