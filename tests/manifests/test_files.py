"""Single files: whole or not there, JSON or one clear error."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from console.outputs import OverwritesError, check_distinct
from manifests.bundle import publish_json, read_json
from manifests.errors import BrokenBundleError
from manifests.files import publish_file
from manifests.names import QUALITY
from tests.support.paths import tree

if TYPE_CHECKING:
    from pathlib import Path


def test_publishing_replaces_whole_files_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.bin"
    publish_file(path, b"old")
    publish_file(path, b"new")
    assert tree(tmp_path) == {"a/b.bin": b"new"}


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_a_published_file_can_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        publish_file(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_a_publication_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_file(tmp_path / "x", b"old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        publish_file(tmp_path / "x", b"new")
    assert tree(tmp_path) == {"x": b"old"}


def test_json_survives_the_round_trip(tmp_path: Path) -> None:
    value = {"version": 1, "name": "Zürich", "gain": [0.5, None, True], "deep": {"a": {}}}
    publish_json(tmp_path, QUALITY, value)
    assert read_json(tmp_path, QUALITY) == value
    assert "Zürich" in (tmp_path / QUALITY).read_text("utf-8")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "cannot be read"),
        (b"", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"a": NaN}', "not a JSON number"),
        (b'{"a": Infinity}', "not a JSON number"),
        (b"[" * 200_000, "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "is not JSON"),
    ],
)
def test_broken_json_ends_in_one_clear_error(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / QUALITY).write_bytes(data)
    with pytest.raises(BrokenBundleError, match=message):
        read_json(tmp_path, QUALITY)


def test_a_value_that_json_cannot_say_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        publish_json(tmp_path, QUALITY, {"psnr": float("inf")})
    assert tree(tmp_path) == {}


def test_no_output_takes_the_place_of_another_file(tmp_path: Path) -> None:
    film, report = tmp_path / "film.mp4", tmp_path / "report.html"
    check_distinct([report, tmp_path / "r.json"], [film])
    with pytest.raises(OverwritesError, match="is an input"):
        check_distinct([tmp_path / "." / "film.mp4"], [film])
    with pytest.raises(OverwritesError, match="written twice"):
        check_distinct([report, tmp_path / "x" / ".." / "report.html"])
