"""What the throughput may become: a Markov chain over levels, fitted to the transfers that ended.

The logarithm of a transfer's rate is taken for an autoregressive process of first order around its recent mean, with
spread and persistence shrunk towards what mobile networks show, since a session knows few transfers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from player.abr.state import Transfer

LEVELS = np.linspace(-2.4, 2.4, 9)
"""Of the chain, in standard deviations of the log-rate."""
HALF_LIFE = 8.0
"""Transfers after which one counts half in the mean."""
PRIOR_TRANSFERS = 6.0
"""So many transfers the prior weighs."""
PRIOR_DEVIATION = 0.45
"""Standard deviation of the log-rate around its mean."""
PRIOR_PERSISTENCE = 0.6
"""Correlation of neighbouring log-rates."""
LEAST_DEVIATION, MOST_DEVIATION = 0.1, 1.2
MOST_PERSISTENCE = 0.95
OUTAGE_CHANCE = 0.0005
"""That the network all but stops during a transfer."""
OUTAGE_STAYS = 0.3
"""That it does so during the next one as well."""
OUTAGE_PART = 0.02
"""Of the mean rate, while it lasts."""
NEWEST = 20
"""Transfers that are looked at."""


@dataclass(frozen=True)
class Forecast:
    """The rate of the next transfers."""

    rates_bps: NDArray[np.float64]
    """Of every level, lowest first."""
    transition: NDArray[np.float64]
    """From the level of a transfer (row) to that of the next: probabilities."""
    now: NDArray[np.float64]
    """Of the level of the transfer that ended last: weights that sum to 1."""

    @property
    def expected_bps(self) -> float:
        """Of the next transfer, harmonically: what bytes take on average."""
        return float(1 / (self.now @ self.transition @ (1 / self.rates_bps)))


def forecast(transfers: Sequence[Transfer]) -> Forecast:
    """From at least one transfer."""
    logs = np.log([t.rate_bps for t in transfers[-NEWEST:]])
    weights = 0.5 ** (np.arange(len(logs))[::-1] / HALF_LIFE)
    mean = float(weights @ logs / weights.sum())
    around = logs - mean
    deviation = _deviation(around, weights)
    persistence = _persistence(around, weights, deviation)
    now = float(np.clip(around[-1] / deviation, LEVELS[0], LEVELS[-1]))
    rates = np.exp(mean + deviation * LEVELS)
    outage = OUTAGE_PART * math.exp(mean)
    chain = _with_outages(_transition(persistence))
    return Forecast(np.concatenate(([outage], rates)), chain, np.concatenate(([0.0], _between(now))))


def _with_outages(transition: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chain with a lowest level more, into which any other falls at times, and which ends in any other."""
    levels = len(transition)
    chain = np.zeros((levels + 1, levels + 1))
    chain[1:, 1:] = (1 - OUTAGE_CHANCE) * transition
    chain[1:, 0] = OUTAGE_CHANCE
    chain[0, 0] = OUTAGE_STAYS
    chain[0, 1:] = (1 - OUTAGE_STAYS) * transition.mean(axis=0)
    return chain


def _deviation(around: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    seen = float(weights @ around**2) + PRIOR_TRANSFERS * PRIOR_DEVIATION**2
    return float(np.clip(math.sqrt(seen / (float(weights.sum()) + PRIOR_TRANSFERS)), LEAST_DEVIATION, MOST_DEVIATION))


def _persistence(around: NDArray[np.float64], weights: NDArray[np.float64], deviation: float) -> float:
    pairs = float(weights[1:] @ (around[1:] * around[:-1])) / deviation**2
    total = pairs + PRIOR_TRANSFERS * PRIOR_PERSISTENCE
    return float(np.clip(total / (float(weights[1:].sum()) + PRIOR_TRANSFERS), 0.0, MOST_PERSISTENCE))


def _transition(persistence: float) -> NDArray[np.float64]:
    """The chance of every level after every level: a normal distribution cut to the levels."""
    spread = math.sqrt(max(1 - persistence**2, 0.05))
    chances = np.exp(-0.5 * ((LEVELS[None, :] - persistence * LEVELS[:, None]) / spread) ** 2)
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def _between(level: float) -> NDArray[np.float64]:
    """Weights of the two levels next to `level`."""
    weights = np.zeros(len(LEVELS))
    above = int(np.clip(np.searchsorted(LEVELS, level), 1, len(LEVELS) - 1))
    share = float((level - LEVELS[above - 1]) / (LEVELS[above] - LEVELS[above - 1]))
    weights[above - 1], weights[above] = 1 - share, share
    return weights
