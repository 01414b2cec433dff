"""Rotation and mirroring of a stored picture for display: one of the eight symmetries of a rectangle."""

from __future__ import annotations

import math
import struct
from typing import Literal

Turn = Literal["none", "clock", "half", "cclock", "hflip", "vflip", "transpose", "antitranspose"]

_MATRICES: dict[Turn, tuple[int, int, int, int]] = {
    "none": (1, 0, 0, 1),
    "clock": (0, 1, -1, 0),
    "half": (-1, 0, 0, -1),
    "cclock": (0, -1, 1, 0),
    "hflip": (-1, 0, 0, 1),
    "vflip": (1, 0, 0, -1),
    "transpose": (0, 1, 1, 0),
    "antitranspose": (0, -1, -1, 0),
}
"""The terms a, b, c, d of each: a point (x, y) goes to (ax + cy, bx + dy), with y downwards."""

_FILTERS: dict[Turn, list[tuple[str, dict[str, str]]]] = {
    "none": [],
    "clock": [("transpose", {"dir": "clock"})],
    "half": [("hflip", {}), ("vflip", {})],
    "cclock": [("transpose", {"dir": "cclock"})],
    "hflip": [("hflip", {})],
    "vflip": [("vflip", {})],
    "transpose": [("transpose", {"dir": "cclock_flip"})],
    "antitranspose": [("transpose", {"dir": "clock_flip"})],
}

SIDEWAYS: frozenset[Turn] = frozenset({"clock", "cclock", "transpose", "antitranspose"})
"""The turns that swap columns and rows."""

_EXACT = math.cos(math.radians(1))
_NEAR = math.cos(math.radians(30))


def turn_of(matrix: bytes) -> tuple[Turn, bool]:
    """The turn that a display matrix means, and whether it means exactly that.

    `matrix` is ffmpeg's: nine native 32-bit integers, the first two columns in 16.16 fixed point. A picture is never
    shown askew: an angle within 30 degrees of a turn becomes that turn, any other leaves the picture as it is stored.
    """
    if len(matrix) < 36:
        return "none", False
    terms = struct.unpack("=9i", matrix[:36])
    a, b, c, d = (terms[i] / 65536 for i in (0, 1, 3, 4))
    length = math.sqrt((a * a + b * b + c * c + d * d) / 2)
    if length == 0:
        return "none", False
    nearest = max(_MATRICES, key=lambda turn: _likeness(_MATRICES[turn], (a, b, c, d)))
    likeness = _likeness(_MATRICES[nearest], (a, b, c, d)) / length
    return (nearest if likeness >= _NEAR else "none"), likeness >= _EXACT


def _likeness(turn: tuple[int, int, int, int], terms: tuple[float, float, float, float]) -> float:
    return sum(wanted * term for wanted, term in zip(turn, terms, strict=True)) / 2


def turn_filters(turn: Turn) -> list[tuple[str, dict[str, str]]]:
    """ffmpeg's filters that turn a picture so."""
    return list(_FILTERS[turn])
