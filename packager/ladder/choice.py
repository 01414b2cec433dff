"""Choice of the rungs of a title from the candidates that the trial promises. Pure.

A ladder on the convex hull, as in "Per-Title Encode Optimization" (Netflix, 2015), except that the quality which
counts is the enhanced picture's, and that its models' bytes count. Two measures of quality decide together: PSNR-Y
and VMAF-NEG.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from typing import Any

import numpy as np

from media.hull import upper_hull
from packager.errors import LadderError
from packager.ladder.curves import Candidate

LOWEST_QUALITY, HIGHEST_QUALITY = 40.0, 95.0
"""Range of VMAF-NEG that a ladder covers: below it a picture is hard to watch, above it few see a difference."""
CLOSEST = 5.0
"""Two rungs are at least this far apart in VMAF-NEG."""
MISSES = 0.02
"""Excess of rate that one per cent of the range of quality away from the target is worth."""

RUNGS_UP_TO_ROWS = ((300, 3), (450, 4), (800, 5), (1200, 6))
MOST_RUNGS = 7
LOWEST_BPS = 80_000
"""The lowest rung has at least this rate, unless the source has less."""


@dataclass(frozen=True)
class LadderBounds:
    """Bounds that the user may set."""

    count: int | None = None
    """Number of rungs; None: by the size of the picture."""
    min_rate_bps: float = LOWEST_BPS
    max_rate_bps: float | None = None
    """None: the rate of the source."""
    target_quality: float = HIGHEST_QUALITY
    """VMAF-NEG of the highest rung."""
    models: bool = True
    """False for viewers without models: rungs are chosen by the plain picture alone."""

    def to_json(self) -> dict[str, Any]:
        """Returns the bounds as settings of the bundle."""
        return asdict(self)


@dataclass(frozen=True)
class ChosenRung:
    """One rung of the ladder, and why it is there."""

    candidate: Candidate
    target: float
    """VMAF-NEG for which it was chosen."""
    excess: float
    """Part by which it needs more rate than the hull at its quality, mean of both measures."""


def rung_count(rows: int) -> int:
    """Returns how many rungs a ladder has by default, from the rows (for tall video the columns) of the picture."""
    return next((count for limit, count in RUNGS_UP_TO_ROWS if rows <= limit), MOST_RUNGS)


def choose_ladder(found: Sequence[Candidate], bounds: LadderBounds, source_bps: float) -> tuple[ChosenRung, ...]:
    """Returns the rungs, lowest first, each near the hull of all candidates and evenly apart in VMAF-NEG.

    None takes more than `source_bps`, the rate of the source. Fewer rungs come out if the candidates' qualities lie
    closer than CLOSEST. Raises LadderError if no candidate lies within the bounds.
    """
    most = min(source_bps, bounds.max_rate_bps or source_bps)
    least = min(bounds.min_rate_bps, most)
    allowed = [c for c in found if least <= c.media_bps <= most] or (
        [] if bounds.max_rate_bps else [min(found, key=lambda c: c.media_bps)]
    )
    if not allowed:
        raise LadderError(
            f"no size and quality of this title lies between {least / 1000:g} and {most / 1000:g} kbit/s; "
            "move --min-rate or --max-rate"
        )
    by_neg, by_psnr = _hull_rate(allowed, lambda c: c.vmaf_neg), _hull_rate(allowed, lambda c: c.psnr_y)

    def excess(candidate: Candidate) -> float:
        rate = log(candidate.rate_bps)
        return (2 * rate - by_neg(candidate.vmaf_neg) - by_psnr(candidate.psnr_y)) / 2

    best = max(c.vmaf_neg for c in allowed)
    highest = min(bounds.target_quality, best)
    lowest = min(highest, max(LOWEST_QUALITY, min(c.vmaf_neg for c in allowed)))
    rows = max(min(c.size.width, c.size.height) for c in found)
    count = bounds.count or rung_count(rows)
    count = max(1, min(count, 1 + int((highest - lowest) / CLOSEST)))
    span = max(highest - lowest, 1e-6)
    largest = max((c.size for c in found), key=lambda size: size.height)
    chosen: list[ChosenRung] = []
    for target in np.linspace(lowest, highest, count) if count > 1 else [highest]:
        above = chosen[-1].candidate if chosen else None
        rest = [c for c in allowed if above is None or (c.vmaf_neg > above.vmaf_neg and c.rate_bps > above.rate_bps)]
        if target == highest:  # the picture is shown in the size of the largest rung, which should be the source's
            rest = [c for c in rest if c.size == largest] or rest
        if not rest:
            break
        taken = min(rest, key=lambda c: excess(c) + 100 * MISSES * abs(c.vmaf_neg - float(target)) / span)
        chosen.append(ChosenRung(taken, float(target), exp(excess(taken)) - 1))
    return tuple(chosen)


def _hull_rate(found: Sequence[Candidate], quality: Callable[[Candidate], float]) -> Callable[[float], float]:
    """Returns a function from a quality to the logarithm of the rate that the hull needs for it."""
    hull = upper_hull([(c.rate_bps, quality(c)) for c in found])
    qualities, rates = [point[1] for point in hull], [log(point[0]) for point in hull]
    return lambda at: float(np.interp(at, qualities, rates))
