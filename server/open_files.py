"""Keeps listed files open, with everything that an answer needs to know of them.

Everything runs in the event loop, and what may wait for a disk is handed to a thread. A descriptor is closed only in
the loop, after its last answer, so that its number never belongs to another file while it is used.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from server import disk, responses
from server.catalogue import Catalogue, Index, ServedFile
from server.metrics import Counters, Traffic

# Bytes up to which a body is kept in memory, which suits models and init segments: 8 MB at most for 512 files.
_KEPT_BYTES = 1 << 14


class OpenFile:
    """One listed file: its descriptor, and the unconditional answer ready to be sent."""

    __slots__ = (
        "bodies",
        "codings",
        "descriptor",
        "facts",
        "plain",
        "served",
        "signature",
        "start",
        "traffic",
        "users",
        "wire",
    )

    def __init__(
        self,
        served: ServedFile,
        descriptor: int,
        signature: disk.Signature,
        content: disk.Content,
        traffic: Traffic,
    ) -> None:
        self.served = served
        self.descriptor = descriptor
        self.signature = signature
        self.bodies = content.bodies
        packed = {coding: len(body) for coding, body in content.bodies.items() if coding is not None}
        self.facts = responses.FileFacts(
            content.size_bytes,
            content.sha256,
            served.media_type,
            served.cache_control,
            signature[2] // 10**9,
            packed,
        )
        self.plain = responses.answer_for(self.facts, "GET", {})
        self.start: dict[str, Any] = start_of(self.plain)
        self.codings = tuple(packed)
        self.wire = {coding: self._wire(coding) for coding in (None, *packed)}
        """Answer to an unconditional GET by coding: (head without its first lines, body if it is in memory, length)."""
        self.traffic = traffic
        self.users = 0
        """Number of running answers, plus 1 while the file is kept."""

    def _wire(self, coding: str | None) -> tuple[bytes, bytes | None, int]:
        answer = responses.answer_for(self.facts, "GET", {"accept-encoding": coding or "identity"})
        head = b"".join(b"%b: %b\r\n" % header for header in answer.headers) + b"\r\n"
        return head, self.bodies.get(coding), answer.length

    def is_current(self, index: Index) -> bool:
        """True if the file on the disk is still this one. Blocks."""
        if index.files.get(self.served.url_path) != self.served:
            return False
        try:
            return disk.signature_of((self.served.root / self.served.href).lstat()) == self.signature
        except OSError:
            return False

    def release(self) -> None:
        """Ends one use of the file; the last user closes the descriptor."""
        self.users -= 1
        if not self.users:
            os.close(self.descriptor)


def start_of(answer: responses.Answer) -> dict[str, Any]:
    """Returns the ASGI message that begins an answer."""
    return {"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)}


class OpenFiles:
    """Keeps the files that were asked for last, by the percent-encoded path of the requests."""

    def __init__(
        self, catalogue: Catalogue, counters: Counters, most: int, rewrites: Mapping[str, Callable[..., bytes]]
    ) -> None:
        """`rewrites`: functions from (file, bytes) to the bytes that are served, by the suffix of a file."""
        self._catalogue = catalogue
        self._counters = counters
        self._most = most
        self._rewrites = rewrites
        self._kept: OrderedDict[bytes, OpenFile] = OrderedDict()
        self._opening: dict[bytes, asyncio.Task[None]] = {}
        # The results of reading a whole file are kept longer than its descriptor.
        self._contents: dict[str, tuple[disk.Signature, disk.Content]] = {}

    def get(self, target: bytes) -> OpenFile | None:
        """Returns the file at a path if it is open, and marks it as used last."""
        file = self._kept.get(target)
        if file is not None:
            self._kept.move_to_end(target)
        return file

    async def open(self, served: ServedFile) -> OpenFile:
        """Returns a listed file, and opens it if it is not open. Raises OSError."""
        target = served.url.encode()
        while (kept := self._kept.get(target)) is None:
            # Many clients may ask for a new file; it is read and packed once, even if the first of them leaves.
            opening = self._opening.get(target)
            if opening is None:
                opening = self._opening[target] = asyncio.ensure_future(self._opened(target, served))
                opening.add_done_callback(lambda _: self._opening.pop(target, None))
            await asyncio.shield(opening)
        return kept

    async def _opened(self, target: bytes, served: ServedFile) -> None:
        # Duplicated, because the descriptor outlives the object that closes it.
        opened = await disk.open_inside(served.root, served.href)
        try:
            descriptor = os.dup(opened.fileno())
        finally:
            await opened.close()
        try:
            # The file is read whole only if its content is not known yet.
            signature = disk.signature_of(os.fstat(descriptor))
            known = self._contents.get(served.url_path)
            if known is None or known[0] != signature:
                known = (signature, await asyncio.to_thread(self._read, served, descriptor))
                self._contents[served.url_path] = known
            content = known[1]
            # Small bodies stay in memory from now on.
            if content.size_bytes <= _KEPT_BYTES and None not in content.bodies:
                body = await disk.read_slice(descriptor, 0, content.size_bytes)
                content = replace(content, bodies={**content.bodies, None: body})
            traffic = self._counters.traffic_of(served.bundle, served.kind)
            file = OpenFile(served, descriptor, signature, content, traffic)
        except BaseException:
            os.close(descriptor)
            raise
        # One user for being kept; the file that was used longest ago makes room.
        file.users = 1
        self._kept[target] = file
        if len(self._kept) > self._most:
            self.drop(next(iter(self._kept)))

    def _read(self, served: ServedFile, descriptor: int) -> disk.Content:
        rewrite = self._rewrites.get(os.path.splitext(served.href)[1])  # noqa: PTH122  # not a path of this system
        return disk.content_of(
            descriptor,
            pack=served.is_packed,
            rewrite=None if rewrite is None else lambda data: rewrite(served, data),
        )

    def drop(self, target: bytes) -> None:
        """Forgets a file if it is open; running answers still end with its bytes."""
        file = self._kept.pop(target, None)
        if file is not None:
            file.release()

    async def refresh(self) -> None:
        """Looks at the disk if a look is due, and forgets files that are gone or replaced."""
        index = await self._catalogue.current()
        kept = list(self._kept.items())
        stale = await asyncio.to_thread(lambda: [(target, f) for target, f in kept if not f.is_current(index)])
        for target, file in stale:
            if self._kept.get(target) is file:
                self.drop(target)
        self._contents = {path: known for path, known in self._contents.items() if path in index.files}

    def close(self) -> None:
        """Forgets all files."""
        for target in list(self._kept):
            self.drop(target)
