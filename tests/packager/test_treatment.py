"""The rate and the colour that a source is brought to."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from media.probe import SourceInfo, VideoInfo
from packager.treatment import constant_rate, is_constant_rate, plan_treatment

PQ, HLG = 16, 18
"""Transfer characteristics of ITU-T H.273."""

HD = VideoInfo(
    index=0,
    codec="h264",
    width=1280,
    height=720,
    sar=Fraction(1),
    rotation=0,
    pixel_format="yuv420p",
    average_rate=Fraction(25),
    base_rate=Fraction(25),
    typical_rate=None,
    frames=None,
    duration_s=Fraction(60),
    duration_known=True,
    first_frame_s=Fraction(0),
    interlaced=False,
    full_range=False,
    matrix=None,
    transfer=2,
)


def info(video: VideoInfo) -> SourceInfo:
    return SourceInfo(name="a.mp4", format="mp4", video=video)


@pytest.mark.parametrize(
    ("average", "base", "duration_s", "expected"),
    [
        ("25", "25", 60, "25"),
        ("24000/1001", "24000/1001", 7200, "24000/1001"),
        ("2997/100", "2997/100", 7200, "30000/1001"),  # WebM's milliseconds
        ("90000/3001", "90000/3001", Fraction(3, 10), "30"),  # means 30, in the nine frames there are
        ("90000/3001", "90000/3001", 3600, "90000/3001"),  # does not mean 30: it would lose 36 frames
        ("17", "17", 60, "17"),  # no standard, but constant
        ("120", "120", 60, "120"),
        ("3628800/502589", "57600", Fraction(87, 10), "10"),  # varies, 7.2 on average
        ("293/10", "90000", 60, "30000/1001"),  # a phone that means 30
        ("75", "90000", 60, "60"),
        ("25", "50", 60, "25"),  # interlaced H.264: fields counted
    ],
)
def test_the_rate_of_a_source(average: str, base: str, duration_s: Fraction, expected: str) -> None:
    video = replace(HD, average_rate=Fraction(average), base_rate=Fraction(base), duration_s=Fraction(duration_s))
    assert constant_rate(video) == Fraction(expected)


@pytest.mark.parametrize(("typical", "expected"), [("8", "10"), ("39", "30"), ("25", "25"), ("90", "30")])
def test_a_varying_rate_is_smooth_where_something_moves(typical: str, expected: str) -> None:
    screen = replace(HD, average_rate=Fraction("7.2"), base_rate=Fraction(57600), typical_rate=Fraction(typical))
    assert constant_rate(screen) == Fraction(expected)


def test_a_varying_rate_is_known_as_such() -> None:
    assert is_constant_rate(HD)
    assert not is_constant_rate(replace(HD, base_rate=Fraction(90000)))
    assert not is_constant_rate(replace(HD, base_rate=None))


def test_a_start_is_snapped_to_a_frame() -> None:
    treatment = plan_treatment(info(HD), start_s=Fraction("3.05"), duration_s=Fraction("1.5"), tone_map=True)
    assert treatment.start_s == Fraction(76, 25)
    assert treatment.frame_limit == 38
