"""Forecast of the network: a Markov chain over levels of throughput, fitted to the finished transfers.

The logarithm of a transfer's rate is modelled as an autoregressive process of first order around its recent mean.
Spread and persistence are shrunk towards those of mobile networks, since a session has few transfers. In addition a
transfer may, rarely, meet an outage that delays it independent of its size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from player.abr.state import Transfer

LEVELS = np.linspace(-2.4, 2.4, 9)
"""Levels of the chain, in standard deviations of the log-rate."""
HALF_LIFE = 8.0
"""Age in transfers at which one counts half in the mean."""
PRIOR_TRANSFERS = 6.0
"""Weight of the prior, in transfers."""
PRIOR_DEVIATION = 0.45
"""Standard deviation of the log-rate around its mean."""
PRIOR_PERSISTENCE = 0.6
"""Correlation of neighbouring log-rates."""
LEAST_DEVIATION, MOST_DEVIATION = 0.1, 1.2
MOST_PERSISTENCE = 0.95
OUTAGES_S = np.array([10.0, 40.0])
"""Durations of an outage."""
PRIOR_OUTAGES = np.array([0.008, 0.003])
"""Prior chance of each outage during a transfer."""
PRIOR_OUTAGE_TRANSFERS = 25.0
"""Weight of the prior chance of outages, in transfers."""
OUTAGE_PART = 0.25
"""Part of the usual rate that a transfer without an outage is assumed to reach."""
LEAST_OUTAGE_S = 5.0
"""Delay beyond that rate from which a transfer counts as having met an outage."""
NEWEST = 20
"""Latest transfers to which the chain is fitted."""

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Forecast:
    """Distribution of the next transfers."""

    rates_bps: _Array
    """Rate of each level."""
    delays_s: _Array
    """Delay of each level, in addition to the transfer's own time."""
    transition: _Array
    """Probabilities of going from the level of a transfer (row) to that of the next."""
    now: _Array
    """Probabilities of the level of the last finished transfer; they sum to 1."""


def forecast(transfers: Sequence[Transfer]) -> Forecast:
    """Fits the chain to at least one transfer."""
    logs = np.log([t.rate_bps for t in transfers[-NEWEST:]])
    weights = 0.5 ** (np.arange(len(logs))[::-1] / HALF_LIFE)
    mean = float(weights @ logs / weights.sum())
    around = logs - mean
    deviation = _deviation(around, weights)
    persistence = _persistence(around, weights, deviation)
    now = float(np.clip(around[-1] / deviation, LEVELS[0], LEVELS[-1]))
    return Forecast(
        rates_bps=np.exp(mean + deviation * np.concatenate((np.zeros(len(OUTAGES_S)), LEVELS))),
        delays_s=np.concatenate((OUTAGES_S, np.zeros(len(LEVELS)))),
        transition=_with_outages(_transition(persistence), PRIOR_OUTAGES * _outages_beside_prior(transfers)),
        now=np.concatenate((np.zeros(len(OUTAGES_S)), _between(now))),
    )


def _deviation(around: _Array, weights: _Array) -> float:
    seen = float(weights @ around**2) + PRIOR_TRANSFERS * PRIOR_DEVIATION**2
    return float(np.clip(math.sqrt(seen / (float(weights.sum()) + PRIOR_TRANSFERS)), LEAST_DEVIATION, MOST_DEVIATION))


def _persistence(around: _Array, weights: _Array, deviation: float) -> float:
    pairs = float(weights[1:] @ (around[1:] * around[:-1])) / deviation**2
    total = pairs + PRIOR_TRANSFERS * PRIOR_PERSISTENCE
    return float(np.clip(total / (float(weights[1:].sum()) + PRIOR_TRANSFERS), 0.0, MOST_PERSISTENCE))


def _transition(persistence: float) -> _Array:
    """Returns the chance of every level after every level: a normal distribution cut to the levels."""
    spread = math.sqrt(max(1 - persistence**2, 0.05))
    chances = np.exp(-0.5 * ((LEVELS[None, :] - persistence * LEVELS[:, None]) / spread) ** 2)
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def _outages_beside_prior(transfers: Sequence[Transfer]) -> float:
    """Returns how much likelier outages are than the prior: the mean of the Beta distribution, given those that were
    met."""
    usual_bps = float(np.median([t.rate_bps for t in transfers]))
    met = sum(t.duration_s - 8 * t.size_bytes / (OUTAGE_PART * usual_bps) > LEAST_OUTAGE_S for t in transfers)
    prior = float(PRIOR_OUTAGES.sum())
    return (PRIOR_OUTAGE_TRANSFERS * prior + met) / (PRIOR_OUTAGE_TRANSFERS + len(transfers)) / prior


def _with_outages(transition: _Array, chances: _Array) -> _Array:
    """Returns the chain with outages as levels before its own: every level may lead to one, and one to any level."""
    after_outage = np.broadcast_to(transition.mean(axis=0), (len(OUTAGES_S), len(LEVELS)))
    onwards = (1 - chances.sum()) * np.concatenate((after_outage, transition))
    into = np.broadcast_to(chances, (len(onwards), len(OUTAGES_S)))
    return np.concatenate((into, onwards), axis=1)


def _between(level: float) -> _Array:
    """Returns weights of the two levels next to `level`."""
    weights = np.zeros(len(LEVELS))
    above = int(np.clip(np.searchsorted(LEVELS, level), 1, len(LEVELS) - 1))
    share = float((level - LEVELS[above - 1]) / (LEVELS[above] - LEVELS[above - 1]))
    weights[above - 1], weights[above] = 1 - share, share
    return weights
