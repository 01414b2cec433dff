"""THE plain resize: what a frame becomes without a model, and what a network adds its residual to.

Lanczos-4 with taps in whole 1/128ths, the image continued by its edge pixels, centre-aligned grids, width and height
each by a ratio of their own. Every sum of products stays below 2^24, so it is exact in float32 and any engine can
agree with it to the bit; docs/bundle.md specifies it (section "Plain resize").
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import ceil, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

LOBES = 4
TAP_UNIT = 128
"""A tap is an integer over this."""

_STRIP = 32
"""Output rows or columns that one small matrix makes: wider strips multiply by more zeros."""
_TILE = 64
"""Length of a strip's pieces. Products of 32 x 64 are too small for BLAS to share among threads, which costs a hundred
times what it saves where other work keeps the processors busy."""

Plane = NDArray[np.uint8]

# Added before rounding to nearest: sums are multiples of 1/128², so this turns exact halves upward and nothing else.
_HALF_UP = 1.0 / 65536


@cache
def phase_taps(scale: int) -> tuple[tuple[int, ...], ...]:
    """Returns for each output phase 2·LOBES+1 integer taps over source offsets -LOBES … +LOBES, summing to TAP_UNIT.

    Output sample `scale * i + phase` is at source position `i + (phase + 0.5) / scale - 0.5`.
    """
    return tuple(resize_taps(scale, 1, phase)[1] for phase in range(scale))


def resize_taps(size_out: int, size_in: int, index: int) -> tuple[int, tuple[int, ...]]:
    """Returns, for the output sample `index` (0 or more), its nearest source sample c and the taps over c-LOBES …
    c+LOBES.

    The sample is at source position (index + ½)·size_in/size_out - ½, and c is that position + ½, rounded down.
    """
    doubled = (2 * index + 1) * size_in
    centre = doubled // (2 * size_out)
    return centre, _taps(Fraction(doubled - (2 * centre + 1) * size_out, 2 * size_out))


@lru_cache(8192)
def _taps(offset: Fraction) -> tuple[int, ...]:
    """Taps of a sample that lies `offset`, -½ to ½, from the middle one's place."""
    weights = [_lanczos(at - float(offset)) for at in range(-LOBES, LOBES + 1)]
    taps = [round(TAP_UNIT * weight / sum(weights)) for weight in weights]
    taps[taps.index(max(taps))] += TAP_UNIT - sum(taps)  # rounding error goes where it matters least
    return tuple(taps)


def _lanczos(x: float) -> float:
    if abs(x) >= LOBES:
        return 0.0
    if x == 0:
        return 1.0
    return LOBES * sin(pi * x) * sin(pi * x / LOBES) / (pi * x) ** 2


def phase_kernels(scale: int, fold: int = 1) -> NDArray[np.float32]:
    """The plain resize to `scale` times the size as one convolution, before rounding.

    float32 (8 + fold, 8 + fold, 1, (fold·scale)²), output phases in row order: to be run with stride `fold` on the
    plane continued by LOBES edge pixels on every side, then shuffled from depth to space.
    """
    taps = np.zeros((fold, scale, 2 * LOBES + fold), np.float32)
    for shift in range(fold):
        taps[shift, :, shift : shift + 2 * LOBES + 1] = np.array(phase_taps(scale)) / TAP_UNIT
    rows = taps.reshape(fold * scale, -1)
    kernels = [np.outer(vertical, horizontal) for vertical in rows for horizontal in rows]
    return np.stack(kernels, axis=-1)[:, :, None, :]


def base_upsample(plane: Plane, scale: int) -> Plane:
    """Resizes an 8-bit plane (h, w) to (h·scale, w·scale)."""
    height, width = plane.shape
    return resize(plane, width * scale, height * scale)


def resize(plane: Plane, width: int, height: int) -> Plane:
    """Resizes an 8-bit plane (h, w) to (height, width), each at least as large; returns the same plane if it has that
    size.

    Raises ValueError for a smaller size, which would need a filter against aliasing.
    """
    rows, columns = plane.shape
    if (columns, rows) == (width, height):
        return plane
    if width < columns or height < rows:
        raise ValueError(f"{columns}x{rows} cannot be resized up to {width}x{height}")
    exact = _down(_across(plane, width), height)[:, :width]
    rounded: Plane = cv2.add(exact, _HALF_UP, dtype=cv2.CV_8U)  # rounds to nearest and saturates
    return rounded


@dataclass(frozen=True, eq=False)
class _Strip:
    """Output samples `start` to `stop` as a product of the source samples `first` to `end`."""

    first: int
    end: int
    start: int
    stop: int
    taps: NDArray[np.float32]
    """(stop - start, end - first), in whole 1/128ths, those beyond the plane's edges added to the edge's own."""


@lru_cache(64)
def _strips(size_in: int, size_out: int) -> tuple[_Strip, ...]:
    return tuple(
        _strip(size_in, size_out, start, min(start + _STRIP, size_out)) for start in range(0, size_out, _STRIP)
    )


def _strip(size_in: int, size_out: int, start: int, stop: int) -> _Strip:
    samples = [resize_taps(size_out, size_in, index) for index in range(start, stop)]
    first, end = max(samples[0][0] - LOBES, 0), min(samples[-1][0] + LOBES + 1, size_in)
    taps = np.zeros((stop - start, end - first), np.float32)
    for row, (centre, values) in enumerate(samples):
        for at, value in enumerate(values, centre - LOBES):
            taps[row, min(max(at, 0), size_in - 1) - first] += value
    return _Strip(first, end, start, stop, taps)


def _across(plane: Plane, width: int) -> NDArray[np.float32]:
    """(h, w) to (h, width), in 1/128ths; zeros to the right of it make up whole tiles."""
    rows, columns = plane.shape
    tiles = ceil(rows / _TILE)
    source = np.zeros((tiles * _TILE, columns), np.float32)
    source[:rows] = plane
    result = np.zeros((tiles * _TILE, ceil(width / _TILE) * _TILE), np.float32)
    for strip in _strips(columns, width):
        needed = source[:, strip.first : strip.end].reshape(tiles, _TILE, -1)
        np.matmul(needed, strip.taps.T, out=result[:, strip.start : strip.stop].reshape(tiles, _TILE, -1))
    return result[:rows]


def _down(source: NDArray[np.float32], height: int) -> NDArray[np.float32]:
    """Whole tiles of (h, w) in 1/128ths to (height, w) in levels."""
    rows, columns = source.shape
    result = np.empty((height, columns), np.float32)
    for strip in _strips(rows, height):
        needed = source[strip.first : strip.end].reshape(-1, columns // _TILE, _TILE).transpose(1, 0, 2)
        made = result[strip.start : strip.stop].reshape(-1, columns // _TILE, _TILE).transpose(1, 0, 2)
        np.matmul(strip.taps / np.float32(TAP_UNIT**2), needed, out=made)
    return result
