"""Measures milliseconds per frame of several upscalers in turns, so that the machine's load affects all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Upscale = Callable[[Plane], Plane]


def interleaved_ms(ways: dict[str, Upscale], planes: Sequence[Plane], rounds: int) -> dict[str, float]:
    """Returns the median ms of one plane for each way. Every way runs once before, to warm up."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for upscale in ways.values():
        upscale(planes[0])
    for _ in range(rounds):
        for plane in planes:
            for name, upscale in ways.items():
                started_s = time.perf_counter()
                upscale(plane)
                times[name].append((time.perf_counter() - started_s) * 1000)
    return {name: median(taken) for name, taken in times.items()}
