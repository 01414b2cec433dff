"""Writes files such that a reader finds the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from pathlib import Path


def publish_file(path: Path, data: bytes) -> None:
    """Write `data` to `path`, folders included, such that a reader finds the old file or the new one, whole.

    The bytes are on the disk before the name is. Raises OSError; then `path` is as it was.
    """
    _make_folder(path.parent)
    # Not from tempfile: its files can be read by their owner alone, and the server may be another user.
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename = str(path)  # the temporary name says nothing to whoever reads the message
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Raise OSError where `publish_file` could not write to `path`: asked before minutes of work, not after them."""
    _make_folder(path.parent)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        error.filename = str(path)
        raise


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # what mkdir says of a file in its place
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
