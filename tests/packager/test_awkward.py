"""Every file of ../shared/clips/awkward comes out right, or ends in one clear sentence."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from manifests.bundle import open_bundle
from media.programs import find_program, run
from packager.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from media.frames import Frame

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@dataclass(frozen=True)
class Right:
    """The bundle that a file should become."""

    height: int
    """Height of the rung to ask for."""
    size: tuple[int, int]
    frames: int
    rate: str
    shape: Fraction
    """Display aspect ratio."""
    audio: bool = False
    warning: str = ""


WIDE, TALL, TV = Fraction(16, 9), Fraction(9, 16), Fraction(4, 3)
RIGHT = {
    "animated.gif": Right(150, (200, 150), 41, "50", TV, warning="rate varies"),
    "full-range-720p24.mp4": Right(180, (320, 180), 24, "24", WIDE),
    "hdr10-av1-10bit-vertical.mp4": Right(320, (180, 320), 127, "30000/1001", TALL, audio=True),
    "hlg-hevc-10bit-9frames.mp4": Right(180, (320, 180), 9, "30", WIDE, audio=True),
    "interlaced-576i25.ts": Right(144, (256, 144), 100, "50", WIDE, warning="one for each field"),
    "mpeg4-in-avi.avi": Right(200, (480, 200), 98, "24000/1001", Fraction(12, 5), audio=True),
    "rotated-minus90.mp4": Right(320, (180, 320), 45, "24", TALL, audio=True),
    "short-1.2s.mp4": Right(240, (320, 240), 36, "30", TV, audio=True),
    "single-frame.mp4": Right(180, (320, 180), 1, "24", WIDE),
    "truncated-header-ok.mp4": Right(180, (320, 180), 23, "25", WIDE, audio=True, warning="promises 75 frames, 23"),
    "vfr-huge-odd-3026x1386.mp4": Right(344, (748, 342), 419, "48", Fraction(3026, 1386), warning="rate varies"),
    "vp9-10bit-426x240.webm": Right(240, (426, 240), 72, "24000/1001", Fraction(426, 240)),
    "vp9-odd-161x121.webm": Right(120, (160, 120), 30, "30000/1001", Fraction(161, 121)),
    "yuv444-720p20.mp4": Right(180, (320, 180), 280, "20", WIDE, audio=True),
}
REFUSED = {
    "audio-only.mp4": "'audio-only.mp4' has no video stream",
    "empty.mp4": "'empty.mp4' is empty",
    "text-not-video.mp4": "is a text, not a video",
    "truncated-no-index.mp4": "is damaged or incomplete: its index is missing",
    "vp9-invalid-bitstream.webm": "none of its vp9 frames decodes",
}


def test_no_file_is_left_out(shared_dir: Path) -> None:
    assert {path.name for path in (shared_dir / "clips/awkward").iterdir()} == {*RIGHT, *REFUSED}


@pytest.mark.parametrize("name", RIGHT)
def test_an_awkward_file_comes_out_right(
    shared_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    decoded: Callable[[Path, str], list[list[Frame]]],
    name: str,
) -> None:
    right, bundle = RIGHT[name], tmp_path / "bundle"
    options = ["--rungs", f"{right.height}@crf40", "--preset", "ultrafast", "-q", "--segment-seconds", "2"]
    assert main([str(shared_dir / "clips/awkward" / name), "-o", str(bundle), *options]) == 0
    warnings = capsys.readouterr().err
    assert (right.warning in warnings) if right.warning else not warnings

    presentation = open_bundle(bundle).presentation
    [r] = presentation.video
    assert (r.video.width, r.video.height) == right.size
    assert r.video.width * r.video.sar / r.video.height == right.shape
    assert r.video.frame_rate == Fraction(right.rate)
    assert len([frame for segment in decoded(bundle, r.id) for frame in segment]) == right.frames
    assert bool(presentation.audio) == right.audio
    assert plays_to_the_end(bundle) >= right.frames - 3  # ffmpeg 5 stops where the audio does


def plays_to_the_end(bundle: Path) -> int:
    """Counts the frames that ffmpeg's own DASH player shows."""
    shown = run(
        [
            str(find_program("ffmpeg")),
            "-v",
            "error",
            "-i",
            str(bundle / "manifest.mpd"),
            *["-map", "0:v", "-f", "framehash", "-"],
        ],
        deadline_s=60,
    )
    return sum(not line.startswith(b"#") for line in shown.splitlines())


@pytest.mark.parametrize("name", REFUSED)
def test_a_hopeless_file_ends_in_one_sentence(
    shared_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main([str(shared_dir / "clips/awkward" / name), "-o", str(tmp_path / "bundle"), "-q"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("neudash package: ")
    assert REFUSED[name] in line
    assert not (tmp_path / "bundle").exists()
