"""The command line: what is asked, what is answered, and where."""

from __future__ import annotations

import shutil
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from manifests.bundle import open_bundle
from packager.capture import Device, parse_device
from packager.cli import main
from packager.tools import _ffmpeg_says

if TYPE_CHECKING:
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow


def fails(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one line that a failing run says."""
    assert main(list(options)) == 1
    output = capsys.readouterr()
    assert output.out == ""
    [line] = output.err.splitlines()
    assert line.startswith("neudash package: ")
    return line.removeprefix("neudash package: ")


def test_what_cannot_be_done_is_said_in_one_line(
    silent_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, out = str(silent_video), ("-o", str(tmp_path / "bundle"), "-q")
    assert "does not exist" in fails(capsys, str(tmp_path / "none.mp4"), *out)
    assert "rung 360@crf27 is above the source" in fails(capsys, video, *out, "--rungs", "360@crf27")
    assert "ends at 51" in fails(capsys, video, *out, "--rungs", "144@crf60")
    assert "no frames after 60 s" in fails(capsys, video, *out, "--start", "1:00")
    assert fails(capsys, video, "-q", "-o", f"{video}/b").endswith(": Not a directory")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "required"),
        (["a.mp4"], "-o/--out"),
        (["a.mp4", "-o", "b", "--codec", "vp8"], "'vp8'"),
        (["a.mp4", "-o", "b", "--start", "noon"], "'noon' is not a time"),
        (["a.mp4", "-o", "b", "--rungs", "360p"], "rung '360p' is neither like 360@crf27 nor like 540@800k"),
        (["a.mp4", "-o", "b", "--duration", "0"], "more than 0"),
        (["a.mp4", "-o", "b", "--segment-seconds", "0"], "more than 0"),
        (["https://example.org/a.mp4", "-o", "b"], "download the video"),
        (["lavfi:testsrc2", "-o", "b"], "give the time to record with --duration"),
    ],
)
def test_who_asks_wrongly_is_told_so_with_2(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_help_shows_defaults_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "(default: medium)" in text
    assert "neudash package film.mp4 -o bundles/film" in text


def test_an_ffmpeg_without_the_encoder_is_named(
    silent_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("packager.tools._ffmpeg_says", lambda option: " V....D libx264 H.264\n")
    line = fails(capsys, str(silent_video), "-o", str(tmp_path / "b"), "--codec", "av1")
    assert "has no encoder libsvtav1, which av1 needs" in line


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are Unix's")
@pytest.mark.parametrize(
    ("program", "said"), [("false", "is not an ffmpeg that runs"), ("echo", "does not answer as ffmpeg does")]
)
def test_a_program_that_is_no_ffmpeg_is_named(
    silent_video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    said: str,
) -> None:
    path = shutil.which(program)
    assert path is not None
    monkeypatch.setattr("packager.tools.find_program", lambda name: Path(path))
    _ffmpeg_says.cache_clear()
    try:
        line = fails(capsys, str(silent_video), "-o", str(tmp_path / "b"))
    finally:
        _ffmpeg_says.cache_clear()
    assert f"{path} {said}" in line
    assert "NEUDASH_FFMPEG" in line


@pytest.mark.parametrize(
    "address", ["rtsp://camera/1", "udp://239.0.0.1:1234", "s3://films/film.mp4", "https://a.b/c.mp4"]
)
def test_an_address_is_called_one(capsys: pytest.CaptureFixture[str], tmp_path: Path, address: str) -> None:
    with pytest.raises(SystemExit):
        main([address, "-o", str(tmp_path / "b")])
    assert f"{address} is an address" in capsys.readouterr().err


def test_what_a_bundle_does_not_hold_is_said(
    testsrc_video: Path, make_video: MakeVideo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = ("-map", "0:v", "-map", "0:v", "-map", "0:a")
    film = make_video(tmp_path / "film.mkv", "-i", str(testsrc_video), *maps, "-c", "copy")
    options = ["-o", str(tmp_path / "b"), "-q", "--rungs", "144@crf40", "--preset", "ultrafast"]
    assert main([str(film), *options]) == 0
    assert "left out: video 1 (h264)" in capsys.readouterr().err


def test_progress_goes_to_stderr_and_the_result_to_stdout(
    silent_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(silent_video), "-o", str(tmp_path / "b"), "--rungs", "144@crf40", "--preset", "ultrafast"]) == 0
    output = capsys.readouterr()
    assert output.out == f"{tmp_path / 'b' / 'manifest.mpd'}\n"
    assert "100 %" in output.err and "eta" not in output.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("v4l2:/dev/video1", Device("v4l2", "/dev/video1")),
        ("avfoundation:0", Device("avfoundation", "0")),
        ("dshow:video=USB Camera", Device("dshow", "video=USB Camera")),
        ("film.mp4", None),
        ("c:/films/a.mp4", None),
        ("http:x", None),
    ],
)
def test_devices_are_told_from_files(text: str, device: Device | None) -> None:
    assert parse_device(text) == device


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a name of Linux")
def test_a_camera_of_linux_goes_by_its_file() -> None:
    assert parse_device("/dev/video0") == Device("v4l2", "/dev/video0")
    assert parse_device("/dev/video") is None


def test_a_device_that_gives_nothing_is_named_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = fails(capsys, "lavfi:no_such_pattern", "-o", str(tmp_path / "b"), "-q", "--duration", "1")
    assert line.startswith("no_such_pattern cannot be recorded: ffmpeg ended")
    assert not list(tmp_path.iterdir())


def test_a_device_is_recorded_once_and_packaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "bundle"
    device = ["lavfi:testsrc2=size=64x64:rate=25", "-o", str(bundle), "-q", "--rungs", "64@crf40"]
    assert main([*device, "--duration", "0.4"]) == 0
    [r] = open_bundle(bundle).presentation.video
    assert r.duration_s == Fraction(2, 5)
    recording = tmp_path / "bundle.capture.mkv"
    recorded = recording.read_bytes()
    assert main([*device, "--duration", "0.4"]) == 0
    assert recording.read_bytes() == recorded
    assert "continuing with" in capsys.readouterr().err
