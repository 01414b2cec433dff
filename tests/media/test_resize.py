"""The plain resize against its definition in whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.resize import LOBES, TAP_UNIT, base_upsample, phase_kernels, phase_taps, resize, resize_taps

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    np.testing.assert_array_equal(base_upsample(plane, scale), upscale_in_integers(plane, scale))


def resize_in_integers(plane: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The definition for any ratio: a matrix of integer taps for each side, one rounding at the end."""
    rows, columns = (_matrix(size_in, size_out) for size_in, size_out in zip(plane.shape, (height, width), strict=True))
    total = rows @ plane.astype(np.int64) @ columns.T
    return np.clip((total + TAP_UNIT**2 // 2) // TAP_UNIT**2, 0, 255).astype(np.uint8)


def _matrix(size_in: int, size_out: int) -> NDArray[np.int64]:
    matrix = np.zeros((size_out, size_in), np.int64)
    for index in range(size_out):
        centre, taps = resize_taps(size_out, size_in, index)
        position = (index + 0.5) * size_in / size_out - 0.5
        assert abs(position - centre) <= 0.5 + 1e-9
        for at, tap in enumerate(taps, centre - LOBES):
            matrix[index, min(max(at, 0), size_in - 1)] += tap
    return matrix


@given(st.integers(1, 150), st.integers(1, 150), st.floats(1, 5), st.floats(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_any_enlarging_is_its_definition_to_the_bit(
    height: int, width: int, taller: float, wider: float, seed: int
) -> None:
    plane = np.random.default_rng(seed).choice(np.array([0, 16, 127, 235, 255], np.uint8), (height, width))
    size = int(width * wider), int(height * taller)
    np.testing.assert_array_equal(resize(plane, *size), resize_in_integers(plane, *size))


@given(st.integers(1, 4), st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_whole_ratio_is_the_phases_of_the_specification(scale: int, height: int, width: int, seed: int) -> None:
    plane = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    found = resize(plane, width * scale, height * scale)
    np.testing.assert_array_equal(found, upscale_in_integers(plane, scale))


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(0, 2**31))
def test_taps_of_any_ratio_sum_to_one_and_keep_sums_exact_in_float32(small: int, more: int, index: int) -> None:
    _, taps = resize_taps(small + more, small, index % (small + more))
    assert sum(taps) == TAP_UNIT
    assert 255 * sum(map(abs, taps)) ** 2 < 2**24


def test_the_same_size_is_the_same_plane_and_a_smaller_one_is_refused() -> None:
    plane = np.zeros((10, 20), np.uint8)
    assert resize(plane, 20, 10) is plane
    with pytest.raises(ValueError, match="20x10 cannot be resized up to 40x9"):
        resize(plane, 40, 9)


@pytest.mark.parametrize(("scale", "fold"), [(1, 2), (1, 4), (2, 2), (3, 4)])
def test_the_folded_kernels_are_the_same_resize(scale: int, fold: int) -> None:
    """One convolution with stride `fold`, term by term, then depth to space."""
    plane = np.random.default_rng(1).integers(0, 256, (2 * fold, 3 * fold), dtype=np.uint8)
    kernel, block = phase_kernels(scale, fold)[:, :, 0], scale * fold
    padded = np.pad(plane, LOBES, mode="edge").astype(np.float64)
    side = 2 * LOBES + fold
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))[::fold, ::fold]
    depth = np.einsum("rcji,jip->rcp", windows, kernel)
    levels = depth.reshape(2, 3, block, block).transpose(0, 2, 1, 3).reshape(2 * block, 3 * block)
    expected = resize(plane, 3 * block, 2 * block)
    np.testing.assert_array_equal(np.clip(np.floor(levels + 0.5), 0, 255), expected)


def test_exact_halves_round_up() -> None:
    """Columns of 0 and 255 give sums that end in one half: the rounding that engines differ in."""
    plane = np.tile(np.array([[0, 64, 128, 255]], np.uint8), (4, 6))
    np.testing.assert_array_equal(base_upsample(plane, 3), upscale_in_integers(plane, 3))


def test_the_taps_are_those_of_the_specification() -> None:
    assert phase_taps(2) == TAPS_X2


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_taps_keep_a_flat_plane_flat_and_sums_exact_in_float32(scale: int) -> None:
    for taps in phase_taps(scale):
        assert sum(taps) == TAP_UNIT
        assert 255 * sum(map(abs, taps)) ** 2 < 2**24
    flat = np.full((9, 7), 93, np.uint8)
    assert (base_upsample(flat, scale) == 93).all()
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
    assert error(base_upsample(half, 2)) <= best * 1.02
