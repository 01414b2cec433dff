"""ISO base media boxes (ISO/IEC 14496-12, 4.2): where each lies, every size checked against its parent."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from manifests.errors import MalformedFragmentError

MAX_BOXES = 10_000
"""Side by side in one parent; a box may be 8 bytes long, and a segment many megabytes."""


@dataclass(frozen=True)
class Box:
    """One box; `payload` is what follows its header, not copied."""

    type: bytes
    payload: memoryview
    start: int
    """Offset of its header in the bytes that it was found in."""
    end: int
    """Offset of the byte after its payload there."""

    def children(self, skip: int = 0) -> Iterator[Box]:
        """The boxes inside, after `skip` bytes of fields. Raises MalformedFragmentError on the way."""
        if skip > len(self.payload):
            raise MalformedFragmentError(f"box {_name(self.type)} ends inside its own fields")
        return boxes(self.payload[skip:])

    def child(self, box_type: bytes, skip: int = 0) -> Box:
        """Returns the first box of that type inside. Raises MalformedFragmentError if there is none."""
        found = self.optional(box_type, skip)
        if found is None:
            raise MalformedFragmentError(f"box {_name(self.type)} has no {_name(box_type)}")
        return found

    def optional(self, box_type: bytes, skip: int = 0) -> Box | None:
        """The first box of that type inside, or None."""
        return next((box for box in self.children(skip) if box.type == box_type), None)

    def unpack(self, layout: str, offset: int = 0) -> tuple[int, ...]:
        """Returns big-endian fields at `offset`. Raises MalformedFragmentError if the box is too short."""
        try:
            return struct.unpack_from(">" + layout, self.payload, offset)
        except struct.error as error:
            raise MalformedFragmentError(f"box {_name(self.type)} of {len(self.payload)} bytes is cut off") from error


def boxes(data: memoryview) -> Iterator[Box]:
    """The boxes that fill `data` from end to end.

    Raises MalformedFragmentError on reaching a box that does not fit, or too many of them.
    """
    at, count = 0, 0
    while at < len(data):
        count += 1
        if count > MAX_BOXES:
            raise MalformedFragmentError(f"more than {MAX_BOXES} boxes side by side")
        size, header = _header(data, at)
        yield Box(bytes(data[at + 4 : at + 8]), data[at + header : at + size], at, at + size)
        at += size


def _header(data: memoryview, at: int) -> tuple[int, int]:
    """(size of the box, size of its header)."""
    left, header = len(data) - at, 8
    if left < header:
        raise MalformedFragmentError(f"{left} stray bytes after the last box")
    size = int.from_bytes(data[at : at + 4], "big")
    if size == 1:
        header = 16
        size = int.from_bytes(data[at + 8 : at + 16], "big")
    elif size == 0:
        size = left
    if not header <= size <= left:
        raise MalformedFragmentError(f"box {_name(bytes(data[at + 4 : at + 8]))} claims {size} of {left} bytes")
    return size, header


def _name(box_type: bytes) -> str:
    return ascii(box_type.decode("latin-1"))
