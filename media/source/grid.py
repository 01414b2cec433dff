"""Constant frame rate from the times of frames, and the frame shown at each tick, as pure functions."""

from __future__ import annotations

import cmath
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor

_RATES = "10 12 25/2 15 20 24000/1001 24 25 30000/1001 30 48 50 60000/1001 60"
STANDARD_RATES = tuple(map(Fraction, _RATES.split()))
"""The rates that sources of variable rate are brought to."""

MAX_VARIABLE_RATE = STANDARD_RATES[-1]
"""Lively parts of a variable rate are kept up to this rate."""

MIN_CONCENTRATION = 0.3
"""Frames lie on a grid if their places within a frame agree this much (the mean resultant length of directional
statistics): evenly spread over three quarters of a frame they still do, over a whole one they do not."""

MAX_DRIFT_FRAMES = Fraction(2, 5)
"""Two rates are one and the same if they agree within this over the whole source: rounding hides it."""

MAX_RATE_DENOMINATOR = 1001
"""A measured rate is rounded to a fraction of at most this denominator."""

MANY_FRAMES = 24
MIN_CONCENTRATION_OF_FEW = 0.9
"""The same for fewer than `MANY_FRAMES` frames, which may agree by chance."""

MIN_GAP = 0.2
"""Places within a frame that leave this part of it empty agree, too."""

NEGLIGIBLE_FRAMES = Fraction(1, 20)

MIN_ON_GRID = Fraction(9, 10)
"""A rate is constant if at least this part of the frames follows the one before it at the next tick."""


@dataclass(frozen=True)
class Grid:
    """A constant frame rate, and when its first tick is."""

    rate: Fraction
    """Frames per second."""
    origin_s: Fraction
    """Time of tick 0, on the axis of the frames' times."""
    constant: bool
    """True if the frames lie on this grid by themselves, so that each is shown once."""


MIN_STILL_PLACES = 3
MAX_EMPTY = Fraction(1, 10)
"""Largest part of ticks without a frame, in at least `MIN_STILL_PLACES`, for a constant rate."""


def choose_grid(times_s: Sequence[Fraction], named: Sequence[Fraction]) -> Grid:
    """The grid for frames at these ascending times; `named` are the rates that the file's header states, best first.

    A source of constant rate keeps it, jitter and missing frames notwithstanding. One of variable rate gets the first
    standard rate that shows the frames of its liveliest second, up to 60.
    """
    times_s = list(dict.fromkeys(times_s))  # two frames of one time are one
    steps = sorted(later - earlier for earlier, later in pairwise(times_s))
    if not steps:
        return Grid(named[0] if named else Fraction(25), times_s[0] if times_s else Fraction(0), constant=True)
    typical = _typical_rate(steps)
    duration_s = times_s[-1] - times_s[0]
    average = (len(times_s) - 1) / duration_s
    for rate in _candidates(named, average, typical, duration_s):
        grid = _fitted(times_s, rate)
        if grid is not None and not _stands_still(times_s, grid):
            measured = _measured_rate(times_s, grid)
            # A rate that is written down is believed as long as the frames do not contradict it.
            tolerance = MAX_DRIFT_FRAMES if rate in named else MAX_DRIFT_FRAMES / 100
            if abs(measured - grid.rate) * duration_s < tolerance:
                return grid
            return _fitted(times_s, min(STANDARD_RATES, key=lambda standard: abs(standard - measured))) or grid
    return Grid(_lively_rate(times_s, average), times_s[0], constant=False)


