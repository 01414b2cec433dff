"""Training pairs: residuals, and the places from which patches are drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from media.resize import base_upsample, resize
from trainer.data.pairs import PATCH, Pair, PatchSource, make_pair, target
from trainer.data.samples import Sample


def test_plain_upscale_plus_residual_is_the_target() -> None:
    random = np.random.default_rng(0)
    low = random.integers(60, 190, (40, 50), dtype=np.uint8)
    high = random.integers(60, 190, (80, 100), dtype=np.uint8)
    pair = make_pair(Sample(3, False, low, high), (50, 40), 2)
    depth = pair.residual.reshape(40, 50, 2, 2).transpose(0, 2, 1, 3).reshape(80, 100)
    plain = base_upsample(low, 2)
    difference = target(high, plain).astype(int) - plain
    np.testing.assert_array_equal(depth, np.clip(difference, -127, 127))
    assert pair.segment == 3


def _textured(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    coarse = random.integers(40, 210, (15, 20), dtype=np.uint8)
    grain = random.normal(0, 5, (120, 160))
    return np.clip(resize(coarse, 160, 120) + grain, 0, 255).astype(np.uint8)


def test_the_target_is_the_source_where_nothing_lacks() -> None:
    source = _textured(1)
    np.testing.assert_array_equal(target(source, source), source)


def test_the_target_of_a_flat_source_is_that_source() -> None:
    source = np.full((120, 160), 90, np.uint8)
    np.testing.assert_array_equal(target(source, _textured(2)), source)


def test_the_target_is_sharper_than_the_source_by_less_than_the_plain_upscale_lacks() -> None:
    source = _textured(3)
    plain = base_upsample(cv2.resize(source, (80, 60), interpolation=cv2.INTER_AREA), 2)
    added = target(source, plain).astype(float) - source
    detail = source - cv2.GaussianBlur(source.astype(np.float32), (0, 0), 1)
    part = float((added * detail).sum() / np.square(detail).sum())
    assert 0.02 < part < 0.1
    assert abs(added.mean()) < 0.02, "dithering adds no light"
    lacking = np.square(source.astype(float) - plain).mean()
    assert np.square(part * detail).mean() < 0.05 * lacking


def test_patches_are_drawn_where_the_plain_upscale_lacks_most() -> None:
    residual = np.zeros((96, 128, 4), np.int8)
    residual[64:, 96:] = 90
    luma = np.zeros((96, 128), np.uint8)
    luma[64:, 96:] = 200
    source = PatchSource([Pair(0, luma, residual)])
    batch = source.draw(200, np.random.default_rng(0))
    assert batch.luma.shape == (200, PATCH, PATCH, 1)
    assert batch.residual.shape == (200, PATCH, PATCH, 4)
    hard = (batch.luma.max(axis=(1, 2, 3)) == 200).mean()
    assert hard > 0.8, "one twelfth of the frame holds all that is to be learnt"


def test_luma_and_residual_of_a_patch_are_of_one_place() -> None:
    luma = np.arange(64 * 64, dtype=np.int64).reshape(64, 64)
    residual = np.repeat((luma % 100)[:, :, None], 4, axis=2).astype(np.int8)
    source = PatchSource([Pair(0, (luma % 100).astype(np.uint8), residual)])
    batch = source.draw(20, np.random.default_rng(1))
    np.testing.assert_array_equal(batch.luma[..., 0], batch.residual[..., 0])


@pytest.mark.parametrize(("fold", "scale"), [(2, 1), (4, 1), (2, 2)])
def test_folded_patches_are_squares_of_pixels_in_the_order_of_the_network(fold: int, scale: int) -> None:
    """Luma counts pixels modulo 100; the residual of each of its scale² phases is that of the enlarged pixel grid."""
    high = (np.arange(240 * scale * 200 * scale) % 97).astype(np.uint8).reshape(240 * scale, 200 * scale)
    luma = high[::scale, ::scale]
    phases = np.stack([high[dy::scale, dx::scale] for dy in range(scale) for dx in range(scale)], axis=-1)
    source = PatchSource([Pair(0, luma, phases.astype(np.int8))], fold)
    batch = source.draw(10, np.random.default_rng(2))
    assert batch.luma.shape == (10, PATCH, PATCH, fold**2)
    assert batch.residual.shape == (10, PATCH, PATCH, (fold * scale) ** 2)
    for folded, residual in zip(batch.luma, batch.residual, strict=True):
        pixels, enlarged = (_depth_to_space(depth) for depth in (folded, residual))
        np.testing.assert_array_equal(enlarged[::scale, ::scale], pixels)
        windows = np.lib.stride_tricks.sliding_window_view(luma, pixels.shape)[::fold, ::fold]
        assert (windows == pixels).all(axis=(2, 3)).any(), "a patch starts at a whole fold of its frame"
        np.testing.assert_array_equal(np.diff(enlarged.astype(int), axis=1) % 97, 1)


def _depth_to_space(depth: np.ndarray) -> np.ndarray:
    rows, columns, channels = depth.shape
    side = int(channels**0.5)
    return depth.reshape(rows, columns, side, side).transpose(0, 2, 1, 3).reshape(rows * side, columns * side)


def test_a_frame_is_brought_to_the_networks_size_before_it_is_compared() -> None:
    random = np.random.default_rng(4)
    low, high = random.integers(60, 190, (40, 50), np.uint8), random.integers(60, 190, (60, 76), np.uint8)
    pair = make_pair(Sample(0, False, low, high), (76, 60), 1)
    np.testing.assert_array_equal(pair.luma, resize(low, 76, 60))
    difference = np.clip(target(high, pair.luma).astype(int) - pair.luma, -127, 127)
    np.testing.assert_array_equal(pair.residual[..., 0], difference)


def test_a_black_title_has_statistics_to_divide_by() -> None:
    black = Pair(0, np.zeros((32, 32), np.uint8), np.zeros((32, 32, 4), np.int8))
    mean, deviation, residual_deviation = PatchSource([black]).statistics()
    assert mean == 0
    assert deviation > 0
    assert residual_deviation > 0


def test_of_a_long_title_statistics_are_of_some_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    pairs = [
        Pair(0, random.integers(0, 9 * n + 9, (32, 32), np.uint8), random.integers(-n - 2, n + 2, (32, 32, 4), np.int8))
        for n in range(10)
    ]
    every, third = PatchSource(pairs).statistics(), PatchSource(pairs[::3]).statistics()
    assert every != third
    monkeypatch.setattr("trainer.data.pairs._STATISTICS_BYTES", 10 * 32 * 32 * 4)
    assert PatchSource(pairs).statistics() == every
    monkeypatch.setattr("trainer.data.pairs._STATISTICS_BYTES", 4 * 32 * 32 * 4)
    assert PatchSource(pairs).statistics() == third


def test_frames_smaller_than_a_patch_are_drawn_whole() -> None:
    small = Pair(0, np.zeros((20, 40), np.uint8), np.ones((20, 40, 4), np.int8))
    assert PatchSource([small]).draw(3, np.random.default_rng(0)).luma.shape == (3, 20, PATCH, 1)
    odd = Pair(0, np.zeros((21, 43), np.uint8), np.ones((21, 43, 1), np.int8))
    assert PatchSource([odd], fold=4).draw(3, np.random.default_rng(0)).luma.shape == (3, 5, 10, 16)


def test_no_frames_is_an_error() -> None:
    with pytest.raises(ValueError, match="no frames"):
        PatchSource([])
