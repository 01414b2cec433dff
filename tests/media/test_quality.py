"""Quality measures on tiny generated video: known errors give known figures, worse pictures score worse."""

from collections.abc import Iterator
from fractions import Fraction
from math import log10

import cv2
import numpy as np
import pytest

from media import quality, vmaf
from media.errors import ProgramFailedError
from media.frames import Frame
from media.quality import HIGHEST_PSNR_DB, FrameScore, UnequalPicturesError, measure, pooled, psnr_y
from media.vmaf import vmaf_meter

WIDTH, HEIGHT, FRAMES = 192, 128, 6


def textured_frames() -> list[Frame]:
    """A moving texture in limited range, with coloured chroma."""
    noise = np.random.default_rng(7).normal(126, 60, (HEIGHT, WIDTH + FRAMES)).astype(np.float32)
    texture = np.clip(cv2.GaussianBlur(noise, (0, 0), 1.0) * 2 - 126, 16, 235).astype(np.uint8)
    u = np.full((HEIGHT // 2, WIDTH // 2), 90, np.uint8)
    v = np.full((HEIGHT // 2, WIDTH // 2), 160, np.uint8)
    return [Frame(texture[:, i : i + WIDTH].copy(), u, v, Fraction(i, 25)) for i in range(FRAMES)]


def blurred(frames: list[Frame], sigma: float) -> list[Frame]:
    return [Frame(cv2.GaussianBlur(f.y, (0, 0), sigma), f.u, f.v, f.pts_s) for f in frames]


def brighter(frame: Frame, by: int) -> Frame:
    return Frame((frame.y + by).astype(np.uint8), frame.u, frame.v, frame.pts_s)


@pytest.fixture(scope="module")
def sharp() -> list[Frame]:
    return textured_frames()


@pytest.fixture(scope="module")
def scored_blur(sharp: list[Frame]) -> list[FrameScore]:
    return measure(sharp, blurred(sharp, 1.0))


def test_equal_pictures_get_the_highest_scores(sharp: list[Frame]) -> None:
    result = pooled(measure(sharp, sharp))
    assert result.frames == FRAMES
    assert result.psnr_y == HIGHEST_PSNR_DB
    assert result.ssim == pytest.approx(1.0)
    # A range conversion on the way, as gray frames suffer, would leave both near 66.
    assert result.vmaf is not None and result.vmaf > 95
    assert result.vmaf_neg is not None and result.vmaf_neg > 95


def test_known_error_gives_the_known_psnr(sharp: list[Frame]) -> None:
    by_two = [brighter(frame, 2) for frame in sharp]
    scores = measure(sharp, by_two, vmaf_every=0)
    assert [score.squared_error for score in scores] == [4 * WIDTH * HEIGHT] * FRAMES
    assert pooled(scores).psnr_y == pytest.approx(20 * log10(255 / 2))
    assert pooled(scores).vmaf is None


def test_each_plane_has_its_own_psnr(sharp: list[Frame]) -> None:
    shifted = [Frame(f.y, (f.u + 1).astype(np.uint8), (f.v + 4).astype(np.uint8), f.pts_s) for f in sharp]
    result = pooled(measure(sharp, shifted, vmaf_every=0))
    assert result.psnr_y == HIGHEST_PSNR_DB
    assert result.psnr_u == pytest.approx(20 * log10(255 / 1))
    assert result.psnr_v == pytest.approx(20 * log10(255 / 4))


def test_errors_are_summed_before_decibels_are_taken(sharp: list[Frame]) -> None:
    """One frame in six is off by 12, the others are equal: a mean of decibels would say 88 dB."""
    spoilt = [brighter(sharp[0], 12), *sharp[1:]]
    result = pooled(measure(sharp, spoilt, vmaf_every=0))
    assert result.psnr_y == pytest.approx(20 * log10(255 / 12) + 10 * log10(FRAMES))
    assert result.psnr_y_of_frames > 80


def test_more_blur_scores_lower_by_every_measure(sharp: list[Frame], scored_blur: list[FrameScore]) -> None:
    little, much = pooled(scored_blur), pooled(measure(sharp, blurred(sharp, 2.0)))
    for measured in ("psnr_y", "ssim", "vmaf", "vmaf_neg"):
        assert getattr(much, measured) < getattr(little, measured) < getattr(pooled(measure(sharp, sharp)), measured)


def test_vmaf_neg_does_not_reward_sharpening(sharp: list[Frame]) -> None:
    overdone = [
        Frame(cv2.addWeighted(f.y, 1.6, cv2.GaussianBlur(f.y, (0, 0), 1.5), -0.6, 0), f.u, f.v, f.pts_s)
        for f in blurred(sharp, 0.7)
    ]
    plain, sharpened = pooled(measure(sharp, blurred(sharp, 0.7))), pooled(measure(sharp, overdone))
    assert plain.vmaf is not None and plain.vmaf_neg is not None
    assert sharpened.vmaf is not None and sharpened.vmaf_neg is not None
    assert sharpened.vmaf - plain.vmaf > sharpened.vmaf_neg - plain.vmaf_neg


def test_reference_and_distorted_are_not_mixed_up(sharp: list[Frame], scored_blur: list[FrameScore]) -> None:
    """VMAF is not symmetric: something sharper than its reference is not as bad as something blurred."""
    swapped = pooled(measure(blurred(sharp, 1.0), sharp))
    assert swapped.vmaf is not None
    assert swapped.vmaf > (pooled(scored_blur).vmaf or 0) + 5


def test_every_other_frame_gets_the_same_score_as_among_all(sharp: list[Frame], scored_blur: list[FrameScore]) -> None:
    sampled = measure(sharp, blurred(sharp, 1.0), vmaf_every=2)
    assert [score.vmaf is not None for score in sampled] == [True, False] * (FRAMES // 2)
    assert sampled[2].vmaf == pytest.approx(scored_blur[2].vmaf, abs=0.01)
    assert [score.squared_error for score in sampled] == [score.squared_error for score in scored_blur]


def test_videos_of_unequal_length_or_size_are_refused(sharp: list[Frame]) -> None:
    with pytest.raises(UnequalPicturesError, match="distorted video ends after 5 frames"):
        measure(sharp, sharp[:-1])
    smaller = [Frame(f.y[:64], f.u[:32], f.v[:32], f.pts_s) for f in sharp]
    with pytest.raises(UnequalPicturesError, match="192x64 pixels, not 192x128"):
        measure(sharp, smaller)
    assert measure([], []) == []


def test_an_error_of_the_caller_ends_libvmaf(sharp: list[Frame]) -> None:
    def interrupted() -> Iterator[Frame]:
        yield sharp[0]
        raise KeyError("the caller's own")

    with pytest.raises(KeyError, match="the caller's own"):
        measure(sharp, interrupted())


def test_without_libvmaf_psnr_remains(sharp: list[Frame], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "vmaf_program", lambda: None)
    result = pooled(measure(sharp, blurred(sharp, 1.0)))
    assert result.vmaf is None and result.ssim is None
    assert 10 < result.psnr_y < 40


def test_a_failing_libvmaf_says_why(sharp: list[Frame], monkeypatch: pytest.MonkeyPatch) -> None:
    program = vmaf.vmaf_program()
    assert program is not None
    monkeypatch.setattr(vmaf, "MODELS", {"vmaf": "vmaf_of_nobody"})
    with pytest.raises(ProgramFailedError), vmaf_meter(program, WIDTH, HEIGHT) as meter:
        for frame in sharp:
            meter.add(frame, frame)


def test_psnr_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 samples"):
        psnr_y(0, 0)
    with pytest.raises(ValueError, match="no frames"):
        pooled([])
