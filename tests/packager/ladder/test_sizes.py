"""Choice of the sizes that are encoded: exact shapes, exact halves, never above the source."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.errors import LadderError
from packager.ladder.sizes import MAX_SAR_TERM, LadderRung, auto_ladder, wanted_ladder
from packager.rungs import Bitrate, Crf, WantedRung, parse_rungs


def area(width: int, height: int) -> tuple[Fraction, Fraction]:
    return Fraction(width), Fraction(height)


def sizes(rungs: tuple[LadderRung, ...]) -> list[tuple[int, int]]:
    return [(rung.size.width, rung.size.height) for rung in rungs]


def shape(rung: LadderRung) -> Fraction:
    return rung.size.width * rung.size.sar / rung.size.height


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ((1920, 1080), [(480, 270), (960, 540), (1920, 1080)]),
        ((1280, 720), [(320, 180), (640, 360), (1280, 720)]),
        ((720, 1280), [(180, 320), (360, 640), (720, 1280)]),
        ((1024, 736), [(256, 184), (512, 368), (1024, 736)]),
        ((320, 180), [(160, 90), (320, 180)]),
        ((200, 150), [(200, 150)]),
        ((2, 2), [(2, 2)]),
    ],
)
def test_auto_is_the_source_its_half_and_its_quarter(source: tuple[int, int], expected: list[tuple[int, int]]) -> None:
    rungs = auto_ladder(area(*source), Crf(27))
    assert sizes(rungs) == expected
    assert {rung.size.sar for rung in rungs} == {1}
    assert [rung.id for rung in rungs] == [f"v{height}" for _, height in expected]


@given(st.integers(2, 4096), st.integers(2, 4096))
def test_every_rung_of_auto_is_even_inside_the_source_and_half_of_the_next(width: int, height: int) -> None:
    rungs = auto_ladder(area(width, height), Crf(27))
    for rung in rungs:
        assert rung.size.width % 2 == rung.size.height % 2 == 0
        assert rung.size.width <= width
        assert rung.size.height <= height
        assert shape(rung) == Fraction(width, height)
    for lower, upper in pairwise(rungs):
        assert (2 * lower.size.width, 2 * lower.size.height) == (upper.size.width, upper.size.height)


@pytest.mark.parametrize("source", [(3026, 1386), (161, 121), (1918, 1078), (1366, 768), (426, 240)])
def test_odd_shapes_are_kept_exactly_by_the_shape_of_the_samples(source: tuple[int, int]) -> None:
    rungs = auto_ladder(area(*source), Crf(27))
    assert {shape(rung) for rung in rungs} == {Fraction(*source)}
    assert all(max(rung.size.sar.numerator, rung.size.sar.denominator) <= MAX_SAR_TERM for rung in rungs)
    assert sizes(rungs)[-1][1] > 0.95 * source[1] - 2


def test_wanted_heights_are_met_where_an_exact_size_is_near() -> None:
    wanted = parse_rungs("360@crf27,540@800k,720@crf27")
    assert wanted is not None
    rungs = wanted_ladder(area(1280, 720), wanted)
    assert sizes(rungs) == [(640, 360), (960, 540), (1280, 720)]
    assert [rung.rate for rung in rungs] == [Crf(27), Bitrate(800_000), Crf(27)]


def test_a_height_without_exact_width_moves_a_little() -> None:
    [rung] = wanted_ladder(area(1920, 1080), [WantedRung(240, Crf(27))])
    assert sizes((rung,)) == [(416, 234)]
    assert rung.size.sar == 1


@given(st.integers(400, 2000), st.integers(400, 2000), st.integers(40, 200))
def test_half_the_height_is_exactly_half_the_size(width: int, height: int, low: int) -> None:
    wanted = [WantedRung(low, Crf(30)), WantedRung(2 * low, Crf(28))]
    lower, upper = wanted_ladder(area(width, height), wanted)
    assert (2 * lower.size.width, 2 * lower.size.height) == (upper.size.width, upper.size.height)
    assert lower.size.sar == upper.size.sar
    assert upper.size.width <= width


def test_a_rung_above_the_source_is_refused() -> None:
    with pytest.raises(LadderError, match="rung 1080@crf27 is above the source, which is 720 high"):
        wanted_ladder(area(1280, 720), [WantedRung(1080, Crf(27))])


def test_one_height_at_two_rates_makes_two_rungs() -> None:
    wanted = parse_rungs("360@crf27,360@crf32.5,360@1.5M")
    assert wanted is not None
    assert [r.id for r in wanted_ladder(area(1280, 720), wanted)] == ["v360-crf27", "v360-crf32.5", "v360-1500k"]


def test_the_same_rung_twice_is_refused() -> None:
    wanted = parse_rungs("360@crf27,360@crf27")
    assert wanted is not None
    with pytest.raises(LadderError, match="360@crf27"):
        wanted_ladder(area(1280, 720), wanted)


def test_a_source_of_a_single_pixel_is_refused() -> None:
    with pytest.raises(LadderError, match="too small"):
        auto_ladder(area(1, 1), Crf(27))
