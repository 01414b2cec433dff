"""The output's form follows from the manifest, never from the rung that happens to play."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest

from manifests.model import ModelTrack, VideoFormat, VideoRepresentation
from manifests.networks import Size
from player.errors import UnplayableError
from player.superres.output import fixed_rung, output_format, switchable
from tests.support.presentations import rung_of

TRACK = ModelTrack("t", "c4d1", 2, 100, 1, 1000, "ndm/1", (), (None,))

FOLDED = dataclasses.replace(TRACK, network="c4d1f2", scale=1, input_size=Size(1280, 720))


def rung(height: int, *tracks: ModelTrack, bandwidth_bps: int = 0, name: str = "") -> VideoRepresentation:
    video = VideoFormat(height * 16 // 9, height, Fraction(30000, 1001))
    return rung_of(name or f"v{height}", video, [1001], 30000, bandwidth_bps=bandwidth_bps or height, tracks=tracks)


@pytest.mark.parametrize(
    ("rungs", "size"),
    [
        ([rung(360, TRACK)], Size(1280, 720)),
        ([rung(360), rung(720)], Size(1280, 720)),
        ([rung(360, TRACK), rung(1080)], Size(1920, 1080)),
        ([rung(720, TRACK), rung(1080)], Size(2560, 1440)),
        ([rung(360, TRACK, dataclasses.replace(TRACK, scale=3))], Size(1920, 1080)),
        ([rung(480, FOLDED), rung(720)], Size(1280, 720)),
        ([rung(360, TRACK, FOLDED), rung(480)], Size(1280, 720)),
        ([rung(360, dataclasses.replace(FOLDED, scale=2))], Size(2560, 1440)),
    ],
)
def test_the_largest_enhanced_size_is_the_outputs(rungs: list[VideoRepresentation], size: tuple[int, int]) -> None:
    output = output_format(rungs)
    assert (output.width, output.height) == size


def test_the_picture_keeps_its_shape_where_width_and_height_grow_by_different_ratios() -> None:
    """A rung of 426x240 is 16:9 by its sample aspect ratio; at 1280x720 its pixels are square."""
    low = rung(240, FOLDED)
    low = dataclasses.replace(low, video=VideoFormat(426, 240, Fraction(30), Fraction(640, 639)))
    assert output_format([low]).sar == 1
    assert output_format([dataclasses.replace(low, model_tracks=())]).sar == Fraction(640, 639)


def test_a_frames_time_is_a_whole_number_of_steps() -> None:
    output = output_format([rung(360)])
    assert (1 / output.frame_rate / output.time_base_s).denominator == 1


def test_the_viewers_own_model_enlarges_the_rung_that_is_played() -> None:
    rungs = [rung(360, TRACK), rung(720)]
    assert output_format(rungs, scale=4, played="v360").height == 1440
    assert output_format(rungs, scale=2, played="v360").height == 720
    assert output_format(rungs, scale=2).height == 1440


def test_a_rung_goes_by_id_or_by_height() -> None:
    rungs = [rung(360, bandwidth_bps=100, name="a"), rung(360, bandwidth_bps=200, name="b"), rung(720)]
    assert fixed_rung(rungs, "a").id == "a"
    assert fixed_rung(rungs, "360").id == "b"
    assert fixed_rung(rungs, "720").id == "v720"
    with pytest.raises(UnplayableError, match=r"360 \(a\), 360 \(b\), 720 \(v720\)"):
        fixed_rung(rungs, "480")


def test_only_rungs_with_equal_boundaries_are_switched() -> None:
    odd = rung_of("v180", rung(180).video, [999], 30000, bandwidth_bps=180)
    other_scale = rung_of("v270", rung(270).video, [2002], 60000, bandwidth_bps=270)
    rungs = (odd, other_scale, rung(720))
    assert [r.id for r in switchable(rungs)] == ["v270", "v720"]


@pytest.mark.parametrize("height", [12000, 45])
def test_a_size_that_no_output_can_have_is_refused(height: int) -> None:
    with pytest.raises(UnplayableError, match="sides are even and at most"):
        output_format([rung(height)])


@pytest.mark.parametrize(
    ("size", "said"),
    [((16384, 16384), "pixels"), ((7682, 4320), "pixels"), ((16386, 2), "16384"), ((641, 360), "even")],
)
def test_an_output_that_takes_too_much_is_refused(size: tuple[int, int], said: str) -> None:
    """A manifest of a kilobyte may ask for any size, and every frame of the queues would be of it."""
    huge = dataclasses.replace(rung(360), video=VideoFormat(*size, Fraction(24)))
    with pytest.raises(UnplayableError, match=said):
        output_format([huge])


def test_8k_is_not_too_much() -> None:
    assert output_format([rung(2160, TRACK)]).width == 7680
