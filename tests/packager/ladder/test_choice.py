"""Choice of the rungs: on the hull, within bounds, evenly apart. From candidates made by a formula."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.errors import LadderError
from packager.ladder.choice import CLOSEST, LadderBounds, choose_ladder, rung_count
from packager.ladder.curves import Candidate, candidates
from packager.ladder.probe import ProbePoint
from packager.ladder.sizes import Size

SOURCE_BPS = 8e6
HEIGHTS = (720, 480, 360, 240)


def size(height: int) -> Size:
    return Size(height * 16 // 9, height, Fraction(1))


def point(height: int, crf: float, complexity: float = 1.0) -> ProbePoint:
    """A point as encoders make them: the rate halves every 6 CRF, and a small picture is soft at any rate."""
    rate_bps = 4e6 * complexity * (height / 720) ** 1.5 * 2 ** ((22 - crf) / 6)
    ceiling = 98 - 14 * log2(720 / height)
    neg = max(5.0, ceiling - 0.08 * (crf - 18) ** 2)
    return ProbePoint(size(height), crf, rate_bps, 24 + neg / 6, neg, 0.1)


def points(complexity: float = 1.0) -> list[ProbePoint]:
    return [point(height, crf, complexity) for height in HEIGHTS for crf in (21.0, 28.0, 36.0)]


def plain(complexity: float = 1.0) -> list[Candidate]:
    return candidates(points(complexity), 60.0, models=False)


def test_rungs_rise_in_rate_and_quality_and_lie_near_the_hull() -> None:
    chosen = choose_ladder(plain(), LadderBounds(), SOURCE_BPS)
    assert len(chosen) == rung_count(720) == 5
    rates = [rung.candidate.rate_bps for rung in chosen]
    quality = [rung.candidate.vmaf_neg for rung in chosen]
    assert rates == sorted(rates) and quality == sorted(quality)
    assert max(rung.excess for rung in chosen) < 0.05
    steps = [high - low for low, high in pairwise(quality)]
    assert max(steps) < 2 * min(steps)


@given(
    st.floats(0.05, 20),
    st.integers(1, 12),
    st.floats(30, 100),
    st.floats(2e5, 2e7),
    st.none() | st.floats(3e5, 1e7),
)
def test_no_rung_leaves_the_bounds(
    complexity: float, count: int, target: float, source_bps: float, max_rate_bps: float | None
) -> None:
    bounds = LadderBounds(count=count, target_quality=target, max_rate_bps=max_rate_bps)
    found = plain(complexity)
    try:
        chosen = choose_ladder(found, bounds, source_bps)
    except LadderError:
        assert max_rate_bps is not None
        return
    assert 1 <= len(chosen) <= count
    lowest = min(candidate.media_bps for candidate in found)
    most = max(lowest, min(source_bps, max_rate_bps or source_bps))
    assert all(rung.candidate.media_bps <= most for rung in chosen)
    ids = {(rung.candidate.size, rung.candidate.crf) for rung in chosen}
    assert len(ids) == len(chosen)


def test_close_qualities_make_fewer_rungs() -> None:
    narrow = [candidate for candidate in plain() if 80 <= candidate.vmaf_neg <= 80 + 2.5 * CLOSEST]
    assert len(choose_ladder(narrow, LadderBounds(count=7), SOURCE_BPS)) <= 3


def test_a_lower_target_leaves_the_top_out() -> None:
    top = choose_ladder(plain(), LadderBounds(target_quality=80), SOURCE_BPS)[-1]
    assert top.candidate.vmaf_neg == pytest.approx(80, abs=4)


def test_bounds_that_nothing_meets_are_said() -> None:
    with pytest.raises(LadderError, match="--min-rate or --max-rate"):
        choose_ladder(plain(), LadderBounds(min_rate_bps=1e4, max_rate_bps=2e4), SOURCE_BPS)


def test_a_source_of_the_lowest_rate_still_has_a_rung() -> None:
    (only,) = choose_ladder(plain(), LadderBounds(), 1000.0)
    assert only.candidate.media_bps == min(candidate.media_bps for candidate in plain())


def test_what_was_measured_is_on_the_curves() -> None:
    found = {(c.size.height, c.crf): c for c in plain()}
    for one in points():
        assert found[one.size.height, one.crf].rate_bps == pytest.approx(one.rate_bps)
        assert found[one.size.height, one.crf].plain_vmaf_neg == pytest.approx(one.vmaf_neg)
    between = found[360, 25.0]
    assert between.rate_bps == pytest.approx(point(360, 25.0).rate_bps, rel=0.01)
    assert between.vmaf_neg == pytest.approx(point(360, 25.0).vmaf_neg, abs=0.1)


def test_models_count_with_their_bytes_and_raise_the_picture() -> None:
    with_models = candidates(points(), 10.0, models=True)
    enhanced = [candidate for candidate in with_models if candidate.enhanced]
    assert enhanced
    for candidate in enhanced:
        assert candidate.psnr_y > candidate.plain_psnr_y
        assert candidate.rate_bps > candidate.media_bps
    short, long = (candidates(points(), duration_s, models=True)[0] for duration_s in (1.0, 1000.0))
    assert short.rate_bps > long.rate_bps
