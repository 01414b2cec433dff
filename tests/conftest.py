"""Real media for all tests, made in seconds: each fixture says how it was made and what is known of it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from packager.cli import main as package_main
from tests.support.media import MakeVideo, make_video_file
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = (
    "tests.support.bundles",
    "tests.support.faulty_server",
    "tests.support.tiny_bundle",
    "tests.support.virtual_time",
)
"""Modules whose fixtures all tests may use."""

TESTSRC_FRAMES = 96
"""Frames of `testsrc_video`: 4 s at 24 frames a second."""

PACKAGED_SEGMENTS = 4
"""Segments of `packaged_bundle`, 1 s and 24 frames each."""


settings.register_profile("quick", max_examples=15)


def pytest_configure(config: pytest.Config) -> None:
    """Prepares the run; `-m "not slow"` also means fewer examples of each property, and no field tests."""
    # Started in the background of a shell, we ignore Ctrl-C, and so would each program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.markexpr.startswith("not slow"):
        config.option.markexpr = "not slow and not field"
        settings.load_profile("quick")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real clips, traces and schemas beside the checkout; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared folder beside the checkout")
    return folder


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for generated media that lives as long as the test session."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def make_video() -> MakeVideo:
    """Makes a video that only one test needs."""
    return make_video_file


@pytest.fixture(scope="session")
def testsrc_video(media_folder: Path) -> Path:
    """A zoom into the Mandelbrot set, 320x180, 24 frames a second, 96 frames, BT.709; AAC stereo, 440 Hz, 4 s."""
    return make_video_file(
        media_folder / "testsrc.mp4",
        *("-f", "lavfi", "-i", "mandelbrot=size=320x180:rate=24:end_scale=0.05:maxiter=1000"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=4"),
        *("-frames:v", str(TESTSRC_FRAMES), "-vf", "scale=out_color_matrix=bt709,format=yuv420p"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-colorspace", "bt709"),
        *("-color_primaries", "bt709", "-color_trc", "bt709", "-c:a", "aac", "-ac", "2"),
    )


@pytest.fixture(scope="session")
def silent_video(media_folder: Path) -> Path:
    """ffmpeg's test pattern, 256x144, 30 frames a second, 45 frames (1.5 s), no audio."""
    return make_video_file(
        media_folder / "silent.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=256x144:rate=30:duration=1.5"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-pix_fmt", "yuv420p"),
    )


@pytest.fixture(scope="session")
def packaged_bundle(testsrc_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`testsrc_video` as a bundle: v90 (160x90) and v180 (320x180) at CRF 30 and 27, a128, 4 segments of 1 s.

    Shared by all tests: copy it before changing anything in it.
    """
    bundle = tmp_path_factory.mktemp("bundle") / "testsrc"
    status = package_main(
        [
            *(str(testsrc_video), "-o", str(bundle), "--rungs", "90@crf30,180@crf27"),
            *("--segment-seconds", "1", "--preset", "veryfast", "--quiet"),
        ]
    )
    assert status == 0
    return bundle
