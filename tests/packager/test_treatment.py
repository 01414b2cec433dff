"""The rate, the fields and the colour that a source is brought to."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from media.colour.conversion import Colour
from media.colour.tags import colour_of, without_zscale
from media.source.grid import Grid
from media.source.probe import SourceInfo, VideoInfo
from media.source.shape import Shape
from media.source.treatment import Crop, Fields, SourceTreatment
from packager.treatment import output_rate, plan_treatment

if TYPE_CHECKING:
    from media.source.orientation import Turn

PQ, HLG = 16, 18
"""Transfer characteristics of ITU-T H.273."""

HD = VideoInfo(
    index=0,
    codec="h264",
    width=1280,
    height=720,
    sar=Fraction(1),
    turn="none",
    turn_is_exact=True,
    crop=None,
    pixel_format="yuv420p",
    named_rates=(Fraction(25),),
    frames=None,
    duration_s=Fraction(60),
    duration_known=True,
    full_range=False,
    matrix=None,
    transfer=2,
)
HD_SHAPE = Shape(1280, 720, Fraction(1), "yuv420p")


def planned(
    video: VideoInfo = HD,
    rate: Fraction = Fraction(25),
    fields: Fields = "progressive",
    shape: Shape = HD_SHAPE,
    start_s: Fraction = Fraction(0),
    duration_s: Fraction | None = None,
) -> SourceTreatment:
    info = SourceInfo(name="a.mp4", format="mp4", video=video, audio=None)
    grid = Grid(rate, Fraction(3, 2), constant=True)
    return plan_treatment(info, grid, fields, shape, start_s=start_s, duration_s=duration_s, colour=Colour())


@pytest.mark.parametrize(
    ("rate", "fields", "expected"),
    [
        ("25", "progressive", "25"),
        ("120", "progressive", "120"),
        ("25", "interlaced", "50"),
        ("30000/1001", "interlaced", "60000/1001"),
        ("30", "interlaced", "60"),
        ("50", "interlaced", "50"),  # twice that is more than anybody shows
        ("30000/1001", "telecine", "24000/1001"),
        ("30", "telecine", "24"),
    ],
)
def test_the_rate_follows_from_that_of_the_source_and_its_fields(rate: str, fields: Fields, expected: str) -> None:
    assert output_rate(Fraction(rate), fields) == Fraction(expected)
    treatment = planned(rate=Fraction(rate), fields=fields)
    assert (treatment.frame_rate, treatment.source_rate) == (Fraction(expected), Fraction(rate))
    # As many seconds come out as there are.
    assert treatment.output_range(1000)[1] == round(1000 * treatment.frame_rate / treatment.source_rate)


def test_untagged_video_is_bt709_from_720_rows_on() -> None:
    assert colour_of(HD).matrix == "bt709"
    assert colour_of(replace(HD, width=720, height=1280)).matrix == "bt709"
    assert colour_of(replace(HD, width=720, height=576)).matrix == "bt601"
    assert colour_of(replace(HD, matrix="bt2020")).matrix == "bt2020"


@pytest.mark.parametrize(("transfer", "expected"), [(PQ, "pq"), (HLG, "hlg"), (1, "sdr"), (2, "sdr")])
def test_hdr_is_tone_mapped_if_ffmpeg_can(transfer: int, expected: str) -> None:
    colour = colour_of(replace(HD, transfer=transfer))
    assert colour.dynamic_range == expected
    assert without_zscale(colour).dynamic_range == "sdr"


def test_a_start_is_snapped_to_a_frame() -> None:
    treatment = planned(start_s=Fraction("3.05"), duration_s=Fraction("1.5"))
    assert treatment.start_s == Fraction(76, 25)
    assert treatment.frame_limit == 38
    assert treatment.output_range(1000) == (76, 38)
    assert treatment.output_range(100) == (76, 24)
    assert treatment.output_range(10) == (76, 0)


def test_a_start_is_snapped_to_a_frame_that_comes_out() -> None:
    assert planned(fields="interlaced", start_s=Fraction("3.03")).start_s == Fraction(152, 50)


@pytest.mark.parametrize(
    ("shape", "crop", "turn", "expected"),
    [
        (HD_SHAPE, None, "none", (1280, 720)),
        (HD_SHAPE, None, "clock", (720, 1280)),
        (HD_SHAPE, None, "half", (1280, 720)),
        (HD_SHAPE, Crop(0, 0, 160, 160), "none", (960, 720)),
        (HD_SHAPE, Crop(10, 20, 160, 160), "transpose", (690, 960)),
        (replace(HD_SHAPE, width=720, height=576, sar=Fraction(16, 15)), None, "none", (768, 576)),
        (replace(HD_SHAPE, width=720, height=576, sar=Fraction(1, 2)), None, "none", (720, 1152)),
    ],
)
def test_the_size_as_shown_is_cropped_then_stretched_then_turned(
    shape: Shape, crop: Crop | None, turn: Turn, expected: tuple[int, int]
) -> None:
    assert planned(replace(HD, crop=crop, turn=turn), shape=shape).display_size == expected
