"""Programmes of an MPEG transport stream and their streams, from its PAT and PMTs (ISO/IEC 13818-1, 2.4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SYNC = 0x47
PACKET_BYTES = 188
_SPACINGS = (188, 192, 204)
"""Bytes from packet to packet: plain, with a time code before each (m2ts), with a checksum behind each (DVB)."""

HEAD_BYTES = 8 << 20
"""Enough for seconds of the fastest broadcast; the tables come at least every half second."""
_PAT_PID = 0
_PAT, _PMT = 0x00, 0x02
_MAX_SECTION_BYTES = 1024
_CHECKSUM_BYTES = 4


def programmes_of(path: Path) -> dict[int, frozenset[int]]:
    """`programmes` of the beginning of the file. Raises OSError."""
    with path.open("rb") as file:
        return programmes(file.read(HEAD_BYTES))


def programmes(data: bytes) -> dict[int, frozenset[int]]:
    """Returns the ids (PIDs) of each programme's streams, by its number. Empty if `data` is not a transport stream."""
    found: dict[int, frozenset[int]] = {}
    tables: dict[int, int] = {}
    unfinished: dict[int, bytes] = {}
    for pid, starts, payload in _packets(data):
        if pid != _PAT_PID and pid not in tables.values():
            continue
        for section in _sections(unfinished, pid, payload, starts=starts):
            number = _number(section, 3)
            if pid == _PAT_PID:
                tables.update(_tables(section))
            elif section[0] == _PMT and tables.get(number) == pid:
                found[number] = frozenset(_streams(section))
        if tables and len(found) == len(tables):
            break
    return dict(sorted(found.items()))


def _packets(data: bytes) -> Iterator[tuple[int, bool, bytes]]:
    """PID, whether a section starts in it, and payload of each packet."""
    spacing, at = _framing(data)
    while spacing and at + PACKET_BYTES <= len(data):
        packet = data[at : at + PACKET_BYTES]
        at += spacing
        has_payload, has_field = packet[3] & 0x10, packet[3] & 0x20
        begin = 5 + packet[4] if has_field else 4
        if packet[0] == SYNC and has_payload and begin < PACKET_BYTES:
            yield _number(packet, 1) & 0x1FFF, bool(packet[1] & 0x40), packet[begin:]


def _framing(data: bytes) -> tuple[int, int]:
    """The distance of packets and the place of the first; 0 if there are none."""
    for spacing in _SPACINGS:
        for first in range(min(spacing, len(data))):
            if all(data[at] == SYNC for at in range(first, min(len(data), first + 8 * spacing), spacing)):
                return spacing, first
    return 0, 0


def _sections(unfinished: dict[int, bytes], pid: int, payload: bytes, *, starts: bool) -> Iterator[bytes]:
    """The sections that end in this packet; `unfinished` keeps what has begun, by PID."""
    if starts:
        pointer = 1 + payload[0]
        rest = unfinished.pop(pid, b"") + payload[1:pointer]
        yield from _whole(rest)[0]
        sections, left = _whole(payload[pointer:])
    elif pid in unfinished:
        sections, left = _whole(unfinished.pop(pid) + payload)
    else:
        return
    yield from sections
    if left:
        unfinished[pid] = left


def _whole(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole sections at the beginning of `data`, and what is left; 0xFF fills up a packet."""
    sections: list[bytes] = []
    while len(data) >= 3 and data[0] != 0xFF:
        size = 3 + (_number(data, 1) & 0x0FFF)
        if size > _MAX_SECTION_BYTES:
            return sections, b""
        if len(data) < size:
            return sections, data
        if size >= 12:
            sections.append(data[:size])
        data = data[size:]
    return sections, data if data and data[0] != 0xFF else b""


def _tables(section: bytes) -> dict[int, int]:
    """Reads a PAT: the PID of each programme's PMT, by its number. (0 is the network's own table.)"""
    if section[0] != _PAT:
        return {}
    entries = range(8, len(section) - _CHECKSUM_BYTES - 3, 4)
    return {_number(section, at): _number(section, at + 2) & 0x1FFF for at in entries if _number(section, at)}


def _streams(section: bytes) -> Iterator[int]:
    """Reads a PMT: the PIDs of its streams."""
    at, end = 12 + (_number(section, 10) & 0x0FFF), len(section) - _CHECKSUM_BYTES
    while at + 5 <= end:
        yield _number(section, at + 1) & 0x1FFF
        at += 5 + (_number(section, at + 3) & 0x0FFF)


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")
