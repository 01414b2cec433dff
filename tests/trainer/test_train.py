"""Training for real, on a small bundle: gains, repeatability, resuming after a kill, what is published."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from manifests.bundle import open_bundle, read_json
from manifests.names import PROVENANCE
from manifests.networks import NetworkSpec, macs_per_rung_pixel
from manifests.verify import verify_bundle
from media.programs import find_program, run
from packager.cli import main as package
from trainer.choice.networks import trained_network
from trainer.cli import main
from trainer.data.pairs import Pair, PatchSource
from trainer.fitting.fit import FitSettings, Fitter
from trainer.pipeline import enhanceable_rungs
from trainer.settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from manifests.model import Representation, VideoFormat

pytestmark = [pytest.mark.train, pytest.mark.slow]

OPTIONS = ("--net", "c4d1", "--steps", "80", "--quiet")


def train(bundle: Path, source: Path, *options: str) -> int:
    return main([str(bundle), "--source", str(source), *OPTIONS, *options])


def rung(bundle: Path, name: str = "v90") -> Representation:
    return next(r for r in open_bundle(bundle).presentation.video if r.id == name)


def model_files(bundle: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((bundle / "models").glob("*"))}


@pytest.fixture(scope="module")
def rich_bundle(testsrc_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`testsrc_video` at 160x90 and its own size, 4 segments of 1 s, at rates where a model's bytes are few.

    Copy it before changing anything in it.
    """
    bundle = tmp_path_factory.mktemp("rich") / "bundle"
    rungs = ["--rungs", "90@crf14,180@crf30", "--segment-seconds", "1", "--preset", "ultrafast", "--quiet"]
    assert package([str(testsrc_video), "-o", str(bundle), *rungs]) == 0
    return bundle


