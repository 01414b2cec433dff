"""The gain of the best linear filter: what blur costs comes back, noise does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from packager.ladder.linear_gain import linear_gain_db

Plane = NDArray[np.uint8]


def pictures(count: int) -> list[Plane]:
    """Soft shapes with edges, another picture each time."""
    random = np.random.default_rng(3)
    found = []
    for _ in range(count):
        coarse = random.integers(40, 215, (12, 16)).astype(np.uint8)
        enlarged = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
        found.append(np.where(enlarged > 128, enlarged, enlarged // 2).astype(np.uint8))
    return found


def test_what_a_blur_took_is_found() -> None:
    pairs = [(source, cv2.GaussianBlur(source, (0, 0), 1.0)) for source in pictures(4)]
    assert linear_gain_db(pairs, 1.0) > 3


def test_noise_that_nothing_predicts_is_not() -> None:
    random = np.random.default_rng(4)
    pairs = [
        (np.clip(plane + random.normal(0, 6, plane.shape), 0, 255).astype(np.uint8), plane) for plane in pictures(4)
    ]
    assert linear_gain_db(pairs, 2.0) == pytest.approx(0, abs=0.1)


def test_equal_pictures_gain_nothing() -> None:
    assert linear_gain_db([(plane, plane) for plane in pictures(2)], 1.0) == 0


@pytest.mark.parametrize("size", [(2, 2), (5, 40), (90, 3)])
def test_tiny_pictures_are_taken(size: tuple[int, int]) -> None:
    plane = np.full(size, 90, np.uint8)
    assert np.isfinite(linear_gain_db([(plane, plane), (plane, plane)], 3.0))


def test_one_pair_is_too_few() -> None:
    with pytest.raises(ValueError, match="one to judge"):
        linear_gain_db([(np.zeros((9, 9), np.uint8),) * 2], 1.0)
