"""Dynamic programming over buffer level, previous option and level of throughput: the value of a state.

Arrays are indexed [buffer level, option, level of throughput]. Quality, changes and stalls are weighed as in
`objective`; changes are those between neighbouring segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from player.abr.forecast import Forecast
from player.abr.objective import STALL_PER_S, SWITCH

Array = NDArray[np.float64]
MOST_LEVELS = 41
"""Levels of the buffer, between which values are interpolated."""


@dataclass(frozen=True)
class Step:
    """The options of one segment."""

    duration_s: float
    quality: Array
    """Score of every option."""
    size_bytes: Array
    """Bytes to download for every option."""


@dataclass(frozen=True)
class Planner:
    """The buffer and the network for which plans are made."""

    capacity_s: float
    predicted: Forecast

    @property
    def levels_s(self) -> Array:
        return np.linspace(0.0, self.capacity_s, MOST_LEVELS)

    def before(self, step: Step, value: Array, shown: Array) -> Array:
        """Returns the value of being about to choose for `step` after an option of quality `shown`.

        `value` is that of having taken each of the step's options, by the level of throughput during it; the result is
        by the option and the throughput of the previous segment.
        """
        worth = self.taking(step, value, self.levels_s)
        change = SWITCH * np.abs(step.quality[:, None] - shown[None, :])
        return np.asarray((worth[:, :, None, :] - change[None, :, :, None]).max(axis=1))

    def taking(self, step: Step, value: Array, levels_s: Array) -> Array:
        """Returns the value of each option at those buffer levels, without the change from the previous segment."""
        download_s = 8 * step.size_bytes[:, None] / self.predicted.rates_bps + self.predicted.delays_s
        left_s = levels_s[:, None, None] - download_s
        gained = self.leaving(value, step.duration_s, left_s)
        return np.asarray(step.quality[None, :, None] + gained @ self.predicted.transition.T)

    def leaving(self, value: Array, duration_s: float, left_s: Array) -> Array:
        """Returns the value after downloads that leave `left_s` of the buffer, each for a segment; below 0 they
        stall."""
        after_s = np.minimum(np.maximum(left_s, 0.0) + duration_s, self.capacity_s)
        return self._at(value, after_s) + STALL_PER_S * np.minimum(left_s, 0.0)

    def _at(self, value: Array, buffer_s: Array) -> Array:
        """Interpolates `value` at buffer levels between those of the grid."""
        place = buffer_s * ((MOST_LEVELS - 1) / self.capacity_s)
        below = np.minimum(place.astype(np.intp), MOST_LEVELS - 2)
        share = place - below
        flat = value.reshape(MOST_LEVELS, -1)
        column = np.arange(flat.shape[1]).reshape(value.shape[1:])
        low = flat[below, column]
        return np.asarray(low + share * (flat[below + 1, column] - low))
