"""`neudash make`: from a file to a bundle with models and a report, and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.bundle import open_bundle
from manifests.names import REPORT
from manifests.provenance import read_provenance
from manifests.verify import verify_bundle
from neudash.make import main

pytestmark = [pytest.mark.train, pytest.mark.slow]

QUICK = ("--count", "2", "--preset", "ultrafast", "--net", "c4d1f2", "--scope", "title", "--steps", "40", "--quiet")


def test_one_command_packages_trains_and_reports(
    testsrc_video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    assert main([str(testsrc_video), "-o", str(bundle), *QUICK]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == str(bundle / "manifest.mpd")
    assert verify_bundle(bundle).problems == ()
    assert read_provenance(bundle).training.keys() == {rung.id for rung in open_bundle(bundle).presentation.video}
    assert "the best plain ladder of this title" in (bundle / REPORT).read_text()

    manifest = (bundle / "manifest.mpd").stat().st_mtime_ns
    assert main([str(testsrc_video), "-o", str(bundle), *QUICK]) == 0
    assert "already packaged" in capfd.readouterr().err
    assert (bundle / "manifest.mpd").stat().st_mtime_ns == manifest


def test_a_step_that_fails_ends_it_with_its_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "film.mp4"
    text.write_text("not a film")
    assert main([str(text), "-o", str(tmp_path / "bundle")]) == 1
    said = capfd.readouterr().err
    assert "neudash package: " in said
    assert "`neudash package` ended with status 1" in said
