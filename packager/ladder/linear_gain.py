"""Gain of the best linear filter over the plain resize: a measured feature from which a model's gain is predicted.

The filter is chosen for each pixel from a few classes of local activity and direction, as AV1's and VVC's in-loop
filters do it, and solved by least squares. It takes seconds where a network takes minutes, and what it leaves unmended
a tiny network mostly leaves as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Array = NDArray[np.float32]

ACTIVITIES = 5
"""Classes by the amount of local detail, of equal size."""
DIRECTIONS = 3
"""Classes by the direction of the gradient: horizontal, vertical, neither."""
SAMPLES_OF_FRAME = 15_000
RADIUS = 3
"""A tap is at most this many steps from the middle, rows and columns together."""
MARGIN = 16
"""Rows and columns at the edges that are left out."""
RIDGE = 30.0
"""Squared error of the taps, in levels, that is worth as much as one of the picture; keeps rare classes calm."""


def linear_gain_db(pairs: Sequence[tuple[Plane, Plane]], ratio: float) -> float:
    """Returns the gain in PSNR-Y (dB) of the filter over the plain resize, on frames that it was not solved on.

    `pairs` are luma planes (height, width) of the source and of the plain picture in the shown size; every second one
    is judged. `ratio` is how many times the plain picture was enlarged, 1 or more. Raises ValueError for fewer than
    two pairs.
    """
    if len(pairs) < 2:
        raise ValueError("one pair to learn from and one to judge are needed")
    generator = np.random.default_rng(1)
    steps = sorted({1, max(1, round(ratio))})
    learnt = [_samples(source, plain, steps, generator) for source, plain in pairs[::2]]
    bounds = np.quantile(np.concatenate([activity for _, _, activity, _ in learnt]), _inner(ACTIVITIES))
    features, errors, classes = _joined(learnt, bounds)
    taps = [_solved(features[classes == one], errors[classes == one]) for one in range(ACTIVITIES * DIRECTIONS)]
    judged = [_samples(source, plain, steps, generator) for source, plain in pairs[1::2]]
    features, errors, classes = _joined(judged, bounds)
    left = errors - np.einsum("nf,nf->n", features, np.stack(taps)[classes])
    return float(10 * np.log10(max(np.square(errors).sum(), 1e-9) / max(np.square(left).sum(), 1e-9)))


_Samples = tuple[Array, Array, Array, NDArray[np.int64]]
"""Features (n, f), errors (n,), activity (n,) and direction (n,) of some pixels."""


def _samples(source: Plane, plain: Plane, steps: Sequence[int], generator: np.random.Generator) -> _Samples:
    """Returns what the filter sees and what it should add, at random places of one frame."""
    rows, columns = plain.shape
    margin = min(MARGIN, (rows - 1) // 2, (columns - 1) // 2)
    count = min(SAMPLES_OF_FRAME, rows * columns)
    y = generator.integers(margin, rows - margin, count)
    x = generator.integers(margin, columns - margin, count)
    reach = RADIUS * max(steps)
    padded = cv2.copyMakeBorder(plain, reach, reach, reach, reach, cv2.BORDER_REPLICATE).astype(np.float32)
    middle = padded[y + reach, x + reach]
    # The filter is symmetric about its middle: opposite taps share a weight, and act on differences from the middle.
    parts = [
        padded[y + reach + dy * step, x + reach + dx * step]
        + padded[y + reach - dy * step, x + reach - dx * step]
        - 2 * middle
        for step in steps
        for dy, dx in _half_diamond()
    ]
    across = np.abs(cv2.Sobel(plain, cv2.CV_32F, 1, 0))
    down = np.abs(cv2.Sobel(plain, cv2.CV_32F, 0, 1))
    across, down = (cv2.blur(gradient, (7, 7))[y, x] for gradient in (across, down))
    direction = np.where(across > 1.5 * down, 1, np.where(down > 1.5 * across, 2, 0))
    errors = source[y, x].astype(np.float32) - middle
    return np.stack(parts, axis=1), errors, across + down, direction


def _half_diamond() -> list[tuple[int, int]]:
    """Returns one of each pair of opposite places within RADIUS of the middle."""
    reach = range(-RADIUS, RADIUS + 1)
    return [(dy, dx) for dy in reach for dx in reach if abs(dy) + abs(dx) <= RADIUS and (dy, dx) > (0, 0)]


def _inner(parts: int) -> Array:
    return np.linspace(0, 1, parts + 1, dtype=np.float32)[1:-1]


def _joined(samples: Sequence[_Samples], bounds: NDArray[np.floating]) -> tuple[Array, Array, NDArray[np.int64]]:
    features, errors, activity, direction = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    return features, errors, np.searchsorted(bounds, activity) * DIRECTIONS + direction


def _solved(features: Array, errors: Array) -> Array:
    """Returns the taps with the least squared error; zeros for a class without pixels."""
    squares = features.T @ features + RIDGE * np.eye(features.shape[1], dtype=np.float32)
    taps: Array = np.linalg.solve(squares.astype(np.float64), (features.T @ errors)).astype(np.float32)
    return taps
