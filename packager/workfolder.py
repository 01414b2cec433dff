"""Work folder `.work/<key>` in the bundle, in which finished pieces wait for the next run."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = ".work"


def settings_key(settings: dict[str, Any]) -> str:
    """Sixteen hex digits that differ when any of the settings (JSON values) does."""
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


class WorkFolder:
    """Finished pieces under their names, unfinished ones under names that no run looks for."""

    def __init__(self, bundle: Path, key: str) -> None:
        self.root = bundle / FOLDER / key
        """Absolute where `bundle` is."""

    def open(self) -> None:
        """Make the folder; throw away what runs with other settings, or killed ones, have left half done."""
        self.root.mkdir(parents=True, exist_ok=True)
        for other in self.root.parent.iterdir():
            if other != self.root:
                _remove(other)
        for leftover in self.root.glob("tmp-*"):
            _remove(leftover)

    def has(self, name: str) -> bool:
        """Returns True if a run has finished this piece."""
        return (self.root / name).exists()

    def unfinished(self, name: str) -> Path:
        """A fresh path for work on that piece; the file name ends in `name`."""
        return self.root / f"tmp-{secrets.token_hex(4)}-{name}"

    def finish(self, name: str, unfinished: Path) -> Path:
        """Give finished work its name, in one step."""
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        return unfinished.replace(path)

    def made(self, name: str, make: Callable[[Path], None]) -> Path:
        """The finished piece: as it is, or made by `make(path)` first."""
        if not self.has(name):
            path = self.unfinished(name)
            make(path)
            self.finish(name, path)
        return self.root / name

    def close(self) -> None:
        """Remove everything: the bundle is published."""
        shutil.rmtree(self.root.parent, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
