"""Argument lists: what must be in them for every source and codec."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from media.colour.conversion import Colour
from media.source.shape import Shape
from media.source.treatment import Crop, SourceTreatment
from packager.encode import VideoSettings, audio_arguments, audio_segment_s, encode_arguments, timescale
from packager.encoders import ENCODERS
from packager.ladder.sizes import LadderRung, Size
from packager.rungs import Bitrate, Crf

TREATMENT = SourceTreatment(
    stream_index=2,
    frame_rate=Fraction(24),
    start_s=Fraction(5),
    duration_s=Fraction(10),
    fields="interlaced",
    colour=Colour("bt601", full_range=True),
    origin_s=Fraction(1, 10),
    crop=Crop(0, 8, 0, 0),
    turn="clock",
)
SHAPE = Shape(720, 576, Fraction(16, 15), "yuv422p10le")
RUNGS = [
    (LadderRung("v180", Size(320, 180, Fraction(1)), Crf(27)), Path("/w/v180.mp4")),
    (LadderRung("v360", Size(640, 360, Fraction(1)), Bitrate(800_000)), Path("/w/v360.mp4")),
]


def arguments(codec: str = "h264") -> list[str]:
    return encode_arguments(TREATMENT, SHAPE, VideoSettings(codec, "medium", 96), RUNGS)


def value(options: list[str], name: str) -> list[str]:
    return [options[index + 1] for index, option in enumerate(options) if option == name]


def test_raw_frames_come_in_by_stdin_and_ffmpeg_opens_no_file() -> None:
    options = arguments()
    before_input = options[: options.index("-i")]
    assert value(options, "-i") == ["pipe:0"]
    assert value(before_input, "-f") == ["rawvideo"]
    assert value(before_input, "-pixel_format") == ["yuv422p10le"]
    assert value(before_input, "-video_size") == ["720x576"]
    assert value(before_input, "-framerate") == ["24"]
    assert "-nostdin" in options


def test_one_input_feeds_all_rungs() -> None:
    [graph] = value(arguments(), "-filter_complex")
    assert graph.count("crop=") == graph.count("transpose=") == graph.count("split=2") == 1
    assert graph.index("crop=") < graph.index("transpose=") < graph.index("split=2")
    assert graph.count("scale=") == 2
    assert value(arguments(), "-map") and len(value(arguments(), "-map")) == 2


def test_no_filter_adds_or_drops_frames() -> None:
    [graph] = value(arguments(), "-filter_complex")
    assert not any(name in graph for name in ("fps=", "trim=", "setpts=", "bwdif"))


@pytest.mark.parametrize("codec", ENCODERS)
def test_rungs_get_their_rate_and_everybody_the_same_closed_groups(codec: str) -> None:
    options = arguments(codec)
    assert value(options, "-c:v") == [ENCODERS[codec].program] * 2
    assert value(options, "-g") == ["96"] * 2
    assert value(options, "-crf") == ["27"]
    assert value(options, "-b:v") == ["800000"]
    assert value(options, "-colorspace") == ["bt709"] * 2
    assert value(options, "-color_range") == ["tv"] * 2


def test_a_bitrate_has_a_buffer() -> None:
    assert value(arguments(), "-maxrate") == ["800000"]
    assert value(arguments(), "-bufsize") == ["1600000"]


@pytest.mark.parametrize("rate", ["24", "25", "30000/1001", "24000/1001", "90000/3001", "25/2", "10", "120", "1/3"])
def test_a_frame_lasts_a_whole_number_of_ticks(rate: str) -> None:
    ticks = timescale(Fraction(rate))
    assert (ticks / Fraction(rate)).denominator == 1
    assert ticks >= 10_000


def test_audio_segments_are_whole_aac_frames_and_never_shorter_than_the_videos() -> None:
    for segment_s in (Fraction(4), Fraction(1001, 250), Fraction(1, 2)):
        audio_s = audio_segment_s(segment_s)
        assert (audio_s * 48000 / 1024).denominator == 1
        assert segment_s <= audio_s < segment_s + Fraction(1024, 48000)


def test_audio_is_read_from_a_pipe_and_has_no_edit_list() -> None:
    options = audio_arguments(6, 384_000, Path("/w/a.mp4"))
    assert value(options, "-i") == ["pipe:0"]
    assert value(options, "-ac") == ["6"]
    assert value(options, "-b:a") == ["384000"]
    assert value(options, "-use_editlist") == ["0"]
