"""Rung, model and enhancement chosen together, by looking ahead over what the throughput may become.

A stochastic form of model-predictive control (Yin et al., SIGCOMM 2015; Yan et al., "Learning in situ", NSDI 2020) with
what this project's manifests tell in advance: bytes and quality of the coming segments on every rung, plain and
enhanced, and the bytes of models that are not held yet. It maximises the expected sum of quality less changes less
stalls (`objective`), by dynamic programming over buffer level, option shown last and level of throughput. Without a
single finished transfer it takes the lowest rung.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from player.abr.forecast import Forecast, forecast
from player.abr.objective import STALL_PER_S, SWITCH
from player.abr.plain import in_time
from player.abr.state import Decision, Enhancement, RungChoice, State, Upcoming, full_wait_s

HORIZON = 8
"""Segments that a plan reaches."""
GRID_S = 0.5
"""Step of the buffer levels between which a plan's value is interpolated."""
AMORTISED_SEGMENTS = 8
"""The bytes of a model are spread over so many segments, as far as there are as many left."""
CHEAP_MODEL = 0.1
"""Part of a segment's bytes that its model may take where nothing is known of the throughput."""

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Option:
    """A way to get and show a segment."""

    choice: RungChoice
    enhancement: Enhancement | None
    missing_bytes: float
    """Of its model."""

    @property
    def quality(self) -> float:
        return self.enhancement.quality if self.enhancement else self.choice.quality


def joint(state: State) -> Decision:
    """Raises nothing; remembers nothing."""
    predicted = forecast(state.transfers)
    option = _first(state) if predicted is None else _planned(state, predicted)
    return Decision(option.choice.rung, option.enhancement.track if option.enhancement else None, full_wait_s(state))


def _first(state: State) -> _Option:
    """The lowest rung; with a model where that hardly delays it."""
    lowest = state.upcoming[0].choices[0]
    options = _options(state, state.upcoming[0], 0)
    cheap = [o for o in options if o.choice is lowest and o.missing_bytes <= CHEAP_MODEL * lowest.size_bytes]
    return max(cheap, key=lambda option: option.quality)


def _options(state: State, segment: Upcoming, position: int) -> list[_Option]:
    """Every rung plain, and with each model that gains and that the machine can run."""
    options = []
    for choice in segment.choices:
        options.append(_Option(choice, None, 0.0))
        for e in choice.enhancements:
            able = in_time(state, e) if position == 0 else e.cost_s <= segment.duration_s
            if able and e.quality > choice.quality:
                options.append(_Option(choice, e, e.missing_bytes(state.held)))
    return options


def _planned(state: State, predicted: Forecast) -> _Option:
    segments = state.upcoming[:HORIZON]
    options = [_options(state, segment, position) for position, segment in enumerate(segments)]
    levels_s = np.arange(0.0, state.capacity_s + GRID_S, GRID_S)
    spread = max(1, min(AMORTISED_SEGMENTS, state.remaining))
    later = _last_value(state, segments[-1], predicted, levels_s)
    value: _Array = np.broadcast_to(later[:, None, None], (len(levels_s), 1, len(predicted.rates_bps)))
    for position in range(len(segments) - 1, 0, -1):
        worth = _worth(segments[position], options[position], levels_s, value, predicted, state.capacity_s, spread)
        value = _best_after(worth, options[position], options[position - 1])
    return _best_now(state, segments[0], options[0], levels_s, value, predicted, spread)


def _worth(
    segment: Upcoming,
    options: list[_Option],
    levels_s: _Array,
    value: _Array,
    predicted: Forecast,
    capacity_s: float,
    spread: int,
) -> _Array:
    """[buffer level, option, level of throughput before]: what taking an option is worth, changes not counted."""
    size_bytes = np.array([o.choice.size_bytes + o.missing_bytes / spread for o in options])
    download_s = 8 * size_bytes[:, None] / predicted.rates_bps
    stall_s = np.maximum(0.0, download_s - levels_s[:, None, None])
    after_s = np.minimum(np.maximum(levels_s[:, None, None] - download_s, 0.0) + segment.duration_s, capacity_s)
    gained = _interpolated(value, after_s) - STALL_PER_S * stall_s
    quality = np.array([o.quality for o in options])
    return np.asarray(quality[None, :, None] + gained @ predicted.transition.T)


def _interpolated(value: _Array, at_s: _Array) -> _Array:
    """`value` [level, option, throughput] at buffer levels [any, option, throughput] between the grid's."""
    place = at_s / GRID_S
    below = np.minimum(place.astype(np.intp), value.shape[0] - 2)
    share = place - below
    option = np.arange(at_s.shape[1])[None, :, None] if value.shape[1] > 1 else np.zeros((1, 1, 1), np.intp)
    rate = np.arange(at_s.shape[2])[None, None, :]
    return np.asarray((1 - share) * value[below, option, rate] + share * value[below + 1, option, rate])


def _best_after(worth: _Array, options: list[_Option], before: list[_Option]) -> _Array:
    """[buffer level, option shown before, throughput]: the best that can be done from there."""
    quality = np.array([o.quality for o in options])
    shown = np.array([o.quality for o in before])
    change = SWITCH * np.abs(quality[None, :] - shown[:, None])
    return np.asarray((worth[:, None, :, :] - change[None, :, :, None]).max(axis=2))


def _best_now(
    state: State,
    segment: Upcoming,
    options: list[_Option],
    levels_s: _Array,
    value: _Array,
    predicted: Forecast,
    spread: int,
) -> _Option:
    """A model counts in full for what stalls now, and spread for what its bytes take from later segments."""
    chances = predicted.now @ predicted.transition
    best, best_worth = options[0], -np.inf
    for index, option in enumerate(options):
        now_s = 8 * (option.choice.size_bytes + option.missing_bytes) / predicted.rates_bps
        spread_s = 8 * (option.choice.size_bytes + option.missing_bytes / spread) / predicted.rates_bps
        after_s = np.minimum(np.maximum(state.buffer_s - spread_s, 0.0) + segment.duration_s, state.capacity_s)
        column = value[:, [index if value.shape[1] > 1 else 0], :]
        later = _interpolated(column, after_s[None, None, :])[0, 0]
        stall_s = np.maximum(0.0, now_s - state.buffer_s)
        worth = option.quality + float(chances @ (later - STALL_PER_S * stall_s))
        if state.last_quality is not None:
            worth -= SWITCH * abs(option.quality - state.last_quality)
        if worth > best_worth:
            best, best_worth = option, worth
    return best


def _last_value(state: State, segment: Upcoming, predicted: Forecast, levels_s: _Array) -> _Array:
    """What the buffer at the end of the plan is worth: the quality that its seconds buy at the expected throughput."""
    if state.remaining <= HORIZON:
        return np.zeros(len(levels_s))
    bought = predicted.expected_bps / 8 * _quality_per_byte(state, segment, predicted)
    return np.asarray(bought * levels_s)


def _quality_per_byte(state: State, segment: Upcoming, predicted: Forecast) -> float:
    """Slope of the upper hull of quality over bytes where the throughput lies."""
    budget = predicted.expected_bps / 8 * segment.duration_s
    points = sorted((o.choice.size_bytes, o.quality) for o in _options(state, segment, 1))
    below = [p for p in points if p[0] <= budget] or [points[0]]
    start = max(below, key=lambda p: p[1])
    slopes = [(q - start[1]) / (size - start[0]) for size, q in points if size > start[0] and q > start[1]]
    return max(slopes, default=0.0)
