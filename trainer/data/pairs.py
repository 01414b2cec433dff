"""Training pairs: the luma that goes into a network, and the residual that the base upsample lacks of the source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.networks import Size
from media.resize import base_upsample, resize
from trainer.data.mapped_arrays import MappedArrays
from trainer.data.samples import Sample

PATCH = 32
"""Side of a training patch in positions of the convolutions: pixels, or the squares that a fold makes of them."""
_CELL = 16
"""Side, in such positions, of the blocks whose residual energy decides where patches are drawn."""
_DETAIL_SIGMA_PX = 1.0
"""Standard deviation of the Gaussian that separates detail from the blurred picture."""
_ADDED_ERROR = 0.008
"""Share of the base upsample's squared error that sharpening of the target may add."""
_SHARPEST = 0.08
"""Most of its own detail that is added to a target: where pictures are enlarged, models raise VMAF-NEG without."""
_STATISTICS_BYTES = 512 << 20
"""Bytes of residuals over which mean and deviation are computed; a longer title uses some of its frames."""

_Pixel = TypeVar("_Pixel", np.uint8, np.int8)


@dataclass(frozen=True, eq=False)
class Pair:
    """One frame to learn from."""

    segment: int
    """Index of its segment in the representation, from 0."""
    luma: NDArray[np.uint8]
    """(h, w), as the player gives it to the network."""
    residual: NDArray[np.int8]
    """(h, w, scale²): target (the source, a little sharper) minus plain upscale in levels of 255, phases in
    depth-to-space order, cut at ±127."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches for one step, in depth as the convolutions see them."""

    luma: NDArray[np.uint8]
    """(batch, 32, 32, fold²)."""
    residual: NDArray[np.int8]
    """(batch, 32, 32, (fold·scale)²)."""


def make_pair(shot: Sample, input_size: Size, scale: int) -> Pair:
    """The pair of a kept frame: its luma brought to `input_size`, and its target, `scale` times that size."""
    luma = resize(shot.luma, *input_size)
    plain = base_upsample(luma, scale)
    difference = np.clip(target(shot.reference, plain).astype(np.int16) - plain, -127, 127)
    return Pair(shot.segment, luma, _space_to_depth(difference.astype(np.int8)[:, :, None], scale))


def make_pairs(shots: Iterable[Sample], input_size: Size, scale: int, folder: Path) -> list[Pair]:
    """The pairs of many frames, on the disk of `folder`. Raises OSError."""
    segments, lumas, residuals = [], MappedArrays(folder, np.uint8), MappedArrays(folder, np.int8)
    for shot in shots:
        pair = make_pair(shot, input_size, scale)
        segments.append(pair.segment)
        lumas.add(pair.luma)
        residuals.add(pair.residual)
    return [Pair(*parts) for parts in zip(segments, lumas.arrays(), residuals.arrays(), strict=True)]


