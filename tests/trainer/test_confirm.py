"""A model that gains decibels by blurring is found out."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest

from manifests.weights import ModelWeights, NetworkSpec
from media.frames import Frame
from media.vmaf import vmaf_program
from player.superres.engines import open_engine
from trainer.confirm import spoilt_segments

WIDTH, HEIGHT = 160, 96
SPEC = NetworkSpec(2, 1, 0)


def filtering(centre: float, around: float) -> ModelWeights:
    """A network that adds centre·Y + around·(sum of the eight neighbours) to each of the four output phases."""
    first = np.zeros((3, 3, 1, 1), np.float32)
    first[1, 1] = 1
    last = np.full((3, 3, 1, 4), around, np.float32)
    last[1, 1] = centre
    return ModelWeights(SPEC, 0, (first, last), (np.zeros(1, np.float32), np.zeros(4, np.float32)))


BLUR = filtering(-0.6, 0.6 / 8)
SHARPEN_A_LITTLE = filtering(0.2, -0.2 / 8)


def frames() -> Iterator[tuple[int, int, Frame, Frame]]:
    """Two segments of ten frames: a moving texture, and what is left of it at half the size."""
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, (HEIGHT, WIDTH)).astype(np.float32)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.0), None, 30, 220, cv2.NORM_MINMAX).astype(np.uint8)
    texture = cv2.resize(texture, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    grey = np.full((HEIGHT, WIDTH), 128, np.uint8)
    small = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    for index in range(20):
        high = np.ascontiguousarray(np.roll(texture, index, axis=1))
        low = cv2.resize(high, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        pts_s = Fraction(index, 24)
        yield index // 10, index % 10, Frame(low, small, small, pts_s), Frame(high, grey, grey, pts_s)


@pytest.mark.skipif(vmaf_program() is None, reason="no ffmpeg here has libvmaf")
def test_segments_whose_neg_falls_are_spoilt_and_others_are_not() -> None:
    engine = open_engine("openvino")
    seen: list[int] = []
    spoilt = spoilt_segments(
        frames(), [SHARPEN_A_LITTLE, BLUR], engine, (WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT), seen.append
    )
    assert spoilt == {1}
    assert seen == list(range(1, 21))
    assert (
        spoilt_segments(frames(), [None, None], engine, (WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT), seen.append) == set()
    )
