"""Fixtures that several of the packager's tests need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from manifests.bundle import open_bundle
from media.frames import Frame, decode_segment
from packager.cli import main

Package = Callable[..., Path]


@pytest.fixture
def package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Package:
    """Runs `neudash package` on a source with these options, as fast as it goes, and returns the bundle."""

    def run(source: Path, *options: str, name: str = "bundle") -> Path:
        bundle = tmp_path / name
        status = main([str(source), "-o", str(bundle), "--preset", "ultrafast", "--quiet", *options])
        assert status == 0, capsys.readouterr().err
        return bundle

    return run


@pytest.fixture
def decoded() -> Callable[[Path, str], list[list[Frame]]]:
    """The frames of a rung by segment, each segment decoded by itself as a player does."""

    def decode(bundle: Path, rung: str) -> list[list[Frame]]:
        opened = open_bundle(bundle)
        [r] = [r for r in opened.presentation.video if r.id == rung]
        init = opened.read(r.init_href)
        return [list(decode_segment(init, opened.read(segment.href))) for segment in r.segments]

    return decode
