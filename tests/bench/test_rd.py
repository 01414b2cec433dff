"""The rate-distortion bench: its choices, its counting, its judging, and one small run of the real programs."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cache import ROOT, Cache
from bench.judging import JUDGING_CODE, decoded_frames, enlargement, frame_scores, sharpened
from bench.programs import BenchError
from bench.rd import __main__ as front
from bench.rd import enhanced as enhanced_module
from bench.rd import plain as plain_module
from bench.rd import pretrained as pretrained_module
from bench.rd import rungs as rungs_module
from bench.rd import training as training_module
from bench.rd.context import Context
from bench.rd.enhanced import variants
from bench.rd.fetching import Bytes, tally
from bench.rd.ladder import ladder_bd_rate, ladder_rungs
from bench.rd.plain import fetched, plain_points
from bench.rd.plots import plot
from bench.rd.points import Point
from bench.rd.pretrained import graph_for, paired
from bench.rd.rungs import Clip, Rung, write_view
from bench.rd.settings import Settings, heights, small
from bench.rd.summary import hulls, unions
from bench.rd.table import markdown_of
from bench.rd.talk import BenchProgress
from bench.rd.training import recipe_of, train_arguments, worth_training
from manifests.bundle import open_bundle
from manifests.model import ModelTrack
from manifests.names import MANIFEST
from manifests.networks import Size
from media.frames import Frame
from media.quality import HIGHEST_PSNR_DB, pooled
from neudash.sample.video import render_sample
from trainer.settings import AUTO

if TYPE_CHECKING:
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow


def point(
    rung: str, kbps: float, psnr_y: float, *, kind: str = "plain", way: str = "lanczos", neg: float = 50
) -> Point:
    """A second of video at that rate."""
    size = int(kbps * 125)
    quality = {"frames": 24, "psnr_y": psnr_y, "psnr_u": 40.0, "psnr_v": 40.0, "vmaf": neg + 2, "vmaf_neg": neg}
    return Point(kind, way, rung, "h264", "crf27", 640, 360, 1.0, Bytes(0, 0, size, 0), quality)


@pytest.fixture
def rungs(packaged_bundle: Path) -> list[Rung]:
    bundle = open_bundle(packaged_bundle)
    return [Rung(f"{r.id}-crf", "h264", "crf", bundle, r) for r in bundle.presentation.video]


@pytest.fixture
def context(testsrc_video: Path, tmp_path: Path) -> Context:
    clip = Clip(testsrc_video, Settings(vmaf_every=0), tmp_path / "work", "key")
    return Context(clip, Size(320, 180), Cache(tmp_path / "results", fresh=False), BenchProgress())


# What is measured


@given(st.integers(96, 4320))
def test_heights_are_even_partners_of_each_other(rows: int) -> None:
    found = heights(rows, Settings().divisors)
    assert found == sorted(found, reverse=True)
    top, two_thirds, half, third = found
    assert top == 2 * half <= rows
    assert two_thirds == 2 * third
    assert abs(third - rows / 3) <= 0.5


def test_the_ladder_stops_at_the_source_and_counts_across_tall_video() -> None:
    assert ladder_rungs(1280, 720) == ["240@400k", "360@800k", "480@1200k", "720@2400k"]
    assert ladder_rungs(1920, 1080)[-1] == "1080@4800k"
    assert ladder_rungs(720, 1280) == ["427@400k", "640@800k", "853@1200k", "1280@2400k"]
    assert ladder_rungs(320, 180) == []


def test_a_rung_far_from_both_hulls_is_left_out_and_named(rungs: list[Rung]) -> None:
    low, high = rungs
    plain = [
        point(low.id, 100, 30),
        point("other", 400, 36),
        point(high.id, 400, 33.9, way="bicubic"),
        point(high.id, 400, 34),
    ]
    near, left_out = worth_training(rungs, plain, cut_percent=10)
    assert [rung.id for rung in near] == [low.id]
    # 34 dB lie two thirds of the way from 30 to 36, so 4 to the power of that beyond 100.
    assert left_out == {high.id: pytest.approx(100 * (4 ** (1 / 3) - 1), abs=0.1)}
    assert worth_training(rungs, plain, cut_percent=60) == (rungs, {})


def test_the_trainer_is_asked_for_what_a_kind_of_points_is() -> None:
    settings = Settings(size_class="gpu")
    ours = train_arguments(settings, recipe_of("enhanced", settings))
    assert ours == ["--net", "auto", "--scope", "auto", "--class", "gpu"]
    assert train_arguments(settings, recipe_of("segment", settings))[3] == "segment"
    assert recipe_of("ladder-enhanced", settings) == recipe_of("enhanced", settings)
    named = replace(settings, net="c8d2", scope="title", steps=5)
    assert train_arguments(named, recipe_of("enhanced", named)) == ["--net", "c8d2", "--scope", "title", "--steps", "5"]


@pytest.mark.parametrize("kind", ["enhanced", "title", "segment"])
def test_the_class_is_asked_for_where_networks_are_chosen_and_nowhere_else(kind: str) -> None:
    """`neudash train` ends with 2 where a network is named and a class as well, whatever the scope."""
    for net in ("auto", "c8d2"):
        recipe = recipe_of(kind, Settings(size_class="gpu", net=net))
        asked = train_arguments(Settings(size_class="gpu", net=net), recipe)
        assert ("--class" in asked) == (recipe.net == AUTO), asked


def test_a_rung_with_two_networks_is_shown_with_both_and_with_each(rungs: list[Rung]) -> None:
    tracks = tuple(ModelTrack(f"t{rank}", "c8d2", 2, 1512, rank, 0, "ndm/1", (), (None,) * 4) for rank in (1, 2))
    with_tracks = [replace(rungs[0].representation, model_tracks=tracks[:count]) for count in range(3)]
    several = [replace(rungs[0], representation=r) for r in with_tracks]
    name = rungs[0].id
    shown = [[v.id for v in variants(rung, each_network=True)] for rung in several]
    assert shown == [[], [name], [name, f"{name}-rank1", f"{name}-rank2"]]
    assert [[v.id for v in variants(rung, each_network=False)] for rung in several] == [[], [name], [name]]


def test_every_result_depends_on_code_that_is_there() -> None:
    lists = (
        *(JUDGING_CODE, plain_module.FETCHING_CODE, rungs_module.PACKAGE_CODE),
        *(training_module.TRAINING_CODE, enhanced_module.PLAYING_CODE, pretrained_module.PRETRAINED_CODE),
    )
    assert all((ROOT / name).exists() for names in lists for name in names)


# Counting


def test_the_log_is_summed_by_kind_and_an_error_is_not_overlooked() -> None:
    def line(kind: str, name: str, size: int, status: int = 200) -> dict[str, object]:
        return {"kind": kind, "path": f"/bundles/x/{name}", "bytes": size, "status": status}

    lines = [
        line("manifest", "manifest.mpd", 1),
        line("video", "video/v/init.mp4", 10),
        *(line("video", f"video/v/{number}.m4s", 100) for number in range(3)),
        *(line("model", f"models/{name}.ndm", 1000) for name in "ab"),
    ]
    assert tally(lines) == Bytes(1, 10, 300, 2000)
    assert tally(lines).total == 2311
    with pytest.raises(BenchError, match="404"):
        tally([*lines, line("page", "models/c.ndm", 30, 404)])
    with pytest.raises(BenchError):
        tally([line("audio", "audio/a/1.m4s", 5)])


def test_what_the_server_sent_is_the_files_of_the_rung_and_nothing_else(context: Context, rungs: list[Rung]) -> None:
    sent = fetched(context, rungs)
    for rung in rungs:
        init, *segments = (path.stat().st_size for path in rung.media)
        manifest = context.clip.work / "views" / "plain" / rung.id / MANIFEST
        packed_bytes = len(gzip.compress(manifest.read_bytes(), 9))
        assert sent[rung.id] == Bytes(packed_bytes, init, sum(segments), 0)
    # Known by now, so no server is started.
    assert fetched(context, rungs) == sent


def test_a_view_lists_its_rungs_alone_without_sound(tmp_path: Path, rungs: list[Rung]) -> None:
    assert rungs[0].bundle.presentation.audio
    view = write_view(tmp_path / "view", [rungs[1]])
    assert [r.id for r in view.presentation.video] == [rungs[1].id]
    assert not view.presentation.audio
    (renamed,) = (replace(rungs[1], bundle=view, representation=r) for r in view.presentation.video)
    assert [p.read_bytes() for p in renamed.media] == [p.read_bytes() for p in rungs[1].media]


# Judging


def frames_of(count: int, size: tuple[int, int] = (64, 48), seed: int = 1) -> list[Frame]:
    random = np.random.default_rng(seed)
    width, height = size

    def plane(rows: int, columns: int) -> Any:
        return cv2.GaussianBlur(random.integers(16, 235, (rows, columns), np.uint8), (0, 0), 1.5)

    return [
        Frame(plane(height, width), plane(height // 2, width // 2), plane(height // 2, width // 2), pts_s=index)  # type: ignore[arg-type]
        for index in range(count)
    ]


def test_a_frame_too_few_is_an_error_on_either_side() -> None:
    frames = frames_of(3)
    ways = {"source": enlargement("lanczos", Size(64, 48))}
    scores = frame_scores(frames, frames, ways, Size(64, 48), vmaf_every=0)["source"]
    assert pooled(scores).psnr_v == HIGHEST_PSNR_DB
    with pytest.raises(BenchError, match="rung ends after 2"):
        frame_scores(frames, frames[:2], ways, Size(64, 48), vmaf_every=0)
    with pytest.raises(BenchError, match="source ends after 2"):
        frame_scores(frames[:2], frames, ways, Size(64, 48), vmaf_every=0)


def test_unsharp_masking_raises_contrast_and_leaves_chroma() -> None:
    (frame,) = frames_of(1)
    sharper = sharpened(frame)
    assert sharper.y.std() > frame.y.std()
    assert np.array_equal(sharper.u, frame.u)


def test_plain_points_are_all_ways_but_one_at_the_source_s_size(context: Context, rungs: list[Rung]) -> None:
    points = {(p.rung, p.way): p for p in plain_points(context, rungs)}
    low, high = rungs
    assert set(points) == {(low.id, "bicubic"), (low.id, "lanczos"), (high.id, "source")}
    assert all(p.quality["frames"] == 96 for p in points.values())
    assert points[low.id, "bicubic"].quality["psnr_y"] < points[high.id, "source"].quality["psnr_y"]
    assert points[low.id, "bicubic"].quality != points[low.id, "lanczos"].quality
    assert points[high.id, "source"].rate_bps == points[high.id, "source"].bytes.total * 8 / 4


def test_a_rival_is_compared_with_lanczos_on_the_same_frames(rungs: list[Rung]) -> None:
    references = [enlargement("lanczos", Size(320, 180))(frame) for frame in decoded_frames(rungs[0].media)]

    def lanczos(frames: Sequence[Any]) -> Any:
        (luma,) = frames
        return cv2.resize(luma, (320, 180), interpolation=cv2.INTER_LANCZOS4)

    calls: list[int] = []

    def nearest(frames: Sequence[Any]) -> Any:
        (luma,) = frames
        calls.append(1)
        return cv2.resize(luma, (320, 180), interpolation=cv2.INTER_NEAREST)

    def pair(upscale: Any) -> dict[str, Any]:
        frames = decoded_frames(rungs[0].media)
        return paired(iter(references), frames, upscale, Size(320, 180), 12, lambda: None)

    same, worse = pair(lanczos), pair(nearest)
    assert same["rival"] == same["lanczos"]
    assert worse["rival"]["psnr_y"] < worse["lanczos"]["psnr_y"]
    assert worse["rival"]["frames"] == len(calls) == 96 / 12


def test_a_graph_is_taken_only_where_it_reaches_the_size_exactly(tmp_path: Path) -> None:
    (tmp_path / "FSRCNN_x2.pb").touch()
    assert graph_for("fsrcnn", (640, 360), (1280, 720), tmp_path) == tmp_path / "FSRCNN_x2.pb"
    assert graph_for("fsrcnn", (640, 358), (1280, 720), tmp_path) is None
    assert graph_for("fsrcnn", (832, 468), (1280, 720), tmp_path) is None
    assert graph_for("espcn", (640, 360), (1280, 720), tmp_path) is None


# Summing up

PLAIN = [point("a", 100, 30, neg=40), point("b", 300, 34, neg=70), point("c", 900, 38, neg=90)]
BETTER = [point("b", 290, 35, kind="enhanced", way="c8d2x2", neg=69)]


def test_the_union_is_better_where_models_are_and_never_worse() -> None:
    rates = unions(PLAIN, BETTER)
    psnr, neg = rates["psnr_y"], rates["vmaf_neg"]
    assert psnr.percent is not None and neg.percent is not None
    assert psnr.percent < -5
    assert neg.chords_percent is not None and neg.chords_percent <= 0
    corners = hulls([*PLAIN, *BETTER])["psnr_y"]
    assert [corner["kind"] for corner in corners] == ["plain", "enhanced", "plain"]
    assert all(a["rate_bps"] < b["rate_bps"] for a, b in pairwise(corners))


def test_on_the_ladder_each_rung_is_as_good_as_its_best_way() -> None:
    better = [replace(p, quality={**p.quality, "psnr_y": p.quality["psnr_y"] + 1}) for p in PLAIN]
    bicubic = [replace(p, way="bicubic", quality={**p.quality, "psnr_y": 20.0}) for p in PLAIN]
    assert ladder_bd_rate([*PLAIN, *bicubic], [], "psnr_y").percent == pytest.approx(0)
    gained = ladder_bd_rate(PLAIN, better, "psnr_y").percent
    assert gained is not None
    assert gained < -10


def result_of(name: str, percent: float | None) -> dict[str, Any]:
    rates = {"psnr_y": percent, "vmaf": -8.0, "vmaf_neg": -6.0}
    return {
        "clip": {"name": name, "width": 1280, "height": 720},
        "points": [p.to_json() for p in (*PLAIN, *BETTER)],
        "plain_hull": hulls(PLAIN),
        "union_hull": hulls([*PLAIN, *BETTER]),
        "bd_rate_union": rates,
        "rivals": {"title": {"psnr_y": -1.0, "vmaf": -2.0, "vmaf_neg": None}},
        "training": {"cpu_s_per_video_s": 12.0},
        "codecs": {"av1": {"bd_rate": {"psnr_y": -20.0, "vmaf": -21.0, "vmaf_neg": -22.0}}},
    }


def test_the_table_has_the_mean_over_the_clips_that_have_a_figure() -> None:
    text = markdown_of([result_of("one", -10.0), result_of("two", None), result_of("three", -5.0)])
    assert "| one | -10.0 | -8.0 | -6.0 | - | - | 12.0 |" in text
    assert "| **mean of 3** | -7.5 | -8.0 | -6.0 |" in text
    assert "| one model a title | -1.0 | -2.0 | - | 3 |" in text
    assert "| av1 | -20.0 | -21.0 | -22.0 |" in text


def test_the_plot_is_an_svg_with_a_mark_for_each_point_and_both_hulls() -> None:
    drawn = ElementTree.fromstring(plot(result_of("a < b", -10.0), "psnr_y"))
    space = "{http://www.w3.org/2000/svg}"
    assert str(drawn.findtext(f"{space}title")).startswith("a < b 1280x720")
    shapes = {group.get("id"): group for group in drawn.iter(f"{space}g")}
    assert {"plain-hull", "hull-of-both"} <= set(shapes)
    for series, points in (("640x360-plain", PLAIN), ("640x360-with-models", BETTER)):
        assert len(list(shapes[series].iter(f"{space}use"))) == len(points)


def test_a_plot_of_equal_data_is_the_same_to_the_byte() -> None:
    assert plot(result_of("a", -10.0), "vmaf") == plot(result_of("a", -10.0), "vmaf")


# The real programs


def test_what_cannot_be_asked_is_told() -> None:
    for wrong in (["--rivals", "bicubic"], ["--codecs", "vp9"], ["--class", "tpu"]):
        with pytest.raises(SystemExit) as ended:
            front.main(["clip.mp4", *wrong])
        assert ended.value.code == 2
    assert front.main(["no-such-clip.mp4", "--small"]) == 1


@pytest.mark.train
def test_the_small_configuration_the_whole_way(
    make_video: "MakeVideo", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packaged, served, fetched, trained, played and judged by the real programs; a second run only looks it up."""
    render_sample(tmp_path / "whole.mp4", 2.0)
    clip = make_video(
        *(tmp_path / "sample.mp4", "-i", str(tmp_path / "whole.mp4"), "-vf", "crop=480:272:400:300"),
        *("-c:v", "libx264", "-crf", "10", "-preset", "veryfast", "-c:a", "copy"),
    )
    figures, plots = tmp_path / "rd.json", tmp_path / "plots"
    command = [str(clip), "--small", "--work", str(tmp_path / "work"), "--json", str(figures), "--plots", str(plots)]
    assert front.main(command) == 0
    told = json.loads(figures.read_bytes())
    points = told["points"]
    plain = {p["rung"]: p for p in points if p["kind"] == "plain" and p["way"] != "bicubic"}
    enhanced = [p for p in points if p["kind"] == "enhanced"]
    assert len(plain) == len(small(Settings()).crfs) * 2
    assert enhanced, "no model paid"
    for p in enhanced:
        same = plain[p["rung"]]
        assert p["bytes"]["media"] == same["bytes"]["media"]
        assert p["bytes"]["models"] > 0
        assert p["bytes"]["manifest"] > same["bytes"]["manifest"]
        assert p["psnr_y"] > same["psnr_y"]
        assert p["enhanced_frames"] == p["frames"] == 48
        assert not {"played_size", "segments_not_enhanced", "bytes_by_the_player's_count"} & set(p)
    assert all(rate["chords_percent"] <= 1e-9 for rate in told["bd_rate_union_details"].values())
    assert set(told["rivals"]) == {"lanczos", "unsharp"}
    assert told["training"]["cpu_s"] > 0
    assert len(list(plots.iterdir())) == 2
    for module in (rungs_module, training_module, enhanced_module):
        monkeypatch.setattr(module, "neudash", None)
    assert front.main(command) == 0
    assert json.loads(figures.read_bytes())["points"] == points