@pytest.fixture(scope="module")
def trained(rich_bundle: Path, testsrc_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("trained") / "bundle"
    shutil.copytree(rich_bundle, bundle)
    assert train(bundle, testsrc_video, "--json", str(bundle.parent / "summary.json")) == 0
    return bundle


def test_the_models_gain_what_the_manifest_says_and_the_bundle_is_sound(trained: Path) -> None:
    (track,) = rung(trained).model_tracks
    assert (track.network, track.scale, track.rank) == ("c4d1", 2, 1)
    assert track.uses.count(None) < len(track.uses)
    gains = [model.gain_db for model in track.models if model.gain_db is not None]
    assert max(gains) > 0.1
    assert verify_bundle(trained).problems == ()
    (summary,) = json.loads((trained.parent / "summary.json").read_text())
    assert summary["model_bytes"] == sum(model.size_bytes for model in track.models)
    assert summary["gain_db"] > 0.1


def test_the_top_rung_has_no_models_for_the_source_has_no_more_pixels(trained: Path) -> None:
    assert rung(trained, "v180").model_tracks == ()


def test_nothing_unfinished_is_left(trained: Path) -> None:
    assert not (trained / ".train").exists()
    listed = set(open_bundle(trained).files())
    assert {f"models/{name}" for name in model_files(trained)} <= listed


def test_training_again_with_the_same_settings_changes_nothing(
    trained: Path, testsrc_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = (trained / "manifest.mpd").stat().st_mtime_ns
    assert train(trained, testsrc_video) == 0
    assert "dB" in capsys.readouterr().out
    assert (trained / "manifest.mpd").stat().st_mtime_ns == manifest
    assert main([str(trained), "--source", str(testsrc_video), *(o for o in OPTIONS if o != "--quiet")]) == 0
    assert "--force" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_files_and_a_kill_changes_nothing(
    trained: Path, rich_bundle: Path, testsrc_video: Path, tmp_path: Path
) -> None:
    """Killed in the middle of a fit, then after the first finished model: the models are those of a quiet run."""
    bundle = tmp_path / "bundle"
    shutil.copytree(rich_bundle, bundle)
    work = bundle / ".train"
    for pattern in ("*/*.npz", "*/*.ndm"):
        before = set(work.glob(pattern))
        reached = lambda before=before, pattern=pattern: set(work.glob(pattern)) - before  # noqa: E731
        _run_until(bundle, testsrc_video, reached, *OPTIONS)
        assert rung(bundle).model_tracks == ()
    finished = {path: path.stat().st_mtime_ns for path in work.glob("*/*.ndm")}
    assert finished
    _run_until(bundle, testsrc_video, None, *OPTIONS)
    assert model_files(bundle) == model_files(trained)


def _run_until(bundle: Path, source: Path, reached: Callable[[], object] | None, *options: str) -> None:
    """Train in a process that is killed once something is reached, or that runs to its end where that is None."""
    command = [sys.executable, "-m", "trainer", str(bundle), "--source", str(source), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    if reached:
        while not reached() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None, process.stderr.read().decode()  # type: ignore[union-attr]
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        process.wait()
    else:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    if process.stderr:
        process.stderr.close()


AUTO = ("--net", "auto", "--scope", "auto", "--steps", "40", "--quiet")


@pytest.fixture(scope="module")
def ladder(testsrc_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`testsrc_video` at half its size twice over and at its own, 2 segments of 2 s. Copy it before changing it."""
    bundle = tmp_path_factory.mktemp("ladder") / "bundle"
    rungs = ["--rungs", "90@crf10,90@crf16,180@crf20", "--segment-seconds", "2", "--preset", "ultrafast", "--quiet"]
    assert package([str(testsrc_video), "-o", str(bundle), *rungs]) == 0
    return bundle


@pytest.fixture(scope="module")
def chosen(ladder: Path, testsrc_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("chosen") / "bundle"
    shutil.copytree(ladder, bundle)
    summary = bundle.parent / "summary.json"
    assert main([str(bundle), "--source", str(testsrc_video), *AUTO, "--json", str(summary)]) == 0
    return bundle


def test_the_trainer_chooses_networks_for_every_rung_and_says_why(chosen: Path) -> None:
    assert verify_bundle(chosen).problems == ()
    told = {row["representation"]: row for row in json.loads((chosen.parent / "summary.json").read_text())}
    assert told.keys() == {"v90-crf10", "v90-crf16", "v180"}
    tried = {name: {row["network"] for row in rung["choice"]["tried"]} for name, rung in told.items()}
    assert "c16d2" in tried["v90-crf10"]
    assert "c16d2f2" in tried["v180"]
    for name, summary in told.items():
        tracks = rung(chosen, name).model_tracks
        assert [track.network for track in tracks] == summary["choice"]["networks"]
        assert all(track.enhanced_size_of(_video(chosen, name)) == (320, 180) for track in tracks)
        assert all(row["why"] for row in summary["choice"]["tried"] + summary["choice"]["not_trained"])
    assert told["v90-crf10"]["gain_db"] > 0.1
    recorded = read_json(chosen, PROVENANCE)["training"]
    assert recorded["v180"]["choice"] == told["v180"]["choice"]


def _video(bundle: Path, name: str) -> VideoFormat:
    video = rung(bundle, name).video
    assert video is not None
    return video


def test_a_sibling_goes_on_from_what_a_killed_run_left_of_its_neighbour(
    chosen: Path, ladder: Path, testsrc_video: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(ladder, bundle)
    work = bundle / ".train"
    _run_until(bundle, testsrc_video, lambda: list(work.glob("*/*.json")), *AUTO)
    kept = {path: path.stat().st_mtime_ns for path in work.glob("*/*.json")}
    assert rung(bundle, "v90-crf10").model_tracks == ()
    _run_until(bundle, testsrc_video, None, *AUTO)
    assert model_files(bundle) == model_files(chosen)
    assert kept


def test_another_network_is_published_beside_the_first(trained: Path, testsrc_video: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(trained, bundle)
    assert main([str(bundle), "--source", str(testsrc_video), "--net", "c6d1", "--steps", "100", "--quiet",
                 "--scope", "title"]) == 0  # fmt: skip
    tracks = rung(bundle).model_tracks
    assert [(track.network, track.rank) for track in tracks] == [("c6d1", 1), ("c4d1", 2)]
    assert verify_bundle(bundle).problems == ()
    assert "v90" in read_json(bundle, PROVENANCE)["training"]


def test_where_another_network_does_not_pay_the_first_is_said_to_stay(
    trained: Path, testsrc_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(trained, bundle)
    assert main([str(bundle), "--source", str(testsrc_video), "--net", "c32d4", "--steps", "1", "--quiet",
                 "--scope", "title"]) == 0  # fmt: skip
    assert [track.network for track in rung(bundle).model_tracks] == ["c4d1"]
    assert "v90: no new model pays; what c4d1 gained before stays" in capsys.readouterr().out


@pytest.mark.parametrize("damaged", [lambda media: bytes(len(media)), lambda media: media[: len(media) // 2]])
def test_a_segment_that_does_not_decode_is_named(
    rich_bundle: Path,
    testsrc_video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damaged: Callable[[bytes], bytes],
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(rich_bundle, bundle)
    (segment,) = bundle.glob("video/v90-*/00002.m4s")
    segment.write_bytes(damaged(segment.read_bytes()))
    assert train(bundle, testsrc_video) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"neudash train: {segment.relative_to(bundle).as_posix()}: ")
    assert "decode; package the video again" in said


def test_a_folded_network_enhances_every_rung_at_the_size_of_the_largest(
    testsrc_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rung of two thirds, whose ratio is not whole, and the one of the source's own size."""
    bundle = tmp_path / "bundle"
    rungs = ["--rungs", "120@crf14,180@crf14", "--segment-seconds", "4", "--preset", "ultrafast", "--quiet"]
    assert package([str(testsrc_video), "-o", str(bundle), *rungs]) == 0
    source = (Fraction(320), Fraction(180))
    tried = enhanceable_rungs(open_bundle(bundle), source, TrainSettings("c8d1f2"))
    assert [(r.id, r.enhanced_size) for r in tried] == [("v120", (320, 180)), ("v180", (320, 180))]
    assert enhanceable_rungs(open_bundle(bundle), source, TrainSettings("c8d1")) == []

    assert main([str(bundle), "--source", str(testsrc_video), "--net", "c8d1f2", "--steps", "100", "--quiet"]) == 0
    assert "v180: " in capsys.readouterr().out
    assert verify_bundle(bundle).problems == ()
    (track,) = rung(bundle, "v120").model_tracks
    assert (track.network, track.scale, track.input_size) == ("c8d1f2", 1, (320, 180))
    assert track.macs_per_pixel == macs_per_rung_pixel(trained_network("c8d1f2"), (320, 180), tried[0].size)
    assert (track.models[0].gain_db or 0) > 0.1


def test_jobs_in_processes_of_their_own_publish_the_same(
    testsrc_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundles = [tmp_path / "one", tmp_path / "two"]
    for bundle, jobs in zip(bundles, ("1", "2"), strict=True):
        rungs = ["--rungs", "60@crf16,90@crf16", "--segment-seconds", "4", "--preset", "ultrafast", "--quiet"]
        assert package([str(testsrc_video), "-o", str(bundle), *rungs]) == 0
        assert main([str(bundle), "--source", str(testsrc_video), "--net", "c4d1", "--steps", "30", "--quiet",
                     "--jobs", jobs]) == 0  # fmt: skip
    assert model_files(bundles[0]) == model_files(bundles[1])


def test_scenes_get_models_of_their_own_only_where_they_pay(
    rich_bundle: Path, testsrc_video: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(rich_bundle, bundle)
    assert train(bundle, testsrc_video, "--scope", "scene") == 0
    (track,) = rung(bundle).model_tracks
    assert len(track.models) < 1 + len(track.uses), "one for the title, and no updates for segments"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--source", "{video}"], "is not a bundle"),
        (["{bundle}", "--source", "missing.mp4"], "does not exist"),
        (["{bundle}", "--source", "{other}"], "packaged from another file"),
        (["{bundle}", "--source", "{video}", "--json", "{video}/summary.json"], ": Not a directory"),
        (["{bundle}", "--source", "{video}", "--backend", "torch"], "Keras needs torch: pip install torch"),
    ],
)
def test_what_does_not_fit_together_is_one_clear_line(
    rich_bundle: Path,
    testsrc_video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # what --backend sets is forgotten afterwards
    bundle = tmp_path / "bundle"
    shutil.copytree(rich_bundle, bundle)
    cut = ["-nostdin", "-v", "error", "-t", "2", "-i", str(testsrc_video), "-c", "copy", str(tmp_path / "other.mp4")]
    run([str(find_program("ffmpeg")), *cut], deadline_s=60)
    names = {"video": testsrc_video, "bundle": bundle, "other": tmp_path / "other.mp4"}
    assert main([argument.format(**names) for argument in arguments] + ["--quiet", "--steps", "1"]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("neudash train: ")
    assert says in error
    assert len(error.splitlines()) == 1


def test_a_network_outside_the_family_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["x", "--source", "y", "--net", "edsr"])
    assert stop.value.code == 2
    assert "c16d2" in capsys.readouterr().err


def test_no_relu_dies_at_the_full_learning_rate_on_flat_content() -> None:
    """Dark, smooth frames killed every unit of plain ReLU networks: the gain was 0.000 exactly."""

    random = np.random.default_rng(0)
    luma = (20 + random.integers(0, 4, (64, 64))).astype(np.uint8)
    residual = np.repeat(((luma.astype(int) - 21) // 2)[:, :, None], 4, axis=2).astype(np.int8)
    gains: list[float] = []
    Fitter(NetworkSpec(2, 8, 1)).fit(
        PatchSource([Pair(0, luma, residual)]),
        FitSettings(200, 0, 2e-2),
        on_progress=lambda _, gain_db: gains.append(gain_db),
    )
    assert gains[-1] > 3


def test_a_network_that_dies_begins_again_at_a_lower_rate(tmp_path: Path) -> None:
    """A far too high rate leaves nothing alive; siblings would start from that silence, and so would their own."""
    random = np.random.default_rng(0)
    luma = random.integers(0, 255, (64, 64)).astype(np.uint8)
    residual = ((luma.astype(int) - 127) // 8)[:, :, None].astype(np.int8)
    done: list[int] = []
    gains: list[float] = []

    def note(steps: int, gain_db: float) -> None:
        done.append(steps)
        gains.append(gain_db)

    patches, checkpoint = PatchSource([Pair(0, luma, residual)], fold=2), tmp_path / "fit.npz"
    Fitter(NetworkSpec(1, 8, 2, 2)).fit(patches, FitSettings(200, 0, 3.0), checkpoint=checkpoint, on_progress=note)
    assert len(done) > 4, "it began again"
    assert done[-4:] == [50, 100, 150, 200]
    assert gains[-1] > 0.1, "and is not silent"
    assert not checkpoint.exists()
