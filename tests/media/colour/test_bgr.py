"""BT.709, limited range, against the numbers of the recommendation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.colour.bgr import bgr_of_frame, bgr_of_planes, planes_of_bgr
from media.frames import Frame

# ITU-R BT.709-6 with 8-bit quantisation: the colour bars at 100 %.
BARS = {
    (255, 255, 255): (235, 128, 128),
    (0, 0, 0): (16, 128, 128),
    (0, 0, 255): (63, 102, 240),
    (0, 255, 0): (173, 42, 26),
    (255, 0, 0): (32, 240, 118),
}


@pytest.mark.parametrize(("bgr", "expected"), BARS.items())
def test_bars_have_the_levels_of_the_standard(bgr: tuple[int, ...], expected: tuple[int, ...]) -> None:
    planes = planes_of_bgr(np.full((2, 2, 3), bgr, np.uint8))
    assert tuple(int(plane[0, 0]) for plane in planes) == expected


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_there_and_back_is_within_rounding(bgr: tuple[int, int, int]) -> None:
    picture = np.full((2, 2, 3), bgr, np.uint8)
    back = bgr_of_planes(*planes_of_bgr(picture))
    assert np.abs(back.astype(int) - picture).max() <= 2


def test_a_grey_frame_is_grey() -> None:
    chroma = np.full((4, 8), 128, np.uint8)
    frame = Frame(np.full((8, 16), 126, np.uint8), chroma, chroma, Fraction(0))
    picture = bgr_of_frame(frame)
    assert picture.shape == (8, 16, 3)
    assert np.all(picture == 128)
