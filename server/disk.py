"""Opens listed files inside their bundle and reads slices of them without blocking the event loop."""

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

# Most segments are smaller and need one read and one write. Larger files never take more memory per reader.
CHUNK_BYTES = 1 << 20
_SMALL_TEXT_BYTES = 1 << 16
_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None) if hasattr(os, "preadv") else None
_SEEKING = threading.Lock()
# Immediate reads share this buffer: new memory would have to be zeroed and is not in the CPU's cache.
_BLOCK = bytearray(CHUNK_BYTES)
_UNUSED = sys.getrefcount(_BLOCK)

# Absent on some systems. O_NOFOLLOW refuses links; O_NONBLOCK keeps a pipe with a segment's name from blocking.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BY_FOLDER = os.open in os.supports_dir_fd and _NO_LINK != 0

Block = bytes | bytearray | memoryview
"""Bytes of a file, or a part of them."""
Signature = tuple[int, int, int]
"""(inode, size in bytes, modification time in ns): if it is the same, the content is taken to be the same."""


class NotServableError(OSError):
    """Raised for a path inside a bundle that is not a regular file of that bundle."""


def signature_of(status: os.stat_result) -> Signature:
    """Returns the Signature of a file's status. Raises NotServableError if it is not a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotServableError("not a regular file")
    return status.st_ino, status.st_size, status.st_mtime_ns


def opener_inside(root: Path, href: str) -> Callable[[str, int], int]:
    """Returns an opener for `open()` that reaches `href` below `root` and follows no link below `root`.

    Systems without openat(2) resolve the path and compare it with the root instead. The opener raises OSError.
    """

    def walk(_path: str, _flags: int) -> int:
        if not _BY_FOLDER:
            return os.open(resolved_inside(root, href), _FLAGS)
        # One folder at a time: nobody can put a link in between after the check.
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
    """Returns the real path of `href`. Raises NotServableError if a link below `root` leads there."""
    straight = root.resolve(strict=True).joinpath(*href.split("/"))
    if straight.resolve() != straight:
        raise NotServableError(f"{href} leads through a link")
    return straight


async def open_inside(root: Path, href: str) -> AsyncFileIO:
    """Opens `href` below `root` for reading, off the event loop. Raises OSError. The caller closes the file."""
    return await aiofiles.open(root / href, "rb", buffering=0, opener=opener_inside(root, href))


@dataclass(frozen=True)
class Content:
    """Result of reading a whole file."""

    size_bytes: int
    sha256: str
    """Hash of the bytes that are served, in hex."""
    bodies: Mapping[str | None, bytes]
    """Bodies kept in memory: packed forms by their coding, and under None the file itself if it was rewritten."""


def content_of(descriptor: int, *, pack: bool, rewrite: Callable[[bytes], bytes] | None = None) -> Content:
    """Reads a whole open file; if `pack` is set, also rewrites and packs it. Blocks.

    Raises OSError, and what `rewrite` raises. `rewrite` is ignored without `pack`.
    """
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        # Segments may be large and only need their hash, so they are read in blocks.
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
    # Brotli at its best quality takes 2 ms per kilobyte, which is too slow for large files.
    quality = 11 if len(whole) <= _SMALL_TEXT_BYTES else 5
    forms = {"br": brotli.compress(whole, quality=quality), "gzip": gzip.compress(whole, 9, mtime=0)}
    # A packed form that is not smaller is of no use.
    bodies |= {coding: form for coding, form in forms.items() if len(form) < len(whole)}
    return Content(len(whole), hashlib.sha256(whole).hexdigest(), bodies)


def read_now(descriptor: int, start: int, length: int) -> memoryview | bytearray | None:
    """Returns a slice of a file from the page cache; None if it is not there or the system cannot report it.

    Call it only in the thread of the event loop, for at most CHUNK_BYTES. The next call may reuse the memory once no
    view of it is left. Raises NotServableError if the file ends before the slice does.
    """
    if _NOWAIT is None:
        return None
    # A transfer that has not sent its last slice holds a view of the buffer, which counts as a reference.
    buffer = memoryview(_BLOCK)[:length] if sys.getrefcount(_BLOCK) == _UNUSED else bytearray(length)
    try:
        count = os.preadv(descriptor, [buffer], start, _NOWAIT)
    except OSError:
        return None
    if count == length:
        return buffer
    # A short read has two causes: the rest is not in the cache, or the file ends here.
    if os.fstat(descriptor).st_size < start + length:
        raise NotServableError("a file became shorter while it was served")
    return None


async def read_slice(descriptor: int, start: int, length: int) -> bytes:
    """Reads a slice of a file in a thread. Raises OSError, also if the file ends before the slice does."""
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
    # Several readers share the descriptor, and it has only one position.
    with _SEEKING:
        os.lseek(descriptor, start, os.SEEK_SET)
        return os.read(descriptor, length)
