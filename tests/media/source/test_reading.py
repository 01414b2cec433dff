"""Order and times of frames read from parts of films, damage, changing sizes, fields and film; on numbered pictures."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from media.source.reading import Damage, ReadingNotes, source_frames
from packager.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Numbered = Callable[..., str]
NumbersOf = Callable[..., list[int]]
PlanOf = Callable[..., Plan]

CLOSED = ("-g", "12", "-x264-params", "b-adapt=0:scenecut=0")
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-bf", "2", *CLOSED)
OPEN_GROUPS = (*X264[:-1], "b-adapt=0:scenecut=0:open-gop=1")
AAC = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=4", "-c:a", "aac")
FRAMES = 96

FILMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "MP4": ("mp4", X264),
    "Matroska": ("mkv", X264),
    "MPEG-TS": ("ts", X264),
    "MPEG-TS with open groups": ("ts", OPEN_GROUPS),
    "raw H.264": ("h264", X264),
    "H.264 in AVI": ("avi", X264),
    "H.264 in AVI with open groups": ("avi", OPEN_GROUPS),
    "MPEG-4 in AVI": ("avi", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2")),
    "raw MPEG-4": ("m4v", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2")),
    "MPEG-2 in MXF": ("mxf", ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-r", "24")),
    # Of frames so small that several share a PES packet, most have no time stamps.
    "MPEG-PS": ("mpg", ("-vf", "noise=alls=40:allf=t", "-c:v", "mpeg2video", "-q:v", "2", "-bf", "2")),
    "Y4M": ("y4m", ()),
    "VP9 in WebM": ("webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-g", "24", "-auto-alt-ref", "1")),
    "Theora": ("ogv", ("-c:v", "libtheora", "-q:v", "9", "-g", "12")),
    "Motion JPEG": ("mjpeg", ("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p")),
}


@pytest.fixture(scope="module", params=FILMS)
def film(
    request: pytest.FixtureRequest, make_video: MakeVideo, numbered: Numbered, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """`FRAMES` numbered pictures, 24 a second."""
    suffix, codec = FILMS[request.param]
    path = tmp_path_factory.mktemp("films") / f"film.{suffix}"
    return make_video(path, "-f", "lavfi", "-i", numbered("24", FRAMES), *codec)


def test_all_frames_come_out_in_order(film: Path, plan_of: PlanOf, numbers_of: NumbersOf) -> None:
    plan, notes = plan_of(film), ReadingNotes()
    if film.suffix != ".mjpeg":  # which says nothing of its rate
        assert plan.treatment.frame_rate == 24
    assert plan.expected_frames == FRAMES
    assert numbers_of(plan, notes) == list(range(FRAMES))
    assert notes.damage(plan.treatment.frame_rate) == []


@pytest.mark.parametrize("first", [1, 11, 12, 13, 25, 47, 48, 72, 94])
def test_frame_n_of_a_part_is_frame_n_of_the_whole(
    film: Path, plan_of: PlanOf, numbers_of: NumbersOf, first: int
) -> None:
    rate = plan_of(film).treatment.frame_rate
    plan, notes = plan_of(film, start_s=first / rate, duration_s=10 / rate), ReadingNotes()
    assert numbers_of(plan, notes) == list(range(first, min(first + 10, FRAMES)))
    assert notes.damage(rate) == []


def test_a_part_of_paletted_video_has_its_palette(make_video: MakeVideo, tmp_path: Path, plan_of: PlanOf) -> None:
    path = make_video(
        tmp_path / "film.avi",
        *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=2", "-filter_complex"),
        *("[0:v]split[a][b];[a]palettegen[p];[b][p]paletteuse,format=pal8", "-c:v", "rawvideo"),
    )
    whole, part = plan_of(path), plan_of(path, start_s=Fraction(1))
    frames = list(source_frames(path, whole.found, whole.treatment))
    assert list(source_frames(path, part.found, part.treatment)) == frames[10:]
    assert len(set(frames[10])) > 20


def lose(make_video: MakeVideo, film: Path, packets: str) -> Path:
    return make_video(
        film.with_name(f"holed{film.suffix}"), "-i", str(film), "-c", "copy", "-bsf:v", f"noise=drop='{packets}'"
    )


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_lost_packets_are_frozen_and_said(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path, plan_of: PlanOf, numbers_of: NumbersOf, suffix: str
) -> None:
    film = make_video(
        tmp_path / f"film.{suffix}",
        *("-f", "lavfi", "-i", numbered("24", FRAMES), "-c:v", "ffvhuff" if suffix == "mkv" else "mjpeg"),
    )
    plan = plan_of(lose(make_video, film, "between(n,37,43)+eq(n,60)"))
    numbers = numbers_of(plan)
    assert numbers == [36 if 37 <= n <= 43 else 59 if n == 60 else n for n in range(FRAMES)]


def noisy(make_video: MakeVideo, film: Path, packets: str) -> Path:
    """These packets become noise that does not decode."""
    return make_video(
        film.with_name(f"noisy{film.suffix}"),
        *("-i", str(film), "-c", "copy", "-bsf:v", f"noise=amount='if({packets},1,0)'"),
    )


@pytest.mark.parametrize("suffix", ["mkv", "avi"])
def test_packets_that_do_not_decode_are_frozen_and_said_with_place_and_count(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path, plan_of: PlanOf, numbers_of: NumbersOf, suffix: str
) -> None:
    film = make_video(
        tmp_path / f"film.{suffix}",
        *("-f", "lavfi", "-i", numbered("24", FRAMES), "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", *CLOSED),
    )
    # Two groups of pictures: nothing of them is left.
    notes = ReadingNotes()
    plan = plan_of(noisy(make_video, film, "between(n,36,59)"))
    numbers = numbers_of(plan, notes)
    assert len(numbers) == FRAMES
    # What comes before and after is at its place.
    assert numbers[:36] == list(range(36))
    assert numbers[60:] == list(range(60, FRAMES))
    damage = notes.damage(plan.treatment.frame_rate)
    damaged = {n for place in damage for n in range(round(place.at_s * 24), round(place.at_s * 24) + place.frames)}
    assert damaged
    assert damaged <= set(range(36, 60))


def test_runs_of_damage_are_told_from_each_other() -> None:
    notes = ReadingNotes(missing=[50, 5, 6, 7, 6, 51], concealed=[9, 8])
    assert notes.damage(Fraction(25)) == [
        Damage(Fraction(5, 25), 3, "undecodable"),
        Damage(Fraction(8, 25), 2, "concealed"),
        Damage(Fraction(50, 25), 2, "undecodable"),
    ]
    assert ReadingNotes().damage(Fraction(25)) == []


@pytest.mark.parametrize("muxer", ["ts", "mkv"])
def test_a_size_that_changes_on_the_way_keeps_every_frame_and_one_shape(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path, plan_of: PlanOf, numbers_of: NumbersOf, muxer: str
) -> None:
    parts = [
        make_video(
            tmp_path / f"{number}.{muxer}",
            *("-f", "lavfi", "-i", numbered("24", 48, 48 * number), "-vf", f"scale={size}", *X264),
            *("-output_ts_offset", str(2 * number if muxer == "ts" else 0)),
        )
        for number, size in enumerate(("128:64", "160:120"))
    ]
    film = tmp_path / f"joined.{muxer}"
    if muxer == "ts":
        film.write_bytes(b"".join(part.read_bytes() for part in parts))
    else:
        (tmp_path / "list").write_text("".join(f"file '{part.name}'\n" for part in parts))
        make_video(film, "-f", "concat", "-i", str(tmp_path / "list"), "-c", "copy")
    plan = plan_of(film)
    shape = plan.treatment.shape
    assert shape is not None
    assert (shape.width, shape.height) == (128, 64)
    pieces = list(source_frames(film, plan.found, plan.treatment))
    assert len(pieces) == FRAMES
    assert {len(piece) for piece in pieces} == {128 * 64 * 3 // 2}
    assert len(set(pieces)) == FRAMES
    assert numbers_of(plan)[:48] == list(range(48))


@pytest.mark.parametrize("field", ["top", "bottom"])
def test_a_frame_for_each_field_keeps_their_order(
    make_video: MakeVideo, tmp_path: Path, plan_of: PlanOf, field: str
) -> None:
    # A white bar 16 columns wide that moves by 4 of them with each field.
    bars = "nullsrc=size=256x64:rate=50,trim=end_frame=50,geq=lum='if(between(X-4*N,0,15),235,16)':cb=128:cr=128"
    order = {"top": "tff", "bottom": "bff"}[field]
    film = make_video(
        tmp_path / "film.mkv",
        *("-f", "lavfi", "-i", f"{bars},format=yuv420p,tinterlace=interleave_{field},setfield={order}"),
        *("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct"),
    )
    plan = plan_of(film)
    assert (plan.treatment.fields, plan.treatment.frame_rate) == ("interlaced", 50)
    places = [bar_place(data, 256, 64) for data in source_frames(film, plan.found, plan.treatment)]
    assert len(places) == 50
    assert all(3 <= later - earlier <= 5 for earlier, later in pairwise(places[2:48]))
    part = plan_of(film, start_s=Fraction(1, 2))
    assert [bar_place(data, 256, 64) for data in source_frames(film, part.found, part.treatment)] == places[25:]


def bar_place(data: bytes, width: int, height: int) -> int:
    """The column in which the white bar begins."""
    row = data[width * (height // 2) : width * (height // 2 + 1)]
    return next(column for column, luma in enumerate(row) if luma > 125)


@pytest.fixture
def telecined(make_video: MakeVideo, numbered: Numbered, tmp_path: Path) -> Path:
    """96 numbered pictures of film at 24000/1001 in 120 frames of 30000/1001."""
    return make_video(
        tmp_path / "film.ts",
        *("-f", "lavfi", "-i", f"{numbered('24000/1001', FRAMES)},telecine=first_field=top:pattern=23,setfield=tff"),
        *("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct"),
    )


def test_film_comes_out_of_telecine_whole(telecined: Path, plan_of: PlanOf, numbers_of: NumbersOf) -> None:
    plan = plan_of(telecined)
    assert (plan.treatment.fields, plan.treatment.source_rate) == ("telecine", Fraction(30000, 1001))
    assert plan.treatment.frame_rate == Fraction(24000, 1001)
    numbers = numbers_of(plan)
    assert abs(len(numbers) - FRAMES) <= 1
    assert numbers[:90] == list(range(90))


def test_a_part_of_telecined_film_has_the_film_of_the_whole(
    telecined: Path, plan_of: PlanOf, numbers_of: NumbersOf
) -> None:
    start: dict[str, Any] = {"start_s": 48 * Fraction(1001, 24000), "duration_s": 12 * Fraction(1001, 24000)}
    assert numbers_of(plan_of(telecined, **start)) == list(range(48, 60))


def test_a_late_start_inside_a_group_begins_with_its_first_whole_picture(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path, plan_of: PlanOf, numbers_of: NumbersOf
) -> None:
    whole = make_video(tmp_path / "whole.ts", "-f", "lavfi", "-i", numbered("24", FRAMES), *AAC, *X264)
    late = tmp_path / "late.ts"
    late.write_bytes(whole.read_bytes()[whole.stat().st_size // 3 + 50 :])
    plan, notes = plan_of(late), ReadingNotes()
    numbers = numbers_of(plan, notes)
    assert numbers[0] % 12 == 0
    assert numbers == list(range(numbers[0], FRAMES))
    assert notes.damage(Fraction(24)) == []


def test_a_wrong_stamp_moves_no_other_frame(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path, plan_of: PlanOf, numbers_of: NumbersOf
) -> None:
    film = make_video(
        tmp_path / "film.mp4",
        *("-f", "lavfi", "-i", numbered("24", FRAMES), "-c:v", "libx264", "-preset", "veryfast", "-bf", "0"),
        *("-bsf:v", r"setts=pts='if(eq(N\,50)\,PTS+3600/TB\,PTS)'"),
    )
    assert numbers_of(plan_of(film)) == list(range(FRAMES))


def test_joined_recordings_come_out_one_after_the_other(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path, plan_of: PlanOf, numbers_of: NumbersOf
) -> None:
    parts = [
        make_video(
            tmp_path / f"{number}.ts",
            *("-f", "lavfi", "-i", numbered("24", 48, 48 * number), *AAC, "-t", "2", *X264),
            *("-output_ts_offset", offset),
        )
        for number, offset in enumerate(("5000", "0"))
    ]
    film = tmp_path / "joined.ts"
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert numbers_of(plan_of(film)) == list(range(FRAMES))
    assert numbers_of(plan_of(film, start_s=Fraction(47, 24), duration_s=Fraction(1, 4))) == list(range(47, 53))
