"""The comparison with plain ladders: what is typed for each side, what a side costs, and the figures."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.abr.title import Title
from bench.ship.__main__ import main, mean_of
from bench.ship.networks import egress_curve
from bench.ship.sides import FIXED, HALVES, OURS, PLAIN_DEFAULT, PLAIN_TUNED, REFERENCES, Request, packaging, steps_of
from bench.ship.table import markdown_of
from manifests.names import MANIFEST
from packager.cli import main as package
from player.abr.state import RungChoice, Upcoming
from player.fetching.network_trace import NetworkTrace
from report.cli import main as report
from tests.support.media import MakeVideo

REQUEST = Request("h264", None, 4, None)


@pytest.mark.parametrize(
    ("side", "options"),
    [
        (OURS, []),
        (PLAIN_TUNED, ["--plain", "--count", "5"]),
        (PLAIN_DEFAULT, ["--plain", "--tune", "film", "--count", "5"]),
        (FIXED, ["--rungs", "240@400k,360@800k", "--tune", "film"]),
        (HALVES, ["--rungs", "fixed", "--tune", "film"]),
    ],
)
def test_each_side_is_what_a_person_would_type(
    make_video: MakeVideo, tmp_path: Path, side: str, options: list[str]
) -> None:
    source = ("-f", "lavfi", "-i", "color=gray:size=640x360:rate=10:duration=0.2", "-preset", "ultrafast")
    video = make_video(tmp_path / "grey.mp4", *source)
    assert packaging(side, video, REQUEST, 5) == options
    part = replace(REQUEST, codec="hevc", seconds=4.0)
    assert packaging(side, video, part, 5) == [*options, "--codec", "hevc", "--duration", "4"]


def figures(percent: float | None) -> dict[str, Any]:
    keys = ("vmaf_neg", "psnr_y", "vmaf_neg_under_85", "psnr_y_under_85")
    savings = dict.fromkeys(keys, percent)
    return {
        "staircase": dict.fromkeys(REFERENCES, savings),
        "plain_against_halves": savings,
        "networks": {"egress_at_equal_vmaf_neg": percent},
    }


def test_means_leave_out_what_has_no_figure() -> None:
    mean = mean_of({"a": figures(-10.0), "b": figures(-20.0), "c": figures(None)})
    assert mean["staircase"][PLAIN_TUNED]["vmaf_neg"] == -15
    assert mean["networks"]["egress_at_equal_vmaf_neg"] == -15
    assert mean_of({"c": figures(None)})["plain_against_halves"]["psnr_y"] is None


def test_the_table_has_a_row_for_each_reference_and_the_means() -> None:
    clips = {"a": figures(-10.0)}
    lines = markdown_of({"clips": clips, "mean": mean_of(clips)}).splitlines()
    assert len(lines) == 2 + 2 * (len(REFERENCES) + 1)
    assert "| a | plain_tuned | -10.0 |" in lines[2]


def test_egress_grows_with_every_rung_that_may_be_played() -> None:
    rungs = (("low", 1e5, 50.0), ("middle", 2e5, 70.0), ("high", 4e5, 90.0))
    choices = tuple(RungChoice(name, 2 * size, size, quality, ()) for name, size, quality in rungs)
    title = Title("three rungs", (Upcoming(4.0, choices),) * 3, 100)
    curve = egress_curve(title, {"steady": NetworkTrace((4000.0,))})
    assert len(curve) == 2
    assert curve[0][0] < curve[1][0] and curve[0][1] < curve[1][1]


@pytest.mark.slow
def test_a_rung_costs_all_that_is_fetched_for_it(testsrc_video: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    options = ["--rungs", "90@crf30,180@crf30", "--preset", "ultrafast", "--quiet"]
    assert package([str(testsrc_video), "-o", str(bundle), *options]) == 0
    assert report([str(bundle), "--source", str(testsrc_video), "--every", "12", "--quiet"]) == 0
    steps = steps_of(bundle)
    assert [step.id for step in steps] == ["v90", "v180"]
    media = sum(path.stat().st_size for path in bundle.glob("video/v90-*/*"))
    table = sum(path.stat().st_size for path in bundle.glob("quality/*"))
    expected = media + table + len(gzip.compress((bundle / MANIFEST).read_bytes()))
    assert steps[0].rate_bps == pytest.approx(8 * expected / 4, rel=1e-3)


def test_a_clip_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = tmp_path / "result.json"
    assert main([str(tmp_path / "missing.mp4"), "--work", str(tmp_path), "--no-networks", "--json", str(wanted)]) == 1
    assert capsys.readouterr().err.startswith("bench.ship: ")
    assert not wanted.exists() or json.loads(wanted.read_text())["clips"] == {}
