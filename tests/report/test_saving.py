"""Savings against the best plain ladder, as a report states them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manifests.ladder_record import LadderRecord, PlannedQuality, PlannedRung
from report.page import page
from report.results import RungResult, Scores, SegmentResult
from report.saving import Saving, saving_of


def planned(name: str, media_bps: int, vmaf_neg: float) -> PlannedRung:
    quality = PlannedQuality(20 + vmaf_neg / 5, vmaf_neg)
    return PlannedRung(name, 640, 360, "1", 28.0, vmaf_neg, media_bps, media_bps, quality, quality, 0.0)


PLAIN = (planned("v180", 200_000, 50.0), planned("v360", 800_000, 80.0))
RECORD = LadderRecord((0,), (), PLAIN, PLAIN)


def made(name: str, media_bps: float, plain_neg: float, gain: float = 0.0, model_bytes: int = 0) -> RungResult:
    """Ten seconds of a rung, with a gain in VMAF-NEG if it has a model."""
    plain = Scores(20 + plain_neg / 5, None, plain_neg, plain_neg)
    enhanced = Scores(plain.psnr_y + gain / 5, None, plain_neg + gain, plain_neg + gain) if gain else None
    size_bytes = round(media_bps * 10 / 8)
    segment = SegmentResult(1, 0.0, 10.0, 240, size_bytes, model_bytes, "c8d2" if gain else None, plain, enhanced)
    return RungResult(name, 640, 360, 0, 1, "key", (segment,))


def test_rungs_as_expected_and_without_models_save_nothing() -> None:
    saving = saving_of(RECORD, [made("v180", 200e3, 50.0), made("v360", 800e3, 80.0)])
    assert saving is not None
    assert (saving.vmaf_neg, saving.psnr_y, saving.rungs) == (pytest.approx(0), pytest.approx(0), 2)


def test_models_save_and_their_bytes_cost() -> None:
    better = [made("v180", 200e3, 50.0, 5.0), made("v360", 800e3, 80.0, 5.0)]
    saving = saving_of(RECORD, better)
    assert saving is not None and saving.vmaf_neg < -10
    heavy = [replace(r, segments=(replace(r.segments[0], model_bytes=500_000),)) for r in better]
    cost = saving_of(RECORD, heavy)
    assert cost is not None and cost.vmaf_neg > 0


def test_the_plain_ladder_is_corrected_by_how_ours_turned_out() -> None:
    """A title that is a quarter harder than its excerpts is that for both ladders."""
    saving = saving_of(RECORD, [made("v180", 250e3, 48.0), made("v360", 1e6, 78.0)])
    assert saving is not None
    assert saving.vmaf_neg == pytest.approx(0, abs=1e-6)


def test_every_line_shows_the_best_rung_that_it_carries() -> None:
    saving = saving_of(RECORD, [made("v180", 200e3, 50.0, 5.0), made("v360", 800e3, 80.0)])
    assert saving is not None
    shown = {line.bandwidth_bps: (line.ours and line.ours.id, line.plain and line.plain.id) for line in saving.lines}
    assert shown[500_000] == ("v180", "v180")
    assert shown[4_000_000] == ("v360", "v360")


@pytest.mark.parametrize("record", [None, replace(RECORD, plain_rungs=()), replace(RECORD, rungs=())])
def test_without_a_measured_ladder_nothing_is_claimed(record: LadderRecord | None) -> None:
    assert saving_of(record, [made("v180", 200e3, 50.0)]) is None


def test_without_libvmaf_nothing_is_claimed() -> None:
    blind = made("v180", 200e3, 50.0)
    segment = replace(blind.segments[0], plain=Scores(30.0, None, None, None))
    assert saving_of(RECORD, [replace(blind, segments=(segment,))]) is None


def test_the_report_says_it_first() -> None:
    rungs = [made("v180", 200e3, 50.0, 5.0), made("v360", 800e3, 80.0, 5.0)]
    saving = saving_of(RECORD, rungs)
    assert isinstance(saving, Saving)
    html = page("film", 640, 360, rungs, [], saving=saving)
    first = html.index('class="lead"')
    assert f"{-saving.vmaf_neg:.0f}&nbsp;% fewer bytes" in html[first : first + 200]
    assert html.count('class="lead"') == 1
    assert "0.5 Mbit/s" in html and "4 Mbit/s" in html
