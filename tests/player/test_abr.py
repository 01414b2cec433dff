"""The throughput rule: always a rung that is offered, never a smaller one for more bandwidth."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.abr import RULES, SAFETY, Cost, Transfer, by_throughput, throughput_bps

bandwidths = st.lists(st.integers(10_000, 50_000_000), min_size=1, max_size=8)
model_sizes = st.lists(st.integers(0, 100_000), min_size=8, max_size=8)
estimates = st.none() | st.floats(0, 1e9) | st.just(math.inf)


def costs_of(values: list[int], models: list[int]) -> list[Cost]:
    return [Cost(f"r{i}", bps, size, 4.0) for i, (bps, size) in enumerate(zip(values, models, strict=False))]


@given(bandwidths, model_sizes, estimates)
def test_every_rule_chooses_a_rung_that_is_offered(
    values: list[int], models: list[int], estimate: float | None
) -> None:
    costs = costs_of(values, models)
    for rule in RULES.values():
        assert rule(costs, estimate) in {cost.rung for cost in costs}


@given(bandwidths, st.floats(0, 1e9), st.floats(0, 1e9))
def test_more_throughput_never_means_fewer_bits(values: list[int], one: float, other: float) -> None:
    costs = costs_of(values, [0] * 8)
    chosen = {cost.rung: cost.bandwidth_bps for cost in costs}
    assert chosen[by_throughput(costs, min(one, other))] <= chosen[by_throughput(costs, max(one, other))]


@given(bandwidths, model_sizes, st.floats(1, 1e9))
def test_an_affordable_rung_is_never_passed_over_for_one_that_is_not(
    values: list[int], models: list[int], estimate: float
) -> None:
    costs = costs_of(values, models)
    needed = {cost.rung: cost.needed_bps for cost in costs}
    if min(needed.values()) <= SAFETY * estimate:
        assert needed[by_throughput(costs, estimate)] <= SAFETY * estimate


def test_without_an_estimate_the_cheapest_rung_is_chosen() -> None:
    assert by_throughput([Cost("big", 900), Cost("small", 100)], None) == "small"


def test_model_bytes_count() -> None:
    plain, with_model = Cost("plain", 1000, 0, 1.0), Cost("model", 1200, 200, 1.0)
    assert by_throughput([plain, with_model], 2000) == "plain"
    assert by_throughput([plain, Cost("model", 1200, 0, 1.0)], 2000) == "model"


transfers = st.lists(
    st.builds(Transfer, st.floats(0, 100), st.floats(0.001, 10), st.integers(1, 10**8)), min_size=1, max_size=20
)


@given(transfers)
def test_the_estimate_lies_between_the_slowest_and_the_fastest_transfer(seen: list[Transfer]) -> None:
    rates = [8 * t.size_bytes / t.duration_s for t in seen]
    estimate = throughput_bps(seen, now_s=100.0)
    assert estimate is not None
    assert min(rates) * (1 - 1e-9) <= estimate <= max(rates) * (1 + 1e-9)


def test_recent_transfers_count_more() -> None:
    slow_then_fast = [Transfer(0, 1, 1000), Transfer(60, 1, 9000)]
    fast_then_slow = [Transfer(0, 1, 9000), Transfer(60, 1, 1000)]
    recent, past = throughput_bps(slow_then_fast, 60), throughput_bps(fast_then_slow, 60)
    assert recent is not None and past is not None
    assert recent > 60_000 > 20_000 > past


@pytest.mark.parametrize("seen", [[], [Transfer(0, 0.0, 10)]])
def test_nothing_to_judge_by_is_no_estimate(seen: list[Transfer]) -> None:
    assert throughput_bps(seen, 1.0) is None
