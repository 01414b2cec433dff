"""Stopped at any moment, a run leaves a bundle that opens or none at all, and the next one goes on from there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from manifests.bundle import open_bundle
from manifests.errors import BrokenBundleError
from manifests.names import MANIFEST
from packager.cli import main
from packager.errors import OutputFolderError
from packager.pipeline import Listener, package
from packager.plan import Request
from packager.rungs import Crf, WantedRung
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media.programs import RunProgress
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

LADDER = (WantedRung(90, Crf(35)), WantedRung(180, Crf(35)))
QUIET = Listener(step=lambda what: None, encoding=lambda report, total: None)


def request(source: Path, bundle: Path, **changes: object) -> Request:
    settings: dict[str, object] = {"wanted": LADDER, "segment_s": 1, "preset": "ultrafast"}
    return Request(source, bundle, **(settings | changes))  # type: ignore[arg-type]  # named as the fields are


def is_whole(bundle: Path) -> bool:
    """True if there is a bundle; fails if a part of it is missing."""
    try:
        opened = open_bundle(bundle)
    except BrokenBundleError:
        return False
    assert all((bundle / href).is_file() for href in opened.files())
    return True


def stopping_at(step: str) -> Listener:
    """Ctrl-C where the step of that name begins."""

    def stop(what: str) -> None:
        if what.startswith(step):
            raise KeyboardInterrupt

    def encoding(report: RunProgress, total: int | None) -> None:
        if step == "encoding":
            raise KeyboardInterrupt

    return Listener(step=stop, encoding=encoding)


@pytest.mark.parametrize("step", ["encode", "encoding", "segments", "manifest"])
def test_ctrl_c_at_any_step_leaves_no_bundle_and_loses_no_finished_rung(
    testsrc_video: Path, tmp_path: Path, step: str
) -> None:
    bundle = tmp_path / "bundle"
    with pytest.raises(KeyboardInterrupt):
        package(request(testsrc_video, bundle), stopping_at(step))
    assert not is_whole(bundle)
    assert not [path for path in bundle.iterdir() if path.name != ".work"]

    steps: list[str] = []
    package(request(testsrc_video, bundle), Listener(step=steps.append, encoding=lambda report, total: None))
    assert is_whole(bundle)
    encoded_again = any(name.startswith("encode") for name in steps)
    assert encoded_again == (step in ("encode", "encoding"))
    assert not (bundle / ".work").exists()


def test_a_run_killed_while_it_publishes_goes_on(
    testsrc_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = 0
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        nonlocal moves
        if "video" in Path(target).parts:
            moves += 1
            if moves == 2:
                raise KeyboardInterrupt
        return real(self, target)

    bundle = tmp_path / "bundle"
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        package(request(testsrc_video, bundle), QUIET)
    assert len(list(bundle.glob("video/v90-*"))) == 1
    assert not is_whole(bundle)
    monkeypatch.undo()

    steps: list[str] = []
    package(request(testsrc_video, bundle), Listener(step=steps.append, encoding=lambda report, total: None))
    assert is_whole(bundle)
    assert not any(name.startswith("encode") for name in steps)


def test_a_finished_bundle_is_left_alone(testsrc_video: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assert not package(request(testsrc_video, bundle), QUIET).already_done
    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*")}
    assert package(request(testsrc_video, bundle), QUIET).already_done
    assert {path: path.stat().st_mtime_ns for path in bundle.rglob("*")} == before


def test_another_bundle_is_replaced_only_by_force(testsrc_video: Path, silent_video: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    package(request(testsrc_video, bundle), QUIET)
    (bundle / "models").mkdir()
    (bundle / "models" / "0123456789abcdef.ndm").write_bytes(b"of the old rungs")
    for changed, told in (
        ({"preset": "superfast"}, "(--preset)"),
        ({"wanted": LADDER[:1]}, "(--rungs)"),
        ({"segment_s": 2}, "(--segment-seconds)"),
        ({"duration_s": 2}, "(--start, --duration or treatment)"),
    ):
        with pytest.raises(OutputFolderError, match=re.escape(told) + ".*--force"):
            package(request(testsrc_video, bundle, **changed), QUIET)
    with pytest.raises(OutputFolderError, match="another source"):
        package(request(silent_video, bundle, wanted=None), QUIET)
    assert len(open_bundle(bundle).presentation.video) == 2

    assert not package(request(testsrc_video, bundle, wanted=LADDER[:1], force=True), QUIET).already_done
    assert is_whole(bundle)
    assert [r.id for r in open_bundle(bundle).presentation.video] == ["v90"]
    names = "audio video manifest.mpd master.m3u8 playlist_a128.m3u8 playlist_v90.m3u8 playlist_v90~iframes.m3u8"
    assert {path.name for path in bundle.iterdir()} == {*names.split(), "poster.jpg", "provenance.json"}


def test_a_bundle_that_is_packaged_anew_has_new_addresses(testsrc_video: Path, tmp_path: Path) -> None:
    """Segments are cached for ever: two versions of a bundle must not meet under one address."""
    bundle = tmp_path / "bundle"
    addresses = []
    for wanted in (LADDER, LADDER[:1]):
        package(request(testsrc_video, bundle, wanted=wanted, force=True), QUIET)
        addresses.append(
            {href for href, file in open_bundle(bundle).files().items() if file.kind in ("init", "segment")}
        )
    assert not addresses[0] & addresses[1]


def test_force_that_is_stopped_leaves_the_old_bundle(testsrc_video: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    package(request(testsrc_video, bundle), QUIET)
    with pytest.raises(KeyboardInterrupt):
        package(request(testsrc_video, bundle, wanted=LADDER[:1], force=True), stopping_at("segments"))
    assert is_whole(bundle)
    assert len(open_bundle(bundle).presentation.video) == 2


def test_a_folder_with_other_things_in_it_is_not_touched(testsrc_video: Path, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(OutputFolderError, match="not empty"):
        package(request(testsrc_video, tmp_path), QUIET)
    with pytest.raises(OutputFolderError, match="is a file"):
        package(request(testsrc_video, tmp_path / "holiday.jpg"), QUIET)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_what_other_settings_left_half_done_is_thrown_away(testsrc_video: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    with pytest.raises(KeyboardInterrupt):
        package(request(testsrc_video, bundle), stopping_at("segments"))
    with pytest.raises(KeyboardInterrupt):
        package(request(testsrc_video, bundle, preset="superfast"), stopping_at("segments"))
    assert len(list((bundle / ".work").iterdir())) == 1


SLOW = ("--rungs", "90@crf20,180@crf20", "--preset", "veryslow", "--segment-seconds", "1", "--verbose")


def start(source: Path, bundle: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "packager", str(source), "-o", str(bundle), *SLOW, *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], object], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def children(pid: int) -> Sequence[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_real_ctrl_c_says_so_and_ends_ffmpeg(testsrc_video: Path, make_video: MakeVideo, tmp_path: Path) -> None:
    # Ten minutes: no machine comes to their end before Ctrl-C does.
    long = make_video(tmp_path / "long.mp4", "-stream_loop", "149", "-i", str(testsrc_video), "-c", "copy")
    bundle = tmp_path / "bundle"
    process = start(long, bundle)
    wait_for(lambda: list(bundle.glob(".work/*/tmp-*-v180.mp4")))
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.rstrip().endswith("neudash package: stopped; the same command goes on from here")
    assert "Traceback" not in stderr
    assert not is_whole(bundle)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("moment", ["tmp-*-v90.mp4", "v180.mp4", "video-v90"])
def test_kill_9_leaves_no_bundle_and_no_ffmpeg(testsrc_video: Path, tmp_path: Path, moment: str) -> None:
    bundle = tmp_path / "bundle"
    process = start(testsrc_video, bundle)
    wait_for(lambda: list(bundle.glob(f".work/*/{moment}")) or process.poll() is not None)
    started = children(process.pid) if process.poll() is None else []
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: not any(is_alive(child) for child in started))

    again = start(testsrc_video, bundle)
    _, stderr = again.communicate(timeout=120)
    assert again.returncode == 0
    assert is_whole(bundle)
    assert not (bundle / ".work").exists()
    if moment != "tmp-*-v90.mp4":
        assert "libx264" not in stderr, "a finished rung was encoded again"


def test_leftovers_of_a_published_bundle_go_at_the_next_run(testsrc_video: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    package(request(testsrc_video, bundle), QUIET)
    shutil.copytree(bundle / "video", bundle / ".work" / "old" / "video")
    assert package(request(testsrc_video, bundle), QUIET).already_done
    assert not (bundle / ".work").exists()


def test_the_command_says_that_it_is_done(
    testsrc_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(testsrc_video), "-o", str(tmp_path / "b"), "--rungs", "90@crf40", "--preset", "ultrafast", "-q"]
    assert main(command) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "b" / MANIFEST)
    assert main(command) == 0
    assert "already packaged" in capsys.readouterr().err
