"""Interlacing, detected by the frames of a source."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from media.source.grid import choose_grid
from media.source.interlacing import Verdict, judge_fields, verdict_on
from media.source.reading import Schedule
from media.source.scan import scan

if TYPE_CHECKING:
    from pathlib import Path

    from media.source.treatment import Fields
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Numbered = Callable[..., str]

MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2")
MARKED = (*MPEG2, "-flags", "+ilme+ildct")
"""Encodes in fields and says so."""

MOVING = "testsrc2=size=320x180:rate={rate}:duration={duration}"


def judged(path: Path) -> Fields:
    found = scan(path, 0, ())
    grid = choose_grid([time_s for time_s, _ in found.shown()], [Fraction(25), Fraction(30000, 1001)])
    return judge_fields(path, found, Schedule.of(found, grid))


def moving(rate: str, duration: str = "2") -> str:
    return MOVING.format(rate=rate, duration=duration) + ",format=yuv420p"


ZOOM = "mandelbrot=size=320x180:rate={rate}:end_scale=0.01,trim=end=2,format=yuv420p"

SOURCES: dict[str, tuple[str, tuple[str, ...], Fields]] = {
    "progressive": (moving("25"), MPEG2, "progressive"),
    "progressive marked as interlaced": (moving("25") + ",setfield=tff", MARKED, "progressive"),
    "a progressive zoom marked as interlaced": (f"{ZOOM.format(rate=25)},setfield=tff", MARKED, "progressive"),
    "a progressive scroll marked as interlaced": (
        "mandelbrot=size=320x360:rate=25,trim=end_frame=1,loop=49:1,crop=320:180:0:3*n,format=yuv420p,setfield=tff",
        MARKED,
        "progressive",
    ),
    "an interlaced zoom": (f"{ZOOM.format(rate=50)},tinterlace=interleave_top,setfield=tff", MARKED, "interlaced"),
    "an interlaced film with grain": (
        moving("50") + ",noise=alls=12:allf=t,tinterlace=interleave_top,setfield=tff",
        MARKED,
        "interlaced",
    ),
    "a progressive film with grain, marked": (
        moving("25") + ",noise=alls=12:allf=t,setfield=tff",
        MARKED,
        "progressive",
    ),
    "50i, top field first": (moving("50") + ",tinterlace=interleave_top,setfield=tff", MARKED, "interlaced"),
    "50i, bottom field first": (moving("50") + ",tinterlace=interleave_bottom,setfield=bff", MARKED, "interlaced"),
    "59.94i": (moving("60000/1001") + ",tinterlace=interleave_top,setfield=tff", MARKED, "interlaced"),
    "50i in H.264": (
        moving("50") + ",tinterlace=interleave_top,setfield=tff",
        ("-c:v", "libx264", "-preset", "veryfast", "-crf", "15", "-flags", "+ilme+ildct", "-x264-params", "tff=1"),
        "interlaced",
    ),
    "combs that are not marked": (moving("50") + ",tinterlace=interleave_top,setfield=prog", MPEG2, "progressive"),
    "film in telecine": (
        moving("24000/1001", "4") + ",telecine=first_field=top:pattern=23,setfield=tff",
        MARKED,
        "telecine",
    ),
    "film in telecine, bottom field first": (
        moving("24000/1001", "4") + ",telecine=first_field=bottom:pattern=32,setfield=bff",
        MARKED,
        "telecine",
    ),
    "nothing moves": ("color=gray:size=320x180:rate=25:duration=2,setfield=tff", MARKED, "interlaced"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_fields_are_judged_by_what_they_show(make_video: MakeVideo, tmp_path: Path, kind: str) -> None:
    graph, codec, expected = SOURCES[kind]
    assert judged(make_video(tmp_path / "film.ts", "-f", "lavfi", "-i", graph, *codec)) == expected


def joined(make_video: MakeVideo, folder: Path, *graphs: tuple[str, tuple[str, ...]]) -> Path:
    parts = [
        make_video(
            folder / f"{number}.ts", "-f", "lavfi", "-i", graph, *codec, "-output_ts_offset", str(4 * number)
        ).read_bytes()
        for number, (graph, codec) in enumerate(graphs)
    ]
    film = folder / "joined.ts"
    film.write_bytes(b"".join(parts))
    return film


def test_interlaced_parts_of_a_progressive_film_are_found(make_video: MakeVideo, tmp_path: Path) -> None:
    fields = moving("50", "4") + ",tinterlace=interleave_top,setfield=tff"
    assert judged(joined(make_video, tmp_path, (moving("25", "4"), MPEG2), (fields, MARKED))) == "interlaced"
    assert judged(joined(make_video, tmp_path, (fields, MARKED), (moving("25", "4"), MPEG2))) == "interlaced"


def test_film_and_video_in_turns_are_not_taken_for_film_alone(make_video: MakeVideo, tmp_path: Path) -> None:
    film = moving("24000/1001", "4") + ",telecine=first_field=top:pattern=23,setfield=tff"
    video = moving("60000/1001", "4") + ",tinterlace=interleave_top,setfield=tff"
    assert judged(joined(make_video, tmp_path, (film, MARKED), (video, MARKED))) == "interlaced"


def test_what_does_not_move_tells_nothing() -> None:
    still = np.full((48, 64), 100, np.int16)
    assert verdict_on([]) == verdict_on([still, still, still[:24], still[:2], still[:0]]) == Verdict()
    assert not Verdict().is_interlaced


def test_a_pulldown_repeats_fields_and_an_interlaced_film_does_not() -> None:
    assert Verdict(blocks=100, top_first=40, bottom_first=2, pairs=29, repeated=12).is_pulldown
    assert not Verdict(blocks=100, top_first=40, bottom_first=2, pairs=29, repeated=2).is_pulldown
    assert not Verdict(blocks=100, top_first=6, bottom_first=5, pairs=29, repeated=12).is_pulldown