def _typical_rate(steps_s: Sequence[Fraction]) -> Fraction:
    """One over the mean of the ascending steps that are near their median: rounded time stamps even out."""
    median = steps_s[len(steps_s) // 2]
    near = [step for step in steps_s if abs(step - median) * 5 <= median]
    return len(near) / sum(near, Fraction(0))


def _candidates(
    named: Sequence[Fraction], average: Fraction, typical: Fraction, duration_s: Fraction
) -> list[Fraction]:
    """The rates to try: those that are written down, as the standards they mean, then what was measured."""
    found: list[Fraction] = []
    for rate in (*named, average, typical):
        nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
        if abs(nearest - rate) * duration_s < MAX_DRIFT_FRAMES or abs(nearest / rate - 1) < Fraction(1, 2000):
            found.append(nearest)
        found.append(rate.limit_denominator(MAX_RATE_DENOMINATOR))
    # A short source with much jitter measures badly: the standards around are what it may mean.
    found += [rate for rate in STANDARD_RATES if abs(rate / average - 1) < Fraction(1, 20)]
    return list(dict.fromkeys(found))


def _stands_still(times_s: Sequence[Fraction], grid: Grid) -> bool:
    """Returns True if many ticks in several places have no frame: a screen recording, not a file that lost frames."""
    ticks = [tick for tick in assign_ticks(times_s, grid) if tick is not None]
    gaps = [later - earlier - 1 for earlier, later in pairwise(ticks) if later - earlier > 1]
    return len(gaps) >= MIN_STILL_PLACES and sum(gaps) > MAX_EMPTY * ticks[-1]


def _measured_rate(times_s: Sequence[Fraction], grid: Grid) -> Fraction:
    """The slope of ticks over times, by least squares: jitter hardly moves it."""
    pairs = [
        (float(t - times_s[0]), k) for t, k in zip(times_s, assign_ticks(times_s, grid), strict=True) if k is not None
    ]
    mean_time, mean_tick = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    spread = sum((time - mean_time) ** 2 for time, _ in pairs)
    return Fraction(sum((time - mean_time) * (tick - mean_tick) for time, tick in pairs) / spread)


def _fitted(times_s: Sequence[Fraction], rate: Fraction) -> Grid | None:
    """The grid of that rate through the middle of the frames' places, at most half a frame from the first one.

    None if the rate does not fit: they agree on no place, or too few follow the one before at the next tick.
    """
    steps = len(times_s) - 1
    best, most_regular = None, -1
    for phase in _phases([float((time_s - times_s[0]) * rate % 1) for time_s in times_s]):
        grid = Grid(rate, times_s[0] + phase / rate, constant=True)
        kept = [tick for tick in assign_ticks(times_s, grid) if tick is not None]
        regular = sum(later - earlier == 1 for earlier, later in pairwise(kept))
        if regular > most_regular:
            best, most_regular = grid, regular
        if regular == steps:
            break
    return best if most_regular >= MIN_ON_GRID * steps else None


def _phases(places: Sequence[float]) -> Iterator[Fraction]:
    """The middles that places on a circle of circumference 1 may have, from -1/2 to 1/2; none if they do not agree.

    Their mean direction first, for which it does not matter if a few are elsewhere; then the place opposite to the
    largest gap, which is right for few that are spread widely.
    """
    is_many = len(places) >= MANY_FRAMES
    mean = sum(cmath.rect(1, 2 * math.pi * place) for place in places) / len(places)
    if abs(mean) >= (MIN_CONCENTRATION if is_many else MIN_CONCENTRATION_OF_FEW):
        yield _rounded_phase(cmath.phase(mean) / (2 * math.pi))
    around = sorted(places)
    gap, end = max((later - earlier, later) for earlier, later in pairwise([*around, around[0] + 1]))
    if is_many and gap >= MIN_GAP:
        yield _rounded_phase((end - gap / 2) % 1 - 0.5)


def _rounded_phase(phase: float) -> Fraction:
    # A first frame that is off by next to nothing stays the origin: sound is not moved for rounded time stamps.
    rounded = Fraction(round(phase * 1000), 1000)
    return rounded if abs(rounded) >= NEGLIGIBLE_FRAMES else Fraction(0)


def _lively_rate(times_s: Sequence[Fraction], average: Fraction) -> Fraction:
    """Returns the standard rate for the frames of the liveliest second: its typical step, else the first that fits."""
    last = len(times_s) - 1
    if times_s[-1] - times_s[0] <= 1:
        first, end = 0, last
    else:
        ends = [bisect_left(times_s, time_s + 1) for time_s in times_s]
        first = max(range(len(ends)), key=lambda number: ends[number] - number)
        end = min(last, ends[first])
    second = times_s[first : end + 1]

    def shows_all(rate: Fraction) -> bool:
        left_out = assign_ticks(second, Grid(rate, second[0], constant=False)).count(None)
        return left_out <= 1 and rate >= average * Fraction(99, 100)

    typical = _typical_rate(sorted(later - earlier for earlier, later in pairwise(second)))
    meant = min(STANDARD_RATES, key=lambda standard: abs(standard - typical))
    if abs(meant / typical - 1) < Fraction(1, 50) and shows_all(meant):
        return meant
    return next(filter(shows_all, STANDARD_RATES), MAX_VARIABLE_RATE)


def assign_ticks(times_s: Sequence[Fraction], grid: Grid) -> list[int | None]:
    """The tick at which each of the ascending frames begins to be shown; None for one that is left out.

    A frame whose tick is taken moves to the next one if it is less than a frame late there, so that jitter neither
    doubles nor loses frames.
    """
    ticks: list[int | None] = []
    last = -1
    for time_s in times_s:
        exact = (time_s - grid.origin_s) * grid.rate
        tick = max(0, floor(exact + Fraction(1, 2)))
        if tick <= last:
            tick = last + 1
            if tick - exact >= 1:
                ticks.append(None)
                continue
        ticks.append(tick)
        last = tick
    return ticks


def frame_count(last_tick: int, end_s: Fraction, grid: Grid) -> int:
    """Frames in all: up to the end of the last one, rounded once, and at least one for it."""
    return max(last_tick + 1, floor((end_s - grid.origin_s) * grid.rate + Fraction(1, 2)))
