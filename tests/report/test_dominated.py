"""Rungs that another one beats: found, and taken out of a bundle that stays sound."""

from __future__ import annotations

from pathlib import Path

from manifests.bundle import open_bundle
from manifests.verify import verify_bundle
from report.dominated import Dominated, dominated_rungs, leave_out
from report.results import RungResult, Scores, SegmentResult
from tests.support.tiny_bundle import TinyBundle


def rung(name: str, size_bytes: int, psnr_y: float, vmaf_neg: float | None = None) -> RungResult:
    scores = Scores(psnr_y, None, vmaf_neg, vmaf_neg)
    segment = SegmentResult(1, 0.0, 4.0, 96, size_bytes, 0, None, scores, None)
    return RungResult(name, 640, 360, 0, 1, "key", (segment,))


def test_a_rung_with_more_bytes_and_a_worse_picture_is_dominated() -> None:
    rungs = [rung("low", 100, 30, 50), rung("middle", 300, 33, 70), rung("high", 200, 34, 71)]
    assert dominated_rungs(rungs) == [Dominated("middle", "high")]


def test_both_measures_must_be_no_worse() -> None:
    assert dominated_rungs([rung("a", 300, 35, 60), rung("b", 200, 34, 71)]) == []


def test_of_two_equal_rungs_one_stays() -> None:
    assert dominated_rungs([rung("a", 100, 30, 50), rung("b", 100, 30, 50)]) == [Dominated("b", "a")]


def test_without_vmaf_the_rest_decides() -> None:
    assert dominated_rungs([rung("a", 300, 30), rung("b", 200, 31)]) == [Dominated("a", "b")]


def test_a_rung_that_is_left_out_takes_its_files_along(tiny_bundle: TinyBundle) -> None:
    root = tiny_bundle.root
    lowest, *others = [r.id for r in open_bundle(root).presentation.video]
    files = [root / href for href in open_bundle(root).files() if f"/{lowest}" in href]
    assert files
    leave_out(root, [lowest])
    assert [r.id for r in open_bundle(root).presentation.video] == others
    assert not any(map(Path.exists, files))
    assert verify_bundle(root).problems == ()
