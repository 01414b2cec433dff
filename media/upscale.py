"""THE plain upscale: what a frame becomes without a model, and what a network adds its residual to.

Lanczos-4 with taps in whole 1/128ths, the image continued by its edge pixels, centre-aligned grids. Every sum of
products stays below 2^24, so it is exact in float32 and any engine can agree with it to the bit; docs/bundle.md
specifies it (section "Base upsample").
"""

from __future__ import annotations

from functools import cache
from math import pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

LOBES = 4
TAP_UNIT = 128
"""A tap is an integer over this."""

Plane = NDArray[np.uint8]

# Added before rounding to nearest: sums are multiples of 1/128², so this turns exact halves upward and nothing else.
_HALF_UP = 1.0 / 65536


@cache
def phase_taps(scale: int) -> tuple[tuple[int, ...], ...]:
    """For each output phase, 2·LOBES+1 integer taps over source offsets -LOBES … +LOBES, summing to TAP_UNIT.

    Output sample `scale * i + phase` lies at source position `i + (phase + 0.5) / scale - 0.5`.
    """
    return tuple(_taps((phase + 0.5) / scale - 0.5) for phase in range(scale))


def _taps(position: float) -> tuple[int, ...]:
    weights = [_lanczos(offset - position) for offset in range(-LOBES, LOBES + 1)]
    taps = [round(TAP_UNIT * weight / sum(weights)) for weight in weights]
    taps[taps.index(max(taps))] += TAP_UNIT - sum(taps)  # rounding error goes where it matters least
    return tuple(taps)


def _lanczos(x: float) -> float:
    if abs(x) >= LOBES:
        return 0.0
    if x == 0:
        return 1.0
    return LOBES * sin(pi * x) * sin(pi * x / LOBES) / (pi * x) ** 2


def phase_kernels(scale: int) -> NDArray[np.float32]:
    """The plain upscale as one convolution, before rounding: float32 (9, 9, 1, scale²), phases in row order.

    To be run on the plane continued by LOBES edge pixels on every side, then shuffled from depth to space.
    """
    taps = np.array(phase_taps(scale), np.float32) / TAP_UNIT
    kernels = [np.outer(vertical, horizontal) for vertical in taps for horizontal in taps]
    return np.stack(kernels, axis=-1)[:, :, None, :]


def plain_upscale(plane: Plane, scale: int) -> Plane:
    """Enlarge an 8-bit plane (h, w) to (h·scale, w·scale)."""
    height, width = plane.shape
    result = np.empty((height, scale, width * scale), np.uint8)
    for dy, column_taps in enumerate(phase_taps(scale)):
        vertical = np.array(column_taps, np.float32) / np.float32(TAP_UNIT**2)
        phases = [_filter(plane, np.array(row_taps, np.float32), vertical) for row_taps in phase_taps(scale)]
        result[:, dy] = cv2.merge(phases).reshape(height, width * scale)
    return result.reshape(height * scale, width * scale)


def _filter(plane: Plane, horizontal: NDArray[np.float32], vertical: NDArray[np.float32]) -> Plane:
    exact = cv2.sepFilter2D(plane, cv2.CV_32F, horizontal, vertical, borderType=cv2.BORDER_REPLICATE)
    rounded: Plane = cv2.add(exact, _HALF_UP, dtype=cv2.CV_8U)  # rounds to nearest and saturates
    return rounded
