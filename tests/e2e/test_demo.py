"""`neudash demo` on seconds of video, as a person starts it: from the file to the page that is served."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import httpx
import pytest

from manifests.bundle import open_bundle
from media.programs import find_program, run
from neudash import demo
from neudash.sample.video import render_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.train, pytest.mark.slow]

DEADLINE_S = 240.0
FRAMES = 48
"""2 s of `small_sample`."""


@dataclass
class Finished:
    """A demo that ran to its end."""

    folder: Path
    stdout: str
    stderr: str


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "neudash", "demo", *map(str, arguments)]


@pytest.fixture(scope="module")
def small_sample(media_folder: Path) -> Path:
    """The beginning of our sample video at 624x352, which gives the rungs v176 and v352; 2 s, 24 frames a second."""
    whole, path = media_folder / "sample.mp4", media_folder / "small-sample.mp4"
    render_sample(whole, 2.0)
    arguments = ["-i", f"file:{whole}", "-vf", "crop=1248:704,scale=624:352:flags=area", "-crf", "14", "-c:a", "copy"]
    run([str(find_program("ffmpeg")), "-v", "error", "-y", *arguments, f"file:{path}"], deadline_s=120)
    return path


@pytest.fixture(scope="module")
def demo_arguments(small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    return [small_sample, "--seconds", 2, "--steps", 60, "--out", tmp_path_factory.mktemp("demo")]


@pytest.fixture(scope="module")
def finished(demo_arguments: list[object]) -> Finished:
    done = subprocess.run(command(*demo_arguments, "--once"), capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    return Finished(Path(str(demo_arguments[-1])), done.stdout, done.stderr)


def test_it_leaves_a_bundle_with_a_model_and_plays_it_enhanced(finished: Finished) -> None:
    tracks = [
        track for rung in open_bundle(finished.folder / "bundle").presentation.video for track in rung.model_tracks
    ]
    assert tracks
    played = json.loads((finished.folder / "play.json").read_text())
    assert played["frames"] == played["enhanced_frames"] == FRAMES
    with av.open(str(finished.folder / "enhanced.mp4")) as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == (624, 352)
        assert len(file.streams.audio) == 1
        assert sum(1 for _ in file.decode(file.streams.video[0])) == FRAMES


def test_its_report_agrees_with_what_it_prints(finished: Finished) -> None:
    rungs = json.loads((finished.folder / "report.json").read_text())["rungs"]
    (segments,) = [rung["segments"] for rung in rungs if rung["id"] == "v176"]
    model_bytes = sum(segment["model_bytes"] for segment in segments)
    assert f"{model_bytes:,} of models" in finished.stdout
    assert all(segment["enhanced"]["psnr_y"] > segment["plain"]["psnr_y"] for segment in segments)
    page = (finished.folder / "report.html").read_text()
    assert "<html" in page and "http://" not in page.replace("http://www.w3.org/", "")


def test_it_shows_each_command_and_ends_with_report_and_page(finished: Finished) -> None:
    shown = [line.split()[2] for line in finished.stderr.splitlines() if line.startswith("$ neudash ")]
    assert shown == ["package", "train", "serve", "play", "report"]
    report, page = finished.stdout.splitlines()[-2:]
    assert report.split() == ["report:", str(finished.folder / "report.html")]
    with pytest.raises(httpx.ConnectError):  # the server has ended with the demo
        httpx.get(page.split()[1])


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The demo while it runs; killed where it outlives the deadline."""
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        watchdog = threading.Timer(DEADLINE_S, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_again_it_reuses_what_is_done_and_serves_until_stopped(
    finished: Finished, demo_arguments: list[object]
) -> None:
    with started(*demo_arguments, "--keep-serving") as demo:
        assert demo.stdout
        page = next(line.split()[1] for line in demo.stdout if line.startswith("page:"))
        assert httpx.get(page).status_code == 200
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(page)


def test_a_video_that_is_none_ends_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_text("Dear film,")
    done = subprocess.run(
        command(path, "--out", tmp_path, "--once"), capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("neudash demo: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("video", "folder"),
    [(None, "canal-10s"), (Path("films/Été à Paris.mov"), "été-à-paris-10s"), (Path("!.mkv"), "video-10s")],
)
def test_each_video_has_a_folder_of_its_own(video: Path | None, folder: str) -> None:
    assert demo.default_folder(video, 10.0) == Path("demo-out") / folder


@pytest.mark.parametrize(
    ("size", "rungs"),
    [
        ((1280, 720), "fixed"),
        ((1080, 1920), "fixed"),
        ((3840, 2160), "270@crf27,540@crf27,1080@crf27"),
        ((2160, 3840), "480@crf27,960@crf27,1920@crf27"),
    ],
)
def test_a_large_source_gets_a_ladder_that_a_laptop_can_measure(size: tuple[int, int], rungs: str) -> None:
    assert demo.wanted_rungs(*size) == rungs
