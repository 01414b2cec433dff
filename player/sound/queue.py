"""Samples by the moment they belong to: whoever asks gets those that are due, or silence."""

from __future__ import annotations

from collections import deque
from threading import Lock

import numpy as np

from player.sound.decoding import CHANNELS, RATE_HZ, Samples, Stretch

MAX_DRIFT_S = 0.04
"""Largest distance of sound from its clock that is not corrected: the ear hears a jump before the eye sees the drift.
"""


class SoundQueue:
    """Filled by one thread, emptied by another."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stretches: deque[tuple[int, Samples]] = deque()
        """(index of the first sample, counted from the Period's start; samples), in order."""
        self._head = 0
        """Index of the sample that is due next."""

    def add(self, stretch: Stretch) -> None:
        with self._lock:
            self._stretches.append((round(stretch.start_s * RATE_HZ), stretch.samples))

    def clear(self) -> None:
        with self._lock:
            self._stretches.clear()

    def take(self, count: int, at_s: float | None) -> Samples:
        """Returns samples (count, CHANNELS) for the time `at_s`; None, while the clock stands still, gives silence.

        Continues at the end of the previous call unless that is far from the clock. Past samples are dropped.
        """
        taken = np.zeros((count, CHANNELS), np.float32)
        if at_s is None:
            return taken
        with self._lock:
            if abs(self._head - at_s * RATE_HZ) > MAX_DRIFT_S * RATE_HZ:
                self._head = round(at_s * RATE_HZ)
            end = self._head + count
            for start, samples in self._stretches:
                first, last = max(start, self._head), min(start + len(samples), end)
                if first < last:
                    taken[first - self._head : last - self._head] = samples[first - start : last - start]
            while self._stretches and self._stretches[0][0] + len(self._stretches[0][1]) <= end:
                self._stretches.popleft()
            self._head = end
        return taken
