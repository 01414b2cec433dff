"""The one filter chain: colours, sizes and counts of what comes out of a source."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from media.colour.conversion import Colour
from media.errors import UnreadableSourceError
from media.source.probe import probe
from media.source.reference import reference_frames
from media.source.shape import Shape
from media.source.treatment import Crop, SourceTreatment
from packager.plan import Request, make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from media.frames import Frame
    from tests.support.media import MakeVideo

RED_BT709_LIMITED = (63, 102, 240)
"""ITU-R BT.709 luma and chroma of pure red, limited range."""


def planned(path: Path, start_s: str = "0", duration_s: str | None = None) -> SourceTreatment:
    duration = None if duration_s is None else Fraction(duration_s)
    request = Request(path, path.with_suffix(".bundle"), start_s=Fraction(start_s), duration_s=duration)
    return make_plan(request).treatment


def treated(path: Path, width: int, height: int) -> list[Frame]:
    return list(reference_frames(path, planned(path), width, height))


def middle(frame: Frame) -> tuple[int, int, int]:
    y, x = frame.height // 4, frame.width // 4
    return int(frame.y[2 * y, 2 * x]), int(frame.u[y, x]), int(frame.v[y, x])


def test_a_treatment_survives_json() -> None:
    treatment = SourceTreatment(
        stream_index=1,
        frame_rate=Fraction(30000, 1001),
        start_s=Fraction(1001, 500),
        duration_s=None,
        fields="telecine",
        colour=Colour("bt601", full_range=True, transfer="smpte2084", alpha=True, background="#336699"),
        sound_indices=(2, 3),
        source_rate=Fraction(24000, 1001),
        origin_s=Fraction(-1, 12),
        shape=Shape(720, 576, Fraction(16, 15), "yuv422p10le"),
        crop=Crop(0, 2, 4, 6),
        turn="antitranspose",
    )
    assert SourceTreatment.from_json(treatment.to_json()) == treatment
    limited = replace(treatment, duration_s=Fraction(5, 2), origin_s=None, shape=None, crop=None)
    assert SourceTreatment.from_json(json.loads(json.dumps(limited.to_json()))) == limited


OLD_JSON = {
    "stream_index": 0,
    "frame_rate": "25",
    "first_frame_s": "0",
    "start_s": "0",
    "duration_s": None,
    "deinterlace": False,
    "matrix": "bt601",
    "full_range": True,
    "transfer": "sdr",
}
"""The record that versions before `Colour` wrote."""


def test_a_treatment_of_an_older_bundle_is_read() -> None:
    treatment = SourceTreatment.from_json(OLD_JSON)
    assert treatment.colour == Colour("bt601", full_range=True)
    assert (treatment.fields, treatment.source_rate, treatment.origin_s) == ("progressive", 25, None)
    assert SourceTreatment.from_json(OLD_JSON | {"deinterlace": True}).fields == "interlaced"
    assert SourceTreatment.from_json(treatment.to_json()) == treatment


def test_hdr_of_an_older_bundle_has_other_frames_and_is_refused() -> None:
    with pytest.raises(ValueError, match="package it again"):
        SourceTreatment.from_json(OLD_JSON | {"transfer": "pq"})


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"frame_rate": "1/0"},
        {"frame_rate": 3},
        {name: value for name, value in OLD_JSON.items() if name != "deinterlace"} | {"fields": "combs"},
        *(
            OLD_JSON | wrong
            for wrong in (
                {"frame_rate": "1/0"},
                {"turn": "askew"},
                {"crop": {"top": 1}},
                {"crop": 7},
                {"sound_indices": 7},
                {"shape": {"width": 2}},
                {"shape": []},
                {"origin_s": []},
                {"frame_rate": "0"},
                {"frame_rate": "-25"},
            )
        ),
    ],
)
def test_what_is_no_treatment_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="treatment"):
        SourceTreatment.from_json(value)


def test_frames_have_the_size_asked_for_and_count_from_nought(testsrc_video: Path) -> None:
    frames = treated(testsrc_video, 160, 90)
    assert len(frames) == 96
    assert frames[0].y.shape == (90, 160)
    assert frames[0].v.shape == (45, 80)
    assert [frame.pts_s for frame in frames] == [Fraction(n, 24) for n in range(96)]


def test_a_start_and_a_duration_pick_whole_frames(testsrc_video: Path) -> None:
    everything = treated(testsrc_video, 160, 90)
    plan = planned(testsrc_video, "1.02", "0.5")
    assert plan.start_s == 1
    part = list(reference_frames(testsrc_video, plan, 160, 90))
    assert len(part) == 12
    assert all(np.array_equal(a.y, b.y) for a, b in zip(part, everything[24:36], strict=True))
    assert part[0].pts_s == 0


def test_nothing_after_the_end_is_an_error(silent_video: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="no frames after 60 s"):
        planned(silent_video, "60")
    beyond = replace(planned(silent_video), start_s=Fraction(60))
    with pytest.raises(UnreadableSourceError, match="no frames"):
        list(reference_frames(silent_video, beyond, 64, 64))


COLOURS = {
    "bt709 limited": ("out_color_matrix=bt709:out_range=tv", "yuv420p", "bt709", "tv"),
    "bt601 limited": ("out_color_matrix=bt601:out_range=tv", "yuv420p", "smpte170m", "tv"),
    "bt709 full": ("out_color_matrix=bt709:out_range=pc", "yuv420p", "bt709", "pc"),
    "4:4:4 10 bit": ("out_color_matrix=bt709:out_range=tv", "yuv444p10le", "bt709", "tv"),
}


@pytest.mark.parametrize("kind", COLOURS)
def test_red_stays_red(make_video: MakeVideo, tmp_path: Path, kind: str) -> None:
    scale, pixels, matrix, levels = COLOURS[kind]
    red = make_video(
        tmp_path / "red.mkv",
        *("-f", "lavfi", "-i", f"color=red:size=64x64:duration=0.2,format=gbrp,scale={scale},format={pixels}"),
        *("-c:v", "ffv1", "-colorspace", matrix, "-color_range", levels),
    )
    assert np.allclose(middle(treated(red, 64, 64)[0]), RED_BT709_LIMITED, atol=1)


def test_untagged_video_is_bt601_when_small_and_bt709_when_large(make_video: MakeVideo, tmp_path: Path) -> None:
    for size, matrix in (("64x64", "bt601"), ("1280x720", "bt709")):
        untagged = make_video(
            tmp_path / f"{matrix}.mkv",
            *("-f", "lavfi", "-i", f"color=red:size={size}:duration=0.1,format=gbrp"),
            *("-vf", f"scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p,setparams=colorspace=unknown"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "1"),
        )
        assert probe(untagged).video.matrix is None
        assert np.allclose(middle(treated(untagged, 64, 64)[0]), RED_BT709_LIMITED, atol=2)


def test_gif_colours_come_from_rgb(make_video: MakeVideo, tmp_path: Path) -> None:
    gif = make_video(tmp_path / "red.gif", "-f", "lavfi", "-i", "color=red:size=64x64:rate=10:duration=0.5")
    frames = treated(gif, 64, 64)
    assert len(frames) == 5
    assert np.allclose(middle(frames[0]), RED_BT709_LIMITED, atol=2)


def test_hdr_is_tone_mapped_to_the_usual_range(make_video: MakeVideo, tmp_path: Path) -> None:
    # PQ code 0.58 is 203 nits, diffuse white (ITU-R BT.2408); it belongs near SDR's white of 235.
    white = make_video(
        tmp_path / "pq.mkv",
        *("-f", "lavfi", "-i", "color=gray:size=64x64:duration=0.2,format=yuv420p10le,geq=lum=571:cb=512:cr=512"),
        *("-vf", "setparams=color_trc=smpte2084:colorspace=bt2020nc:color_primaries=bt2020:range=tv"),
        *("-c:v", "ffv1"),
    )
    assert planned(white).colour.dynamic_range == "pq"
    luma, u, v = middle(treated(white, 64, 64)[0])
    assert 215 < luma <= 235
    assert abs(u - 128) <= 1
    assert abs(v - 128) <= 1


def test_interlaced_video_gives_a_frame_for_each_field_without_combs(make_video: MakeVideo, tmp_path: Path) -> None:
    # A white bar that moves 8 columns a field: interleaved fields differ from line to line, whole frames do not.
    bars = "nullsrc=size=128x64:rate=50:duration=1,geq=lum='if(between(X-8*N,0,24),235,16)':cb=128:cr=128"
    combed = make_video(
        tmp_path / "combed.ts",
        *("-f", "lavfi", "-i", f"{bars},tinterlace=interleave_top,format=yuv420p", "-c:v", "mpeg2video"),
        *("-flags", "+ilme+ildct", "-qscale:v", "2"),
    )
    plan = planned(combed)
    assert (plan.fields, plan.source_rate, plan.frame_rate) == ("interlaced", 25, 50)
    frames = treated(combed, 128, 64)
    assert len(frames) == 50
    left_alone = list(reference_frames(combed, replace(plan, fields="progressive", frame_rate=Fraction(25)), 128, 64))
    assert len(left_alone) == 25
    assert all(combing(frame) < combing(left_alone[5]) / 3 for frame in frames[10:12])
    # The bar is 24 columns wide and moves 8 of them with each field.
    assert [round(bar_columns(frame) / 8) for frame in frames[:12]] == list(range(12))


def bar_columns(frame: Frame) -> float:
    """The first column of the white bar, from the right end that is the same for a bar that is cut off."""
    return float(np.flatnonzero(frame.y.mean(0) > 128).max()) - 24


def combing(frame: Frame) -> float:
    rows = frame.y.astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def test_a_variable_rate_becomes_constant_and_keeps_time(make_video: MakeVideo, tmp_path: Path) -> None:
    # Frames 0-11 at 24 a second, then every fourth one: black until second 1, white from then on.
    uneven = make_video(
        tmp_path / "uneven.mkv",
        *("-f", "lavfi", "-i", "color=black:size=64x64:rate=24:duration=1"),
        *("-f", "lavfi", "-i", "color=white:size=64x64:rate=24:duration=2"),
        *("-filter_complex", "[0][1]concat,select='lt(n,12)+not(mod(n,4))'", "-fps_mode", "passthrough"),
        *("-c:v", "ffv1"),
    )
    plan = planned(uneven)
    assert plan.frame_rate == 24
    frames = treated(uneven, 64, 64)
    first_white_s = next(frame.pts_s for frame in frames if frame.y.mean() > 128)
    assert abs(first_white_s - 1) <= 1 / plan.frame_rate
    assert abs(len(frames) / plan.frame_rate - 3) < Fraction(1, 4)


def test_a_start_while_nothing_moves_shows_the_picture_that_stands(make_video: MakeVideo, tmp_path: Path) -> None:
    # Twelve frames, each brighter than the one before; the last of them stands for two seconds, then white.
    still = make_video(
        tmp_path / "still.mkv",
        *(
            "-f",
            "lavfi",
            "-i",
            "nullsrc=size=64x64:rate=24:duration=3,geq=lum='if(lt(N,60),40+10*min(N,11),235)':cb=128:cr=128",
        ),
        *("-vf", "select='lt(n,12)+gte(n,60)',format=yuv420p", "-fps_mode", "vfr", "-c:v", "ffv1"),
    )
    plan = planned(still, "1.5", "0.25")
    lumas = [float(frame.y.mean()) for frame in reference_frames(still, plan, 64, 64)]
    assert len(lumas) == round(plan.frame_rate / 4)
    assert all(abs(luma - 150) <= 1 for luma in lumas)
