"""`neudash package` with a measured ladder: trial, choice, record, and going on after a kill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from manifests.bundle import open_bundle
from manifests.provenance import read_provenance
from manifests.verify import verify_bundle
from packager import pipeline
from packager.cli import main
from packager.ladder import planning

if TYPE_CHECKING:
    from pathlib import Path

    from manifests.ladder_record import LadderRecord
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

OPTIONS = ("--preset", "ultrafast", "--segment-seconds", "1", "--quiet")


def package(source: Path, bundle: Path, *options: str) -> int:
    return main([str(source), "-o", str(bundle), *OPTIONS, *options])


@pytest.fixture(scope="module")
def measured(testsrc_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`testsrc_video` with the ladder that suits it."""
    bundle = tmp_path_factory.mktemp("measured") / "bundle"
    assert package(testsrc_video, bundle) == 0
    return bundle


def ladder_of(bundle: Path) -> LadderRecord:
    record = read_provenance(bundle).packaging.ladder
    assert record is not None
    return record


def test_the_rungs_are_those_that_were_chosen(measured: Path) -> None:
    assert verify_bundle(measured).problems == ()
    record = ladder_of(measured)
    video = open_bundle(measured).presentation.video
    assert [r.id for r in video] == [rung.id for rung in record.rungs]
    assert [r.bandwidth_bps for r in video] == sorted(r.bandwidth_bps for r in video)
    assert len(record.plain_rungs) <= len(record.rungs)
    assert all(rung.plain == rung.shown and rung.rate_bps == rung.media_bps for rung in record.plain_rungs)


def test_the_record_holds_what_was_measured(measured: Path) -> None:
    points = ladder_of(measured).points
    assert {point["size"]["height"] for point in points} == {90, 120, 180}
    for height in (90, 120, 180):
        of_size = sorted((p for p in points if p["size"]["height"] == height), key=lambda point: point["crf"])
        for measure in ("rate_bps", "psnr_y", "vmaf_neg"):
            values = [point[measure] for point in of_size]
            assert values == sorted(values, reverse=True), measure


def test_rates_of_the_title_are_near_those_expected(measured: Path) -> None:
    """One segment of four stands for all."""
    expected = {rung.id: rung.media_bps for rung in ladder_of(measured).rungs}
    bundle = open_bundle(measured)
    for r in bundle.presentation.video:
        size_bytes = sum(bundle.path(segment.href).stat().st_size for segment in r.segments)
        assert 8 * size_bytes / float(r.duration_s) == pytest.approx(expected[r.id], rel=0.6)


def test_again_nothing_is_measured(
    measured: Path, testsrc_video: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "measure_ladder", None)
    assert package(testsrc_video, measured) == 0
    assert "already packaged" in capsys.readouterr().err


def test_other_bounds_make_another_bundle(
    measured: Path, testsrc_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert package(testsrc_video, measured, "--count", "2") == 1
    assert "--count" in capsys.readouterr().err


def test_a_run_that_was_killed_after_the_trial_does_not_repeat_it(
    testsrc_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"
    calls: list[int] = []
    measure = planning.measure_ladder
    monkeypatch.setattr(pipeline, "measure_ladder", lambda *given: calls.append(1) or measure(*given))
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(pipeline, "_make", _interrupted)
        pipeline.package(*_request(testsrc_video, bundle))
    pipeline.package(*_request(testsrc_video, bundle))
    assert len(calls) == 1
    assert len(open_bundle(bundle).presentation.video) == 2


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _request(source: Path, bundle: Path) -> tuple[pipeline.Request, pipeline.Listener]:
    request = pipeline.Request(source, bundle, bounds=planning.LadderBounds(count=2), preset="ultrafast")
    return request, pipeline.Listener(lambda _: None, lambda *_: None)


def test_no_rung_takes_more_than_it_may(testsrc_video: Path, tmp_path: Path) -> None:
    assert package(testsrc_video, tmp_path / "bundle", "--max-rate", "150k", "--min-rate", "20k", "--count", "2") == 0
    expected = [rung.media_bps for rung in ladder_of(tmp_path / "bundle").rungs]
    assert expected and max(expected) <= 150_000


@pytest.mark.parametrize("option", [("--count", "3"), ("--max-rate", "1M"), ("--target-quality", "80")])
def test_bounds_without_a_measured_ladder_are_refused(
    testsrc_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    assert package(testsrc_video, tmp_path / "bundle", "--rungs", "90@crf30", *option) == 1
    assert "--rungs auto" in capsys.readouterr().err


def test_too_short_a_video_gets_the_fixed_ladder(
    make_video: MakeVideo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = make_video(tmp_path / "short.mp4", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=0.5")
    assert package(video, tmp_path / "bundle") == 0
    assert "the ladder is the fixed one: the video is shorter than a second" in capsys.readouterr().err
    assert [r.id for r in open_bundle(tmp_path / "bundle").presentation.video] == ["v90", "v180"]


def test_without_libvmaf_the_fixed_ladder_is_made(
    testsrc_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(planning, "vmaf_program", lambda: None)
    assert package(testsrc_video, tmp_path / "bundle", "--duration", "2") == 0
    assert "libvmaf" in capsys.readouterr().err