def target(reference: NDArray[np.uint8], plain: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The source with a part of its detail added once more.

    What minimises the squared error is the mean of all that could have been, which is smooth. VMAF-NEG sees the
    detail that it lacks, while PSNR-Y is flat around its maximum: a small part costs it next to nothing
    (docs/experiments.md).
    """
    error = np.mean(np.square(reference.astype(np.float32) - plain))
    detail = _detail(reference)
    energy = np.mean(np.square(detail))
    if error == 0 or energy == 0:
        return reference
    part = min(_SHARPEST, float(np.sqrt(_ADDED_ERROR * error / energy)))
    # Added parts are mostly under half a level: rounding would lose them, at random they are right in the mean. In
    # steps of 1/256 that keep off whole levels, so that nothing added stays nothing.
    steps = np.random.default_rng(0).integers(0, 256, reference.shape, dtype=np.uint8)
    dither = (steps + np.float32(0.5)) / 256
    sharper: NDArray[np.float32] = np.floor(reference + part * detail + dither)
    return np.clip(sharper, 0, 255).astype(np.uint8)


def _detail(plane: NDArray[np.uint8]) -> NDArray[np.float32]:
    levels: NDArray[np.float32] = plane.astype(np.float32)
    blurred: NDArray[np.float32] = cv2.GaussianBlur(levels, (0, 0), _DETAIL_SIGMA_PX)
    return levels - blurred


def _space_to_depth(plane: NDArray[_Pixel], block: int) -> NDArray[_Pixel]:
    """(h·b, w·b, d²), itself in depth, to (h, w, (b·d)²): pixels row by row within each block."""
    height, width, channels = plane.shape
    side = isqrt(channels)
    split = plane.reshape(height // block, block, width // block, block, side, side)
    depth: NDArray[_Pixel] = split.transpose(0, 2, 1, 4, 3, 5).reshape(
        height // block, width // block, channels * block**2
    )
    return depth


class PatchSource:
    """Draws patches from pairs, more often from places with a large residual."""

    def __init__(self, pairs: Iterable[Pair], fold: int = 1) -> None:
        self.pairs = tuple(pairs)
        if not self.pairs:
            raise ValueError("no frames to learn from")
        self._fold = fold
        energies = [_cell_energies(pair.residual, _CELL * fold) for pair in self.pairs]
        self._cells_across = energies[0].shape[1]
        self._cells_per_pair = energies[0].size
        # The square root keeps a few very hard blocks from being all that is seen. The constant gives every block
        # a chance, and makes the sum positive where the residual is zero throughout.
        chances = np.sqrt(np.concatenate([energy.ravel() for energy in energies])) + 0.1
        self._cumulative = np.cumsum(chances / chances.sum())

    def draw(self, count: int, random: np.random.Generator) -> Batch:
        """Draws `count` patches of 32x32 positions (the whole frame across or down if it is smaller)."""
        cells = np.searchsorted(self._cumulative, random.random(count))
        cells = np.minimum(cells, len(self._cumulative) - 1)
        jitter = random.integers(0, _CELL, (count, 2))
        patches = [self._patch(int(cell), *map(int, shift)) for cell, shift in zip(cells, jitter, strict=True)]
        return Batch(np.stack([luma for luma, _ in patches]), np.stack([residual for _, residual in patches]))

    def _patch(self, cell: int, down: int, right: int) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
        index, within = divmod(cell, self._cells_per_pair)
        row, column = divmod(within, self._cells_across)
        pair = self.pairs[index]
        # Whole folds alone: at the frame's edge a fold that it does not fill is left out.
        height, width = (side // self._fold for side in pair.luma.shape)
        # Jitter moves the patch so that its middle is anywhere in the cell.
        top = min(max(row * _CELL + down - PATCH // 2, 0), max(height - PATCH, 0))
        left = min(max(column * _CELL + right - PATCH // 2, 0), max(width - PATCH, 0))
        bottom, end = min(top + PATCH, height), min(left + PATCH, width)
        window = (slice(top * self._fold, bottom * self._fold), slice(left * self._fold, end * self._fold))
        luma, residual = pair.luma[window][:, :, None], pair.residual[window]
        return _space_to_depth(luma, self._fold), _space_to_depth(residual, self._fold)

    def statistics(self) -> tuple[int, float, float]:
        """(mean of the luma rounded to 0-255, its standard deviation, the residual's standard deviation)."""
        seen = self.pairs[:: -(-sum(pair.residual.nbytes for pair in self.pairs) // _STATISTICS_BYTES)]
        luma = np.stack([pair.luma[::4, ::4] for pair in seen]).astype(np.float32)
        residual = np.stack([pair.residual[::4, ::4] for pair in seen]).astype(np.float32)
        # Never zero: a black title must not divide by it.
        return round(float(luma.mean())), max(float(luma.std()), 1.0), max(float(residual.std()), 0.1)


def _cell_energies(residual: NDArray[np.int8], side: int) -> NDArray[np.float64]:
    """Mean squared residual of each block of `side` pixels, the last ones cut at the edge: (rows, columns)."""
    levels = residual.astype(np.float32)
    squared = np.einsum("hwc,hwc->hw", levels, levels).astype(np.float64) / residual.shape[2]
    height, width = squared.shape
    rows, columns = np.arange(0, height, side), np.arange(0, width, side)
    sums = np.add.reduceat(np.add.reduceat(squared, rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return np.asarray(sums / sizes)
