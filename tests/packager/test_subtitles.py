"""Subtitles: from inside a video and from beside it into WebVTT that keeps time with the bundle."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.bundle import open_bundle, read_json
from manifests.names import PROVENANCE
from manifests.verify import verify_bundle
from packager.cli import main
from packager.errors import SubtitlesError
from packager.subtitles import in_period, read_file

if TYPE_CHECKING:
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Package = Callable[..., Path]

SRT = """1
00:00:00,500 --> 00:00:01,500
Guten <i>Tag</i>

2
00:00:02,000 --> 00:00:09,000
Salz & Pfeffer
1 < 2
"""


@pytest.fixture
def film(testsrc_video: Path, make_video: MakeVideo, tmp_path: Path) -> Path:
    """A film with German subtitles inside it."""
    (tmp_path / "inner.srt").write_text(SRT)
    arguments = (
        "-i",
        str(testsrc_video),
        "-i",
        str(tmp_path / "inner.srt"),
        "-map",
        "0:v",
        "-map",
        "1",
        "-c:v",
        "copy",
    )
    return make_video(tmp_path / "film.mkv", *arguments, "-c:s", "srt", "-metadata:s:s:0", "language=ger")


def spoken(bundle: Path) -> dict[str, tuple[str | None, str]]:
    """The language and the text of each track."""
    opened = open_bundle(bundle)
    return {track.id: (track.language, opened.read(track.href).decode()) for track in opened.presentation.text}


def test_tracks_and_files_become_webvtt_beside_the_video(film: Path, package: Package, tmp_path: Path) -> None:
    (tmp_path / "film.pt-BR.srt").write_text("\ufeff1\n00:00:01,000 --> 00:00:02,000\nOlá\n", "utf-8")
    bundle = package(film, "--rungs", "90@crf40", "--subtitles", str(tmp_path / "film.pt-BR.srt"))
    duration = "00:00:04.000"
    assert spoken(bundle) == {
        "t1": (
            "de",
            "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nGuten <i>Tag</i>\n\n"
            f"00:00:02.000 --> {duration}\nSalz &amp; Pfeffer\n1 &lt; 2\n",
        ),
        "t2": ("pt-BR", "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nOlá\n"),
    }
    assert verify_bundle(bundle).problems == ()
    assert len(read_json(bundle, PROVENANCE)["packaging"]["settings"]["subtitles"]) == 1


def test_a_part_of_a_film_has_the_subtitles_of_that_part(film: Path, package: Package) -> None:
    bundle = package(film, "--rungs", "90@crf40", "--start", "1", "--duration", "2")
    times = re.findall(r"[\d:.]+ --> [\d:.]+", spoken(bundle)["t1"][1])
    assert times == ["00:00:00.000 --> 00:00:00.500", "00:00:01.000 --> 00:00:02.000"]


def test_tracks_that_say_nothing_or_the_same_are_left_out(
    film: Path, package: Package, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.de.srt", "b.de.srt"):
        (tmp_path / name).write_text("1\n00:00:03,000 --> 00:00:03,500\nSpät\n")
    options = [word for name in ("a.de.srt", "b.de.srt") for word in ("--subtitles", str(tmp_path / name))]
    bundle = package(film, "--rungs", "90@crf40", "--start", "3", "--duration", "1", *options)
    assert [language for language, _ in spoken(bundle).values()] == ["de", "de"]
    early = package(film, "--rungs", "90@crf40", "--duration", "0.3", *options, name="early")
    assert spoken(early) == {}
    assert "a.de.srt has no cues in this time range; skipped" in capsys.readouterr().err


def test_other_subtitles_make_another_bundle(
    film: Path, package: Package, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = tmp_path / "late.srt"
    late.write_text(SRT)
    bundle = package(film, "--rungs", "90@crf40")
    arguments = [str(film), "-o", str(bundle), "--rungs", "90@crf40", "--preset", "ultrafast", "--subtitles", str(late)]
    assert main(arguments) == 1
    assert "made otherwise (--subtitles)" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0
    assert len(spoken(bundle)) == 1  # they say the same as those inside


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("x.txt", b"", "should end in .srt"),
        ("x.srt", None, "does not exist"),
        ("x.srt", "Grüße".encode("latin-1"), "iconv"),
        ("x.srt", b" " * (16 << 20) + b"x", "larger than 16 MB"),
    ],
)
def test_what_are_no_subtitles_is_refused_at_once(tmp_path: Path, name: str, data: bytes | None, problem: str) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SubtitlesError, match=problem):
        read_file(tmp_path / name)


def test_a_file_that_ffmpeg_cannot_read_stops_the_run_before_it_encodes(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.srt").write_text("hello\n")
    arguments = [
        str(film),
        "-o",
        str(tmp_path / "out"),
        "--rungs",
        "90@crf40",
        "--subtitles",
        str(tmp_path / "empty.srt"),
    ]
    assert main(arguments) == 1
    assert "empty.srt has no subtitles" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("v90*"))


@pytest.mark.parametrize(
    ("name", "language"),
    [("film.en.srt", "en"), ("film.pt-BR.vtt", "pt-BR"), ("film.srt", None), ("a.2nd half.srt", None)],
)
def test_a_file_says_its_language_in_its_name(tmp_path: Path, name: str, language: str | None) -> None:
    (tmp_path / name).write_text("x")
    assert read_file(tmp_path / name).language == language


_TIMING = re.compile(r"(\d\d):(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d):(\d\d\.\d{3})")


@given(st.text(max_size=300), st.fractions(-100, 100), st.fractions(Fraction(1, 100), 100))
def test_whatever_it_is_given_its_cues_lie_within_the_title(text: str, shift_s: Fraction, duration_s: Fraction) -> None:
    cue = "01:00.000 --> 01:01.500 align:start\nalways there\n"
    webvtt = in_period(f"WEBVTT\n\n{cue}\n\n{text}\n", shift_s, duration_s)
    if webvtt is None:
        return
    lines = webvtt.decode().split("\n")
    assert lines[0] == "WEBVTT"
    times = [[Fraction(number) for number in found.groups()] for line in lines if (found := _TIMING.match(line))]
    for hours, minutes, seconds, *end in times:
        start_s = hours * 3600 + minutes * 60 + seconds
        assert 0 <= start_s < end[0] * 3600 + end[1] * 60 + end[2] <= duration_s + Fraction(1, 1000)
