"""The sample video of our own: the same every time, sharp, moving, with sound."""

from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from media.resize import base_upsample
from neudash.sample.video import FRAME_RATE, HEIGHT, WIDTH, frame_count, render_sample, sample_frames

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def opening() -> list[np.ndarray]:
    return list(islice(sample_frames(10.0), 3))


def test_a_shorter_sample_is_the_beginning_of_a_longer_one(opening: list[np.ndarray]) -> None:
    short = list(sample_frames(3 / FRAME_RATE))
    assert len(short) == frame_count(3 / FRAME_RATE) == 3
    for one, other in zip(short, opening, strict=True):
        assert np.array_equal(one, other)


def test_it_moves_and_has_detail_that_enlarging_loses(opening: list[np.ndarray]) -> None:
    assert all(frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8 for frame in opening)
    moved = np.abs(opening[0].astype(int) - opening[2])
    assert (moved > 8).mean() > 0.1
    luma = cv2.cvtColor(opening[0], cv2.COLOR_BGR2GRAY)
    half = cv2.resize(luma, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    lost = luma.astype(float) - base_upsample(half, 2)
    assert 5 < np.sqrt((lost**2).mean()) < 30


def test_the_file_has_every_frame_and_stereo_sound(tmp_path: Path) -> None:
    path = tmp_path / "sample.mp4"
    told: list[int] = []
    render_sample(path, 0.5, told.append)
    assert told == list(range(1, 13))
    with av.open(str(path)) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.width, video.height, video.average_rate) == (WIDTH, HEIGHT, FRAME_RATE)
        assert (audio.channels, audio.codec_context.sample_rate) == (2, 48_000)
        assert video.codec_context.colorspace == 1  # BT.709
        assert sum(1 for _ in file.decode(video)) == 12
