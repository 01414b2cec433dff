"""A disk that is full or read-only, or a missing TMPDIR: one sentence that names the place, and status 1."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from neudash import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def mounted(folder: Path, size_kb: int) -> Iterator[Path]:
    """A file system in memory at `folder`, for the test alone."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 4 KB left."""
    for folder in mounted(tmp_path / "full", 64):
        (folder / "filling").write_bytes(bytes(60 << 10))
        yield folder


@pytest.fixture
def read_only_disk(tmp_path: Path, packaged_bundle: Path) -> Iterator[Path]:
    """A file system that cannot be written, with the bundle `b`."""
    for folder in mounted(tmp_path / "read-only", 1 << 12):
        shutil.copytree(packaged_bundle, folder / "b")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder


def said(capfd: pytest.CaptureFixture[str], command: str, **places: Path) -> str:
    """The last line that a command says as it fails."""
    capfd.readouterr()
    assert cli.main([word.format(**places) for word in command.split()]) == 1
    err = capfd.readouterr().err
    assert "Traceback" not in err
    return err.splitlines()[-1]


@pytest.mark.parametrize(
    "command",
    [
        "package {source} -o {disk}/b --rungs 180@crf1 --preset ultrafast -q",
        "package {source} -o {disk}/b --rungs 180@crf1 --preset ultrafast -q --segmenter ffmpeg",
        "play {bundle} --out {disk}/x.mkv",
        "play {bundle} --out {disk}/x.y4m",
        "play {bundle} --frames {disk}/x",
        "play {bundle} --keep {disk}/x",
        "inspect {bundle} --json {disk}/y",
    ],
)
def test_a_full_disk_is_named(
    command: str, full_disk: Path, packaged_bundle: Path, testsrc_video: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if command.startswith("inspect"):
        (full_disk / "more").write_bytes(bytes(4 << 10))
    line = said(capfd, command, disk=full_disk, bundle=packaged_bundle, source=testsrc_video)
    assert str(full_disk) in line and "No space left on device" in line
    assert not list(full_disk.rglob("x.*")), "half of a video"


@pytest.mark.parametrize(
    "command",
    [
        "package {source} -o {disk}/new/b",
        "package {source} -o {disk}/b --force",
        "play {disk}/b --out {disk}/x.mp4",
        "play {disk}/b --stats {disk}/x",
        "play {disk}/b --frames {disk}/x",
        "play {disk}/b --keep {disk}/x",
        "train {disk}/b --source {source} --net c8d2 --steps 1 -q",
        "train {bundle} --source {source} --net c8d2 --steps 1 -q --json {disk}/x",
        "report {disk}/b --source {source} -q",
        "report {bundle} --source {source} -q -o {disk}/x.html",
        "inspect {disk}/b --json {disk}/x",
        "verify {disk}/b --json {disk}/x",
        "doctor --json {disk}/x",
        "demo --out {disk}/demo",
        "serve {disk}/b --port 0 --access-log {disk}/x",
        "serve {disk}/b --port 0 --metrics-folder {disk}/x",
    ],
)
def test_a_disk_that_cannot_be_written_is_named(
    command: str, read_only_disk: Path, packaged_bundle: Path, testsrc_video: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = said(capfd, command, disk=read_only_disk, bundle=packaged_bundle, source=testsrc_video)
    assert line.startswith(f"neudash {command.split()[0]}: ")
    assert str(read_only_disk) in line and "[Errno" not in line


def test_without_a_folder_for_temporary_files_another_one_is_taken(
    packaged_bundle: Path, silent_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setattr("tempfile.tempdir", None)
    options = ["--rungs", "72@crf40", "--preset", "ultrafast", "-q"]
    assert cli.main(["package", str(silent_video), "-o", str(tmp_path / "b"), *options]) == 0
    assert cli.main(["play", str(tmp_path / "b"), "--out", str(tmp_path / "x.mkv")]) == 0
