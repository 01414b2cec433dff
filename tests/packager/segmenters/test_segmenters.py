"""MP4Box and ffmpeg, held to one test body: same segments, same durations, same frames."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from manifests.bundle import open_bundle
from manifests.verify import verify_bundle
from media.errors import ProgramNotFoundError
from media.frames import Frame
from media.programs import find_program
from packager.cli import main
from packager.encode import AAC_FRAME_S, audio_segment_s, timescale
from packager.encoders import ENCODERS
from packager.errors import PackagingError
from packager.presentation import MeasuredTrack, measure_track
from packager.segmenters.choice import open_segmenter
from packager.segmenters.mp4box import run_mp4box

if TYPE_CHECKING:
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Package = Callable[..., Path]
Decoded = Callable[[Path, str], list[list[Frame]]]
SEGMENTERS = ("mp4box", "ffmpeg")


@pytest.fixture(params=SEGMENTERS)
def segmenter(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    try:
        open_segmenter(name)
    except ProgramNotFoundError as error:
        pytest.skip(str(error))
    return name


@pytest.mark.parametrize("codec", ENCODERS)
def test_segments_hold_whole_groups_and_decode_alone(
    testsrc_video: Path, package: Package, decoded: Decoded, segmenter: str, codec: str
) -> None:
    bundle = package(
        testsrc_video,
        "--rungs",
        "90@crf30,180@crf35",
        "--segment-seconds",
        "1.25",
        *("--segmenter", segmenter, "--codec", codec),
    )
    presentation = open_bundle(bundle).presentation
    for r in presentation.video:
        assert [(s.number, s.start_ticks, s.duration_ticks) for s in r.segments] == [
            (1, 0, 15360),
            (2, 15360, 15360),
            (3, 30720, 15360),
            (4, 46080, 3072),
        ]
        assert r.timescale == 12288
        frames = decoded(bundle, r.id)
        assert [len(segment) for segment in frames] == [30, 30, 30, 6]
        assert [f.pts_s for segment in frames for f in segment] == [Fraction(n, 24) for n in range(96)]
    [audio] = presentation.audio
    assert [s.duration_ticks for s in audio.segments] == [59 * 1024, 59 * 1024, 59 * 1024, 11 * 1024]


def test_both_make_the_same_of_one_encode(testsrc_video: Path, package: Package, decoded: Decoded) -> None:
    if not all(map(_available, SEGMENTERS)):
        pytest.skip("needs both")
    options = ("--rungs", "90@crf30,180@crf27", "--segment-seconds", "1")
    bundles = [package(testsrc_video, *options, "--segmenter", name, name=name) for name in SEGMENTERS]
    a, b = (open_bundle(bundle).presentation for bundle in bundles)
    for ours, theirs in zip((*a.video, *a.audio), (*b.video, *b.audio), strict=True):
        assert (ours.segments, ours.timescale, ours.codecs) == (theirs.segments, theirs.timescale, theirs.codecs)
    for rung in ("v90", "v180"):
        first, second = ([f for s in decoded(bundle, rung) for f in s] for bundle in bundles)
        assert all(np.array_equal(x.y, y.y) and x.pts_s == y.pts_s for x, y in zip(first, second, strict=True))
    assert np.array_equal(*(decoded_audio(bundle) for bundle in bundles))


@pytest.mark.parametrize(
    ("rate", "segment_frames", "frames"),
    [
        ("24", 96, 97),
        ("30000/1001", 30, 1500),
        ("90000/3001", 7, 500),
        ("25", 100, 1),
        ("25/2", 13, 200),
        ("60", 240, 961),
    ],
)
def test_video_is_cut_at_every_key_frame(
    make_video: MakeVideo, tmp_path: Path, rate: str, segment_frames: int, frames: int
) -> None:
    frame_s = 1 / Fraction(rate)
    track = make_video(
        tmp_path / "track.mp4",
        *("-f", "lavfi", "-i", f"color=size=32x32:rate={rate}", "-frames:v", str(frames), "-c:v", "libx264"),
        *("-preset", "ultrafast", "-bf", "2", "-g", str(segment_frames), "-keyint_min", str(segment_frames)),
        *("-sc_threshold", "0", "-video_track_timescale", str(timescale(Fraction(rate)))),
    )
    for name in filter(_available, SEGMENTERS):
        folder = tmp_path / name
        folder.mkdir()
        open_segmenter(name).segment_video(track, folder, segment_frames * frame_s, frame_s)
        ticks = segment_frames * frame_s * timescale(Fraction(rate))
        whole, rest = divmod(frames, segment_frames)
        assert durations(measure_track(folder)) == [ticks] * whole + [ticks * rest / segment_frames] * bool(rest)


@pytest.mark.parametrize(
    ("length_s", "segment_s"), [("10", "4"), ("7.3", "2"), ("1.2", "4"), ("0.04", "4"), ("4.03", "4"), ("300", "1")]
)
def test_audio_is_cut_into_equal_numbers_of_frames(
    make_video: MakeVideo, tmp_path: Path, length_s: str, segment_s: str
) -> None:
    track = make_video(
        tmp_path / "track.mp4",
        *("-f", "lavfi", "-i", f"anullsrc=sample_rate=48000:duration={length_s}", "-c:a", "aac", "-use_editlist", "0"),
    )
    lengths = []
    for name in filter(_available, SEGMENTERS):
        folder = tmp_path / name
        folder.mkdir()
        open_segmenter(name).segment_audio(track, folder, audio_segment_s(Fraction(segment_s)), AAC_FRAME_S)
        lengths.append(durations(measure_track(folder)))
        assert set(lengths[-1][:-1]) <= {audio_segment_s(Fraction(segment_s)) * 48000}
    assert all(length == lengths[0] for length in lengths)


def durations(track: MeasuredTrack) -> list[int]:
    return [segment.duration_ticks for segment in track.segments]


def decoded_audio(bundle: Path) -> np.ndarray:
    data = b"".join(
        path.read_bytes()
        for path in [*bundle.glob("audio/a128-*/init.mp4"), *sorted(bundle.glob("audio/a128-*/*.m4s"))]
    )
    joined = bundle / "joined.mp4"
    joined.write_bytes(data)
    with av.open(str(joined)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def _available(name: str) -> bool:
    try:
        find_program({"mp4box": "MP4Box", "ffmpeg": "ffmpeg"}[name])
    except ProgramNotFoundError:
        return False
    return True


def test_an_mp4box_that_does_not_start_gives_way_to_ffmpeg_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "packager.segmenters.choice.find_program",
        lambda name: Path(shutil.which("false" if name == "MP4Box" else "true") or ""),
    )
    said: list[str] = []
    assert open_segmenter("auto", said.append).name == "ffmpeg"
    [line] = said
    assert "MP4Box is installed, but does not run" in line
    with pytest.raises(PackagingError, match="--segmenter ffmpeg does without"):
        open_segmenter("mp4box")


@pytest.mark.skipif(shutil.which("MP4Box") is None, reason="MP4Box is not installed")
def test_mp4box_needs_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    assert open_segmenter("mp4box").name == "mp4box"


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_mp4box_sees_an_empty_home_folder(tmp_path: Path) -> None:
    program = tmp_path / "MP4Box"
    program.write_text('#!/bin/sh\necho "$HOME"; ls -A "$HOME" | wc -l\n')
    program.chmod(0o755)
    home, files = run_mp4box(program, "-version", deadline_s=30).split()
    assert home.decode() != os.environ.get("HOME")
    assert int(files) == 0


def fake_mp4box(tmp_path: Path, then: str) -> Path:
    """A program that says it is MP4Box, and does `then` if it is to cut."""
    program = tmp_path / "MP4Box"
    program.write_text(f'#!/bin/sh\n[ "$1" = -version ] && {{ echo "MP4Box - GPAC version 9"; exit 0; }}\n{then}\n')
    program.chmod(0o755)
    return program


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
@pytest.mark.parametrize("then", ["kill -SEGV $$", "echo torn > 1/00001.m4s; exit 1", "exit 0"])
def test_an_mp4box_that_fails_in_the_middle_gives_way_to_ffmpeg(
    tmp_path: Path, testsrc_video: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], then: str
) -> None:
    program = fake_mp4box(tmp_path, then)
    real = find_program
    monkeypatch.setattr(
        "packager.segmenters.choice.find_program", lambda name: program if name == "MP4Box" else real(name)
    )
    arguments = [str(testsrc_video), "--rungs", "90@crf30", "--preset", "ultrafast", "-q"]
    assert main([*arguments, "-o", str(tmp_path / "auto")]) == 0
    said = capfd.readouterr().err
    assert said.count("ffmpeg cuts the segments instead") == 1 and "warning: MP4Box failed" in said
    assert verify_bundle(tmp_path / "auto").problems == ()
    assert main([*arguments, "-o", str(tmp_path / "named"), "--segmenter", "mp4box"]) == 1
    [line] = capfd.readouterr().err.splitlines()
    assert "MP4Box" in line


@pytest.mark.parametrize("program", ["true", "echo"])
def test_a_program_that_is_not_mp4box_is_told_from_it(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    path = shutil.which(program)
    assert path is not None
    real = find_program
    monkeypatch.setattr(
        "packager.segmenters.choice.find_program", lambda name: Path(path) if name == "MP4Box" else real(name)
    )
    with pytest.raises(PackagingError, match="does not answer as MP4Box does"):
        open_segmenter("mp4box")
