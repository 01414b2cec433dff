"""The bench of the whole way: its arithmetic, its memory, and one small run of the real programs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cache import ROOT, Cache, code_digest, digest_of
from bench.first import __main__ as first
from bench.first.speed import interleaved_ms
from bench.first.table import goals_of, text_of
from bench.judging import RESIZED, decoded_frames, enlargement
from bench.programs import BenchError, neudash
from manifests.bundle import open_bundle

pytestmark = pytest.mark.slow


def row(method: str, psnr_y: float, **more: Any) -> dict[str, Any]:
    base = {"video_bytes": 500_000, "model_bytes": 0, "total_bytes": 501_000, "vmaf": 80.0, "ssim": 0.98}
    return {"method": method, "psnr_y": psnr_y, "vmaf_neg": 78.0, "segments_psnr_y": [psnr_y] * 3, **base, **more}


@pytest.fixture
def clip() -> dict[str, Any]:
    return {
        "clip": "sport-juggle-720p24",
        "seconds": 10.3,
        "segments": 3,
        "width": 1280,
        "height": 720,
        "package_s": 6.0,
        "train_s": 60.0,
        "rows": [
            row("lanczos", 29.5),
            row("plain", 29.5),
            row("ours", 30.3, vmaf_neg=82.0, model_bytes=4000, ms_per_frame=30.0),
            row("FSRCNN", 29.4, ms_per_frame=300.0),
            row("ESPCN", 29.3, ms_per_frame=140.0),
        ],
    }


def test_goals_tell_what_was_reached_and_what_was_not(clip: dict[str, Any]) -> None:
    goals = {goal["what"]: goal for goal in goals_of(clip)}
    assert goals["dB PSNR-Y over Lanczos"] == {
        "what": "dB PSNR-Y over Lanczos", "wanted": 0.7, "reached": pytest.approx(0.8), "ok": True
    }  # fmt: skip
    assert goals["times as fast as FSRCNN"]["ok"]
    assert not goals["times as fast as ESPCN"]["ok"]
    clip["rows"][2]["segments_psnr_y"] = [31.0, 29.4, 30.5]
    worst = next(goal for goal in goals_of(clip) if "worst segment" in goal["what"])
    assert worst["reached"] == pytest.approx(-0.1)
    assert not worst["ok"]


def test_a_share_of_the_bytes_can_be_the_goal(clip: dict[str, Any]) -> None:
    clip["clip"] = "title-makeup-720p25"
    share = next(goal for goal in goals_of(clip) if "share" in goal["what"])
    assert share["reached"] == pytest.approx(0.008)
    assert not share["ok"]


def test_the_table_has_a_line_for_each_method_and_goal(clip: dict[str, Any]) -> None:
    clip["goals"] = goals_of(clip)
    text = text_of([clip])
    assert "+0.800" in text
    assert "MISSED: times as fast as ESPCN" in text
    assert len(text.splitlines()) == 2 + len(clip["rows"]) + len(clip["goals"])


def test_a_result_is_kept_until_its_key_changes_or_it_is_asked_for_afresh(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {"times": len(made)}

    assert Cache(tmp_path, fresh=False).result("clip", "a", make) == {"times": 1}
    assert Cache(tmp_path, fresh=False).result("clip", "a", make) == {"times": 1}
    assert Cache(tmp_path, fresh=False).result("clip", "b", make) == {"times": 2}
    assert Cache(tmp_path, fresh=True).result("clip", "a", make) == {"times": 3}


def test_keys_follow_contents_and_code(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")
    before = digest_of(path, 2)
    assert before == digest_of(path, 2) != digest_of(path, 3)
    path.write_bytes(b"two")
    assert digest_of(path, 2) != before
    assert code_digest(("bench",)) != code_digest(("bench/first/speed.py",))
    lists = (first.BUNDLE_CODE, first.PLAYER_CODE, first.PRETRAINED_CODE)
    assert all((ROOT / name).exists() for names in lists for name in names)


def test_ways_are_timed_in_turns() -> None:
    calls: list[str] = []

    def way(name: str, plane: np.ndarray) -> np.ndarray:
        calls.append(name)
        return plane

    planes = [np.zeros((2, 2), np.uint8)] * 2
    times = interleaved_ms({"a": lambda p: way("a", p), "b": lambda p: way("b", p)}, planes, rounds=2)
    assert calls == ["a", "b"] + ["a", "b"] * 4
    assert set(times) == {"a", "b"}


def test_a_command_that_fails_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"neudash verify .* ended with"):
        neudash("verify", tmp_path)


def test_enlarged_frames_are_judged_segment_by_segment(packaged_bundle: Path, testsrc_video: Path) -> None:
    bundle = open_bundle(packaged_bundle)
    rung = next(r for r in bundle.presentation.video if r.id == "v90")
    settings, cache = first.Settings(None, 0, "title", vmaf_every=0), Cache(packaged_bundle, fresh=True)
    case = first.Case("testsrc", testsrc_video, bundle, rung, packaged_bundle, settings, cache)
    results = [first._judged(case, decoded_frames(case.media()), enlargement(name, case.size)) for name in RESIZED]
    for result in results:
        assert result["frames"] == 96
        assert len(result["segments_psnr_y"]) == 4
        assert min(result["segments_psnr_y"]) < result["psnr_y"] < max(result["segments_psnr_y"])
    assert results[0]["psnr_y"] != results[1]["psnr_y"]


@pytest.mark.shared
@pytest.mark.train
def test_half_a_second_the_whole_way(
    shared_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too short for a model to pay, so ours is plain: real programs, a socket and every method bring figures."""
    monkeypatch.setattr(first, "SPEED_FRAMES", 1)
    monkeypatch.setattr(first, "SPEED_ROUNDS", 1)
    command = ["--clips", "sport-juggle-720p24", "--seconds", "0.5", "--steps", "30", "--every", "4"]
    figures = tmp_path / "first.json"
    assert first.main([*command, "--work", str(tmp_path / "work"), "--json", str(figures)]) == 0
    said = json.loads(figures.read_bytes())
    rows = {r["method"]: r for r in said["clips"][0]["rows"]}
    assert set(rows) == {"bicubic", "lanczos", "plain", "ours", "FSRCNN", "ESPCN"}
    assert all(r["frames"] == 12 and 20 < r["psnr_y"] < 40 and r["vmaf_neg"] > 20 for r in rows.values())
    assert rows["FSRCNN"]["enhanced_frames"] == 12
    assert rows["ours"]["psnr_y"] == rows["plain"]["psnr_y"]
    assert rows["plain"]["total_bytes"] > rows["plain"]["video_bytes"] > 10_000
    assert said["machine"]["cores"] and said["machine"]["packages"]["numpy"]
    assert "sport-juggle-720p24" in capsys.readouterr().out
    # Known by now: a second run starts no program.
    monkeypatch.setattr(first, "neudash", None)
    assert first.main([*command, "--work", str(tmp_path / "work")]) == 0
