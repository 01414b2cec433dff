"""A model that gains decibels by blurring is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights
from media.vmaf import vmaf_program
from player.superres.engines import open_engine
from trainer.choice.judge import RungJudge
from trainer.choice.vmaf_check import VmafCheck
from trainer.data.samples import Sample

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.fixture
def judged(tmp_path: Path) -> RungJudge:
    """Two segments of ten frames: a moving texture, and what is left of it at half the size."""
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, (HEIGHT, WIDTH)).astype(np.float32)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.0), None, 30, 220, cv2.NORM_MINMAX).astype(np.uint8)
    texture = cv2.resize(texture, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    shots = []
    for index in range(20):
        high = np.ascontiguousarray(np.roll(texture, index, axis=1))
        low = cv2.resize(high, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        shots.append(Sample(index // 10, True, np.asarray(low, np.uint8), high))
    return RungJudge(shots, 2, open_engine("openvino"), tmp_path)


@pytest.mark.skipif(vmaf_program() is None, reason="no ffmpeg here has libvmaf")
def test_segments_whose_neg_falls_are_spoilt_and_others_are_not(judged: RungJudge) -> None:
    opinion = VmafCheck(judged)
    seen: list[int] = []
    assert opinion.rejected_segments([SHARPEN_A_LITTLE, BLUR], (WIDTH, HEIGHT), seen.append) == {1}
    assert seen == list(range(1, opinion.frames + 1))
    assert opinion.frames == 10, "five of each segment's ten"
    assert opinion.rejected_segments([None, None], (WIDTH, HEIGHT), seen.append) == set()
