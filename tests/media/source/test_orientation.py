"""Display matrices: which of eight turns one means, and that the filters do just that."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from media.source.filters import filtered, open_graph
from media.source.orientation import SIDEWAYS, Turn, turn_filters, turn_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

STORED = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
"""A picture of three columns and two rows; no two of its turns are alike."""

TURNS: dict[Turn, tuple[tuple[int, int, int, int], NDArray[np.uint8]]] = {
    "none": ((1, 0, 0, 1), STORED),
    "clock": ((0, 1, -1, 0), np.rot90(STORED, -1)),
    "half": ((-1, 0, 0, -1), np.rot90(STORED, 2)),
    "cclock": ((0, -1, 1, 0), np.rot90(STORED)),
    "hflip": ((-1, 0, 0, 1), STORED[:, ::-1]),
    "vflip": ((1, 0, 0, -1), STORED[::-1]),
    "transpose": ((0, 1, 1, 0), STORED.T),
    "antitranspose": ((0, -1, -1, 0), np.rot90(STORED, 2).T),
}
"""The terms a, b, c, d of the matrix, and the picture as it is to be shown."""


def matrix(a: float, b: float, c: float, d: float) -> bytes:
    """Packs a matrix as ffmpeg keeps it: rows (a b u), (c d v), (x y w), 16.16 fixed point but for u, v and w."""
    fixed = [round(term * 65536) for term in (a, b, c, d)]
    return struct.pack("=9i", fixed[0], fixed[1], 0, fixed[2], fixed[3], 0, 0, 0, 1 << 30)


def turned(degrees: float) -> bytes:
    """Clockwise."""
    angle = math.radians(degrees)
    return matrix(math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle))


@pytest.mark.parametrize("turn", TURNS)
def test_each_of_the_eight_matrices_is_known_and_done(turn: Turn) -> None:
    terms, shown = TURNS[turn]
    assert turn_of(matrix(*terms)) == (turn, True)
    stored = VideoFrame.from_ndarray(STORED, format="gray")
    chain = [
        (name, ":".join(f"{key}={value}" for key, value in options.items())) for name, options in turn_filters(turn)
    ]
    [frame] = filtered(open_graph(3, 2, "gray", *chain), [(0, stored)])
    assert np.array_equal(frame.to_ndarray(), shown)
    assert (turn in SIDEWAYS) == (shown.shape == (3, 2))


@pytest.mark.parametrize("scale", [0.5, 2, 1000])
def test_the_scale_of_a_matrix_does_not_matter(scale: float) -> None:
    for turn, (terms, _) in TURNS.items():
        assert turn_of(matrix(*(scale * term for term in terms))) == (turn, True)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (45, ("none", False)),
        (135, ("none", False)),
        (315, ("none", False)),
        (80, ("clock", False)),
        (100, ("clock", False)),
        (5, ("none", False)),
        (185, ("half", False)),
        (-85, ("cclock", False)),
        (90.2, ("clock", True)),
        (-0.3, ("none", True)),
    ],
)
def test_other_angles_become_a_turn_only_if_they_are_near(degrees: float, expected: tuple[Turn, bool]) -> None:
    assert turn_of(turned(degrees)) == expected


def test_the_filters_of_a_turn_may_be_changed_by_whoever_asks() -> None:
    turn_filters("clock").clear()
    assert turn_filters("clock")


@given(st.binary(max_size=80))
def test_garbage_is_a_turn_too(data: bytes) -> None:
    turn, _ = turn_of(data)
    assert turn in TURNS


@pytest.mark.parametrize("data", [b"", bytes(35), bytes(36), bytes(100)])
def test_a_matrix_that_says_nothing_turns_nothing(data: bytes) -> None:
    assert turn_of(data) == ("none", False)
