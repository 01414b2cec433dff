"""`neudash report` on a small real bundle: what it measures is what the files hold, and it is measured once."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import ModelFile, ModelTrack, Representation
from manifests.names import MANIFEST, QUALITY, REPORT, model_href
from manifests.networks import NetworkSpec
from manifests.quality_table import decode_quality
from manifests.verify import verify_bundle
from manifests.weights import CodedLayer, CodedModel, encode_model, parse_model
from media.quality import psnr_y, squared_error
from player.abr.inputs import rung_models_digest
from player.superres.engines import open_engine
from report import run
from report.cli import main
from report.measure import pairs, rung_player
from report.results import RungResult
from report.run import measured_rungs, open_subject

if TYPE_CHECKING:
    from media.frames import Frame

pytestmark = pytest.mark.slow

SPEC = NetworkSpec(scale=2, width=4, depth=0)
USES = (1, None, 1, 1)


def brightening(levels: float) -> bytes:
    """A model that adds so many levels to the plain upscale; with 0 it is the plain upscale."""
    layers = [
        CodedLayer(0, np.zeros((3, 3, i, o), np.int8), np.zeros(o, np.float16), np.zeros(o, np.float16))
        for i, o in SPEC.layers
    ]
    layers[-1].biases[:] = levels
    return encode_model(CodedModel(SPEC, 110, tuple(layers)))


def with_model(root: Path, data: bytes) -> None:
    """The model into the 90-row rung, used by all segments but the second."""
    publish_file(root / model_href(data), data)
    presentation = open_bundle(root).presentation
    model = ModelFile(1, model_href(data), len(data), parse_model(data).sha256)
    track = ModelTrack("t", SPEC.name, 2, SPEC.macs_per_pixel, 1, 100, "ndm/1", (model,), USES)

    def added(r: Representation) -> Representation:
        return dataclasses.replace(r, model_tracks=(track,)) if r.id == "v90" else r

    sets = tuple(
        dataclasses.replace(s, representations=tuple(map(added, s.representations)))
        for s in presentation.adaptation_sets
    )
    publish_manifest(root, dataclasses.replace(presentation, adaptation_sets=sets))


@pytest.fixture
def own_bundle(packaged_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packaged_bundle, tmp_path / "title"))


def measured(root: Path, source: Path, vmaf_every: int = 0) -> dict[str, RungResult]:
    subject = open_subject(root, source)
    rungs = measured_rungs(subject, lambda: open_engine("openvino"), vmaf_every, fresh=False, quiet=True)
    return {rung.id: rung for rung in rungs}


def test_every_segment_is_measured_as_it_is_played(own_bundle: Path, testsrc_video: Path) -> None:
    data = brightening(6)
    with_model(own_bundle, data)
    rungs = measured(own_bundle, testsrc_video, vmaf_every=12)
    low, high = rungs["v90"], rungs["v180"]
    bundle = open_bundle(own_bundle)
    representation = next(r for r in bundle.presentation.video if r.id == "v90")
    assert [s.size_bytes for s in low.segments] == [len(bundle.read(s.href)) for s in representation.segments]
    assert [s.frames for s in low.segments] == [24] * 4
    assert [s.model_bytes for s in low.segments] == [len(data), 0, 0, 0]
    assert [s.enhanced is not None for s in low.segments] == [True, False, True, True]
    for segment in low.segments:
        # Six levels up are an error of 36 a sample, whatever the plain error is that they add to.
        assert segment.enhanced is None or segment.enhanced.psnr_y < segment.plain.psnr_y
        assert segment.plain.vmaf is not None
    assert not high.enhanced
    assert high.plain_scores.psnr_y > low.plain_scores.psnr_y


def test_a_model_that_adds_nothing_measures_as_plain(own_bundle: Path, testsrc_video: Path) -> None:
    with_model(own_bundle, brightening(0))
    low = measured(own_bundle, testsrc_video)["v90"]
    for segment in low.segments:
        assert segment.enhanced in (None, segment.plain)
    assert low.enhanced


def test_the_sum_is_that_of_the_frames(own_bundle: Path, testsrc_video: Path) -> None:
    subject = open_subject(own_bundle, testsrc_video)
    representation = next(r for r in subject.bundle.presentation.video if r.id == "v90")
    player = rung_player(subject, representation, lambda: open_engine("openvino"))
    errors: list[int] = []
    reference: Frame | None = None
    for _, decoded, reference in pairs(player):
        errors.append(squared_error(reference.y, player.plain(decoded).y))
    assert reference is not None and len(errors) == 96
    rung = measured(own_bundle, testsrc_video)["v90"]
    assert rung.plain_scores.psnr_y == pytest.approx(psnr_y(sum(errors), 96 * reference.y.size), abs=1e-3)


def test_the_command_writes_page_and_figures_and_measures_once(
    own_bundle: Path,
    testsrc_video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_model(own_bundle, brightening(1))
    page, figures = tmp_path / "out" / "report.html", tmp_path / "figures.json"
    command = [str(own_bundle), "--source", str(testsrc_video), "-o", str(page), "--quiet", "--engine", "openvino"]
    assert main([*command, "--every", "0", "--json", str(figures)]) == 0
    assert "v90" in capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    assert "data:image/webp;base64," in html
    assert page.stat().st_size < 6_000_000
    assert open_bundle(own_bundle).read(REPORT) == page.read_bytes()
    published = json.loads((own_bundle / QUALITY).read_bytes())
    assert published == json.loads(figures.read_bytes())
    assert {r["id"] for r in published["rungs"]} == {"v90", "v180"}

    measured_now = []
    real = run.measure_rung
    monkeypatch.setattr(run, "measure_rung", lambda player, *rest: measured_now.append(1) or real(player, *rest))
    assert main([*command, "--every", "0"]) == 0
    assert measured_now == []
    with_model(own_bundle, brightening(2))
    assert main([*command, "--every", "0"]) == 0
    assert len(measured_now) == 1, "the other rung has not changed"
    assert main([*command, "--every", "0", "--fresh"]) == 0
    assert len(measured_now) == 3


def test_a_run_that_is_stopped_keeps_the_rung_it_finished(
    own_bundle: Path, testsrc_video: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = run.measure_rung, [1]

    def stopped_in_the_second(*arguments: object) -> RungResult:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return real(*arguments)  # type: ignore[arg-type]  # whatever the caller gave

    monkeypatch.setattr(run, "measure_rung", stopped_in_the_second)
    arguments = [str(own_bundle), "--source", str(testsrc_video), "--every", "0", "--quiet"]
    assert main([*arguments, "-o", str(own_bundle.parent / "report.html")]) == 130
    assert "goes on" in capsys.readouterr().err
    assert len(json.loads((own_bundle / QUALITY).read_bytes())["rungs"]) == 1


def test_a_damaged_model_leaves_its_segments_plain(own_bundle: Path, testsrc_video: Path) -> None:
    data = brightening(3)
    with_model(own_bundle, data)
    (own_bundle / model_href(data)).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert not measured(own_bundle, testsrc_video)["v90"].enhanced


def test_a_bundle_without_models_has_a_page_without_pictures(
    own_bundle: Path, testsrc_video: Path, tmp_path: Path
) -> None:
    page = tmp_path / "plain.html"
    arguments = [str(own_bundle), "--source", str(testsrc_video), "-o", str(page), "--every", "0", "--quiet"]
    assert main(arguments) == 0
    assert "No models" in page.read_text(encoding="utf-8")


def test_a_segment_that_does_not_decode_is_named(
    own_bundle: Path, testsrc_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [segment] = own_bundle.glob("video/v90-*/00002.m4s")
    segment.write_bytes(segment.read_bytes()[:300])
    assert main([str(own_bundle), "--source", str(testsrc_video), "--every", "0", "--quiet"]) == 1
    [said] = capsys.readouterr().err.splitlines()
    href = segment.relative_to(own_bundle).as_posix()
    assert said.startswith(f"neudash report: {href}: the video segment does not decode: ") and "Errno" not in said


def test_a_report_says_the_same_measured_and_read_again(own_bundle: Path, testsrc_video: Path) -> None:
    assert measured(own_bundle, testsrc_video) == measured(own_bundle, testsrc_video)


def test_another_video_than_the_source_is_one_line(
    own_bundle: Path, silent_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-o", str(tmp_path / "report.html"), "--every", "0", "--quiet"]
    assert main([str(own_bundle), "--source", str(silent_video), *arguments]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("neudash report: ") and "packaged from another file than" in said[-1]
    assert not (own_bundle / "quality.json").exists()
    assert main([str(own_bundle), "--source", str(tmp_path / "gone.mp4"), *arguments]) == 1
    assert "gone.mp4 does not exist" in capsys.readouterr().err
    assert main([str(tmp_path), "--source", str(silent_video), *arguments]) == 1
    assert "is not a bundle" in capsys.readouterr().err


def test_the_measured_quality_is_in_the_manifest(own_bundle: Path, testsrc_video: Path, tmp_path: Path) -> None:
    with_model(own_bundle, brightening(2.0))
    arguments = [str(own_bundle), "--source", str(testsrc_video), "-o", str(tmp_path / "r.html"), "--every", "6"]
    assert main([*arguments, "--quiet"]) == 0
    [video] = [s for s in open_bundle(own_bundle).presentation.adaptation_sets if s.content_type == "video"]
    assert video.quality is not None
    table = decode_quality((own_bundle / video.quality.href).read_bytes())
    rungs = {rung["id"]: rung for rung in json.loads((own_bundle / QUALITY).read_text())["rungs"]}
    for r in video.representations:
        told, segments = table.rungs[r.id], rungs[r.id]["segments"]
        assert told.models == rung_models_digest(r)
        assert [segment.size_bytes for segment in told.segments] == [segment["bytes"] for segment in segments]
        for segment, measured_segment in zip(told.segments, segments, strict=True):
            assert abs(segment.vmaf_neg - measured_segment["plain"]["vmaf_neg"]) <= 0.25
            assert (segment.enhanced is None) == (measured_segment["enhanced"] is None)
    assert verify_bundle(own_bundle).problems == ()
    before = (own_bundle / MANIFEST).stat().st_mtime_ns
    assert main([*arguments, "--quiet"]) == 0
    assert (own_bundle / MANIFEST).stat().st_mtime_ns == before
