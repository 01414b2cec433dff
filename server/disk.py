"""Opening a listed file inside its bundle and reading slices of it, never blocking the event loop."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import stat
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiofiles
import brotli
from aiofiles.threadpool.binary import AsyncFileIO

# Most segments are smaller: one read, one write. Bigger files never take more memory than this per reader.
CHUNK_BYTES = 1 << 20
_SMALL_TEXT_BYTES = 1 << 16
_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None) if hasattr(os, "preadv") else None
_SEEKING = threading.Lock()
# What is read at once goes into the same memory again and again: fresh memory is zeroed first, and cold.
_BLOCK = bytearray(CHUNK_BYTES)
_UNUSED = sys.getrefcount(_BLOCK)

# Not on every system: O_NOFOLLOW refuses a link, O_NONBLOCK keeps a pipe named as a segment from blocking.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BY_FOLDER = os.open in os.supports_dir_fd and _NO_LINK != 0

Block = bytes | bytearray | memoryview
"""Bytes of a file."""
Signature = tuple[int, int, int]
"""(inode, size, modification time in ns): while it is the same, so is the content."""


class NotServableError(OSError):
    """A path inside a bundle that is not a plain file of that bundle."""


def signature_of(status: os.stat_result) -> Signature:
    """The Signature of a file's status. Raises NotServableError if it is no plain file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotServableError("not a plain file")
    return status.st_ino, status.st_size, status.st_mtime_ns


def opener_inside(root: Path, href: str) -> Callable[[str, int], int]:
    """An opener for `open()` that reaches `href` below `root` without following a link at any step below it.

    Without openat(2) the path is resolved and compared with the root instead. Raises OSError.
    """

    def walk(_path: str, _flags: int) -> int:
        if not _BY_FOLDER:
            return os.open(resolved_inside(root, href), _FLAGS)
        *folders, name = href.split("/")
        folder = os.open(root, os.O_RDONLY | _FOLDER)
        try:
            for part in folders:
                inner = os.open(part, os.O_RDONLY | _FOLDER | _NO_LINK, dir_fd=folder)
                os.close(folder)
                folder = inner
            return os.open(name, _FLAGS | _NO_LINK, dir_fd=folder)
        finally:
            os.close(folder)

    return walk


def resolved_inside(root: Path, href: str) -> Path:
    """The real path of `href`, if no link below `root` was needed to get there. Raises NotServableError."""
    straight = root.resolve(strict=True).joinpath(*href.split("/"))
    if straight.resolve() != straight:
        raise NotServableError(f"{href} leads through a link")
    return straight


async def open_inside(root: Path, href: str) -> AsyncFileIO:
    """`href` below `root`, opened for reading off the event loop. Raises OSError; the caller closes it."""
    return await aiofiles.open(root / href, "rb", buffering=0, opener=opener_inside(root, href))


@dataclass(frozen=True)
class Content:
    """What reading a file whole tells."""

    size_bytes: int
    sha256: str
    """In hex."""
    bodies: Mapping[str | None, bytes]
    """What is kept in memory: packed forms by their coding, and by None the file itself where it was rewritten."""


def content_of(descriptor: int, *, pack: bool, rewrite: Callable[[bytes], bytes] | None = None) -> Content:
    """Of a whole open file, as `rewrite` changes it. Blocks. Raises OSError, and what `rewrite` does."""
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        if not pack:
            digest = hashlib.sha256()
            size_bytes = 0
            while block := file.read(CHUNK_BYTES):
                digest.update(block)
                size_bytes += len(block)
            return Content(size_bytes, digest.hexdigest(), {})
        data = file.readall() or b""
    whole = data if rewrite is None else rewrite(data)
    bodies: dict[str | None, bytes] = {} if rewrite is None else {None: whole}
    # The best brotli takes 2 ms for a kilobyte: too long for what is large.
    quality = 11 if len(whole) <= _SMALL_TEXT_BYTES else 5
    forms = {"br": brotli.compress(whole, quality=quality), "gzip": gzip.compress(whole, 9, mtime=0)}
    bodies |= {coding: form for coding, form in forms.items() if len(form) < len(whole)}
    return Content(len(whole), hashlib.sha256(whole).hexdigest(), bodies)


def read_now(descriptor: int, start: int, length: int) -> memoryview | bytearray | None:
    """A slice of a file if it lies in memory; None where the disk would have to be asked, or where nobody can tell.

    For the thread of the event loop alone, and for CHUNK_BYTES at most. Raises NotServableError where the file ends
    before the slice does.
    """
    if _NOWAIT is None:
        return None
    # Whoever has not sent all of the last slice holds a view of it, and a view counts as a reference.
    buffer = memoryview(_BLOCK)[:length] if sys.getrefcount(_BLOCK) == _UNUSED else bytearray(length)
    try:
        count = os.preadv(descriptor, [buffer], start, _NOWAIT)
    except OSError:
        return None
    if count == length:
        return buffer
    # Less is what lies in memory, or all there is.
    if os.fstat(descriptor).st_size < start + length:
        raise NotServableError("a file became shorter while it was served")
    return None


async def read_slice(descriptor: int, start: int, length: int) -> bytes:
    """A slice of a file, read in a thread. Raises OSError, also where the file ends before the slice does."""
    block = await asyncio.to_thread(_read, descriptor, start, length)
    if len(block) != length:
        raise NotServableError("a file became shorter while it was served")
    return block


def _read(descriptor: int, start: int, length: int) -> bytes:
    blocks = []
    while length > 0 and (block := _pread(descriptor, length, start)):
        blocks.append(block)
        start += len(block)
        length -= len(block)
    return b"".join(blocks)


def _pread(descriptor: int, length: int, start: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, length, start)
    # A descriptor has one place, and several readers.
    with _SEEKING:
        os.lseek(descriptor, start, os.SEEK_SET)
        return os.read(descriptor, length)
