"""Opening a listed file inside its bundle and sending slices of it, never blocking the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiofiles
from aiofiles.threadpool.binary import AsyncFileIO
from starlette.types import Message, Receive, Send

from server.delivery import Answer

# Most segments are smaller: one read, one message. Bigger files never take more memory than this per reader.
CHUNK_BYTES = 1 << 20
_GZIP = 31
"""Of zlib: a gzip head, without a time in it."""

# Not on every system: O_NOFOLLOW refuses a link, O_NONBLOCK keeps a pipe named as a segment from blocking.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BY_FOLDER = os.open in os.supports_dir_fd and _NO_LINK != 0

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

    sha256: str
    """In hex."""
    packed: bytes | None
    """Its gzip form, where that was asked for and is smaller."""


async def content_of(file: AsyncFileIO, *, pack: bool) -> Content:
    """Of a whole open file, computed in a thread."""
    return await asyncio.to_thread(_content, file.fileno(), pack)


def _content(descriptor: int, pack: bool) -> Content:
    digest, size_bytes = hashlib.sha256(), 0
    packer = zlib.compressobj(9, wbits=_GZIP) if pack else None
    packed = bytearray()
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        while block := file.read(CHUNK_BYTES):
            digest.update(block)
            size_bytes += len(block)
            if packer is not None:
                packed += packer.compress(block)
    if packer is not None:
        packed += packer.flush()
    return Content(digest.hexdigest(), bytes(packed) if packer is not None and len(packed) < size_bytes else None)


async def send_slice(file: AsyncFileIO, answer: Answer, receive: Receive, send: Send) -> None:
    """The body of `answer` from `file`, after its head was sent; stops early when the client has gone."""
    # No disk is touched by this, so it needs no thread.
    os.lseek(file.fileno(), answer.start, os.SEEK_SET)
    left = answer.length
    gone = asyncio.ensure_future(_disconnected(receive)) if left > CHUNK_BYTES else None
    try:
        while left > 0 and not (gone and gone.done()):
            block = await file.read(min(left, CHUNK_BYTES))
            if not block:
                raise NotServableError("a file became shorter while it was sent")
            left -= len(block)
            await send(_body(block, more=left > 0))
    finally:
        if gone:
            gone.cancel()


def _body(block: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": block, "more_body": more}


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
