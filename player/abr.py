"""Which rung to fetch next. Pure: transfers, costs and the time are arguments, nothing is remembered here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

HALF_LIFE_S = 6.0
"""After so long a transfer counts half as much."""
SAFETY = 0.8
"""The part of the estimated throughput that a rung may need."""


@dataclass(frozen=True)
class Transfer:
    """One finished download."""

    ended_s: float
    duration_s: float
    size_bytes: int


@dataclass(frozen=True)
class Cost:
    """What the next segment costs on one rung."""

    rung: str
    """Id of the representation."""
    bandwidth_bps: float
    """Media bits a second of the rung as the manifest states it."""
    model_bytes: int = 0
    """Of the segment's model, as far as it is not held yet."""
    duration_s: float = 1.0
    """Of the segment."""

    @property
    def needed_bps(self) -> float:
        """Throughput that delivers media and model in as long as they play."""
        return self.bandwidth_bps + 8 * self.model_bytes / self.duration_s


Rule = Callable[[Sequence[Cost], "float | None"], str]
"""From the costs of the rungs (at least one) and the estimated throughput (None: not known) to the id of a rung."""


def throughput_bps(transfers: Sequence[Transfer], now_s: float) -> float | None:
    """Bits a second over all transfers, older ones counting less; None where there is nothing to judge by."""
    weights = [0.5 ** (max(0.0, now_s - transfer.ended_s) / HALF_LIFE_S) for transfer in transfers]
    bits = sum(8 * t.size_bytes * weight for t, weight in zip(transfers, weights, strict=True))
    busy_s = sum(t.duration_s * weight for t, weight in zip(transfers, weights, strict=True))
    return bits / busy_s if busy_s > 0 else None


def by_throughput(costs: Sequence[Cost], estimate_bps: float | None) -> str:
    """The largest bandwidth that a safe part of the throughput delivers; the least costly rung where none fits."""
    budget_bps = SAFETY * (estimate_bps or 0.0)
    affordable = [cost for cost in costs if cost.needed_bps <= budget_bps]
    if not affordable:
        return min(costs, key=lambda cost: cost.needed_bps).rung
    return max(affordable, key=lambda cost: cost.bandwidth_bps).rung


RULES: dict[str, Rule] = {"throughput": by_throughput}
"""What `--abr` offers."""
