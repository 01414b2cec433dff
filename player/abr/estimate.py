"""Throughput estimates from finished transfers: one function for each method of the literature."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from player.abr.state import Transfer

HALF_LIVES_S = (3.0, 8.0)
"""Half-lives of the fast and the slow average: dash.js and Sabre (Spiteri et al., MMSys 2018)."""
SAFETY = 0.9
"""Part of the estimated throughput that a rung may need (dash.js)."""
MPC_WINDOW = 5
"""Transfers that RobustMPC looks back on (Yin et al., SIGCOMM 2015)."""


def ewma_bps(transfers: Sequence[Transfer]) -> float | None:
    """Returns the lower of a fast and a slow exponential average over download time; None before the first transfer."""
    return min(_ewma_bps(transfers, half_life_s) for half_life_s in HALF_LIVES_S) if transfers else None


def _ewma_bps(transfers: Sequence[Transfer], half_life_s: float) -> float:
    mean, weight = 0.0, 0.0
    for transfer in transfers:
        kept = 0.5 ** (transfer.duration_s / half_life_s)
        mean = kept * mean + (1 - kept) * transfer.rate_bps
        weight = kept * weight + (1 - kept)
    # A transfer too short to move the average says its own rate.
    return mean / weight if weight > 0 else transfers[-1].rate_bps


def harmonic_mean_bps(transfers: Sequence[Transfer]) -> float | None:
    """Returns the harmonic mean of the last MPC_WINDOW transfers."""
    rates = [t.rate_bps for t in transfers[-MPC_WINDOW:]]
    return len(rates) / sum(1 / rate for rate in rates) if rates else None


def robust_bps(transfers: Sequence[Transfer]) -> float | None:
    """Returns the harmonic mean, reduced by its largest error over the last MPC_WINDOW transfers: a lower bound."""
    mean = harmonic_mean_bps(transfers)
    if mean is None:
        return None
    errors = [0.0]
    for index in islice(range(len(transfers) - 1, 0, -1), MPC_WINDOW):
        predicted, actual = harmonic_mean_bps(transfers[:index]), transfers[index]
        if predicted is not None:
            errors.append(abs(predicted - actual.rate_bps) / actual.rate_bps)
    return mean / (1 + max(errors))
