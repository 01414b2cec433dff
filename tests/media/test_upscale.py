"""The plain upscale against its definition in whole numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.upscale import LOBES, TAP_UNIT, phase_kernels, phase_taps, plain_upscale

# As docs/bundle.md prints them.
TAPS_X2 = ((-1, 4, -12, 36, 115, -19, 7, -2, 0), (0, -2, 7, -19, 115, 36, -12, 4, -1))


def upscale_in_integers(plane: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """The definition, term by term."""
    height, width = plane.shape
    padded = np.pad(plane, LOBES, mode="edge").astype(np.int64)
    result = np.zeros((height * scale, width * scale), np.int64)
    for dy, vertical in enumerate(phase_taps(scale)):
        for dx, horizontal in enumerate(phase_taps(scale)):
            total = np.zeros((height, width), np.int64)
            for j, down in enumerate(vertical):
                for i, right in enumerate(horizontal):
                    total += down * right * padded[j : j + height, i : i + width]
            result[dy::scale, dx::scale] = (total + TAP_UNIT**2 // 2) // TAP_UNIT**2
    return np.clip(result, 0, 255).astype(np.uint8)


@given(st.integers(2, 4), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_it_is_its_definition_to_the_bit(scale: int, height: int, width: int, seed: int) -> None:
    plane = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    np.testing.assert_array_equal(plain_upscale(plane, scale), upscale_in_integers(plane, scale))


def test_exact_halves_round_up() -> None:
    """Columns of 0 and 255 give sums that end in one half: the rounding that engines differ in."""
    plane = np.tile(np.array([[0, 64, 128, 255]], np.uint8), (4, 6))
    np.testing.assert_array_equal(plain_upscale(plane, 3), upscale_in_integers(plane, 3))


def test_the_taps_are_those_of_the_specification() -> None:
    assert phase_taps(2) == TAPS_X2


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_taps_keep_a_flat_plane_flat_and_sums_exact_in_float32(scale: int) -> None:
    for taps in phase_taps(scale):
        assert sum(taps) == TAP_UNIT
        assert 255 * sum(map(abs, taps)) ** 2 < 2**24
    flat = np.full((9, 7), 93, np.uint8)
    assert (plain_upscale(flat, scale) == 93).all()
    assert phase_kernels(scale).shape == (2 * LOBES + 1, 2 * LOBES + 1, 1, scale**2)


def test_it_is_no_worse_than_the_upscalers_that_everybody_has() -> None:
    """Halved and doubled again, a detailed picture comes back at least as well as by OpenCV's filters."""
    random = np.random.default_rng(5)
    noise = random.integers(0, 256, (64, 64)).astype(np.float32)
    picture = cv2.GaussianBlur(cv2.resize(noise, (512, 512), interpolation=cv2.INTER_CUBIC), (0, 0), 2)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    half = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)

    def error(upscaled: NDArray[np.uint8]) -> float:
        return float(np.square(upscaled.astype(np.float64) - picture).mean())

    rivals = [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]
    best = min(error(cv2.resize(half, (512, 512), interpolation=rival)) for rival in rivals)
    assert error(plain_upscale(half, 2)) <= best * 1.02
