"""Sums, the hull, plots and the page of a report, from results made by hand. No video."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from manifests.provenance import Provenance
from media.hull import bytes_at, upper_hull
from report.choices import Choice, choices_of
from report.page import headline, page
from report.pictures import DETAIL, Shown, clearest_box, clearest_segments
from report.plots import Axis, kbps, rate_quality_plot, segment_plot
from report.results import RungResult, Scores, SegmentResult, pooled_scores, quality_json, rungs_of_json


def scores(psnr_y: float, vmaf: float | None = 80.0) -> Scores:
    return Scores(psnr_y, None if vmaf is None else 0.98, vmaf, None if vmaf is None else vmaf - 2)


def segment(number: int, plain: float, enhanced: float | None, model_bytes: int = 0) -> SegmentResult:
    return SegmentResult(
        number=number,
        start_s=(number - 1) * 4.0,
        duration_s=4.0,
        frames=96,
        size_bytes=100_000,
        model_bytes=model_bytes,
        network="c16d2" if enhanced else None,
        plain=scores(plain),
        enhanced=scores(enhanced, 83.0) if enhanced else None,
    )


def rung(name: str, height: int, *segments: SegmentResult) -> RungResult:
    return RungResult(name, height * 16 // 9, height, 800, 2, "0123456789abcdef", segments)


@pytest.fixture
def enhanced_rung() -> RungResult:
    return rung("v360", 360, segment(1, 30.0, 31.0, 3900), segment(2, 34.0, None), segment(3, 29.0, 30.5))


@pytest.fixture
def plain_rung() -> RungResult:
    return rung("v180", 180, *(segment(n, 26.0, None) for n in (1, 2, 3)))


def test_pooling_takes_errors_not_decibels() -> None:
    """Half the frames without error, half at 20 dB: half the error, so 3.01 dB better than 20."""
    pooled = pooled_scores([(Scores(100.0, 1.0, 100.0, 100.0), 50), (Scores(20.0, 0.5, 40.0, None), 50)])
    assert pooled.psnr_y == pytest.approx(20 + 10 * np.log10(2), abs=1e-6)
    assert (pooled.ssim, pooled.vmaf, pooled.vmaf_neg) == (0.75, 70.0, 100.0)


def test_a_rung_adds_up_its_segments(enhanced_rung: RungResult) -> None:
    assert enhanced_rung.video_bytes == 300_800
    assert enhanced_rung.model_bytes == 3900
    assert enhanced_rung.played_scores.psnr_y > enhanced_rung.plain_scores.psnr_y
    assert enhanced_rung.played_scores.vmaf == pytest.approx((83 + 80 + 83) / 3)
    assert kbps(enhanced_rung, models=True) == pytest.approx((300_800 + 3900) * 8 / 12_000)


def test_quality_json_reads_back(enhanced_rung: RungResult, plain_rung: RungResult) -> None:
    content = json.loads(json.dumps(quality_json(1280, 720, [plain_rung, enhanced_rung])))
    assert rungs_of_json(content, 1280, 720) == {"v180": plain_rung, "v360": enhanced_rung}
    assert rungs_of_json(content, 1920, 1080) == {}
    assert content["rungs"][1]["segments"][1]["enhanced"] is None


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"version": 1, "target": {"width": 1280, "height": 720}},
        {"version": 1, "target": {"width": 1280, "height": 720}, "rungs": [{"id": "v360"}]},
        {"version": 1, "target": {"width": 1280, "height": 720}, "rungs": 7},
        {"version": 2, "target": {"width": 1280, "height": 720}, "rungs": []},
    ],
)
def test_a_foreign_quality_json_is_measured_again(content: dict[str, object]) -> None:
    assert rungs_of_json(content, 1280, 720) == {}


def test_the_hull_leaves_out_what_a_mixture_beats() -> None:
    points = [(100.0, 30.0), (200.0, 31.0), (300.0, 36.0), (400.0, 35.0), (500.0, 38.0)]
    assert upper_hull(points) == [(100.0, 30.0), (300.0, 36.0), (500.0, 38.0)]
    assert bytes_at(points, 33.0) == pytest.approx(200.0)
    assert bytes_at(points, 39.0) is None
    assert bytes_at(points[:1], 30.0) is None


def test_the_headline_compares_with_plain_video(enhanced_rung: RungResult, plain_rung: RungResult) -> None:
    """The next plain rung costs 3 times the bytes and is 6 dB better: the gain is worth a part of that."""
    better = rung("v720", 720, *(segment(n, 36.0, None) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9)))
    facts = headline(enhanced_rung, [plain_rung, enhanced_rung, better])
    gain_db = enhanced_rung.played_scores.psnr_y - enhanced_rung.plain_scores.psnr_y
    assert facts.gain_db == pytest.approx(gain_db)
    assert facts.model_share == pytest.approx(3900 / 300_800)
    needed = bytes_at(
        [(300_800, enhanced_rung.plain_scores.psnr_y), (900_800, 36.0)], enhanced_rung.played_scores.psnr_y
    )
    assert needed is not None and facts.saved == pytest.approx(1 - 304_700 / needed)
    assert headline(enhanced_rung, [enhanced_rung]).saved is None


def test_axes_have_round_ticks_within_their_range() -> None:
    axis = Axis(28.3, 33.9, 300, 20)
    assert axis.ticks() == [30, 32] or axis.ticks() == [29, 30, 31, 32, 33]
    assert axis.at(28.3) == 300
    assert axis.at(33.9) == 20
    assert Axis(5.0, 5.0, 0, 10).at(5.0) == 5


def test_plots_are_well_formed_and_tell_their_figures(enhanced_rung: RungResult, plain_rung: RungResult) -> None:
    plot = rate_quality_plot([plain_rung, enhanced_rung], "psnr_y")
    assert plot is not None
    root = ElementTree.fromstring(plot)
    assert root.attrib["role"] == "img"
    tips = [element.text or "" for element in root.iter("title")]
    assert any("360p enhanced: 203 kbit/s with models" in tip for tip in tips)
    bars = list(ElementTree.fromstring(segment_plot(enhanced_rung)).iter("rect"))
    assert [bar.attrib["class"] for bar in bars] == ["bar video", "bar model", "bar video", "bar video"]


def test_a_metric_that_was_not_measured_has_no_plot() -> None:
    bare = SegmentResult(1, 0.0, 4.0, 96, 1000, 0, None, scores(30.0, None), None)
    assert rate_quality_plot([rung("v360", 360, bare)], "vmaf_neg") is None


def test_the_detail_is_where_the_error_falls_most() -> None:
    source = np.full((400, 600), 100, np.uint8)
    plain, enhanced = source.copy(), source.copy()
    plain[150:250, 300:420] += 30
    plain[0:50, 0:50] += 30
    enhanced[0:50, 0:50] += 29
    box = clearest_box(source, plain, enhanced)
    assert (box.width, box.height) == DETAIL
    assert box.left <= 300 and box.left + box.width >= 420
    assert box.top <= 150 and box.top + box.height >= 250
    tiny = clearest_box(source[:90, :60], plain[:90, :60], enhanced[:90, :60])
    assert (tiny.width, tiny.height) == (60, 90)


def test_segments_that_gain_most_are_shown_in_order(enhanced_rung: RungResult) -> None:
    assert clearest_segments(enhanced_rung) == [0, 2]
    assert clearest_segments(enhanced_rung, 1) == [2]


def test_the_page_needs_nothing_from_outside(enhanced_rung: RungResult, plain_rung: RungResult) -> None:
    picture = {name: f"data:image/webp;base64,{name}" for name in ("plain", "enhanced", "source")}
    html = page(
        "A <title> & more", 1280, 720, [enhanced_rung, plain_rung], [Shown(1, 2.0, 1.1, picture, picture, 1280, 720)]
    )
    assert "A &lt;title&gt; &amp; more" in html
    assert not re.search(r"""(src|href)=["']?(?!data:)""", html)
    assert "url(" not in html and "@import" not in html and "http" not in html
    assert "one frame in 2" in html
    assert html.count("data:image/webp") == 6
    assert "3.9 kB of models lift the 360p rung" in html


def test_the_page_of_a_bundle_without_models_or_vmaf_says_so() -> None:
    bare = SegmentResult(1, 0.0, 4.0, 96, 1000, 0, None, scores(30.0, None), None)
    html = page("bare", 640, 360, [rung("v360", 360, bare)], [])
    assert "No models" in html
    assert "no ffmpeg with libvmaf was found" in html
    assert "<script" not in html


def test_the_page_tells_what_was_tried_and_why(enhanced_rung: RungResult) -> None:
    tried = {"network": "c16d2", "what": "title model", "models": 1, "size_bytes": 4232, "gain_db": 0.81,
             "worth_bytes": 77_000, "used": 3, "why": "saves most bytes"}  # fmt: skip
    left = {"network": "c24d3f4", "why": "would not <earn> its bytes"}
    choice = {"rate_per_db": 0.2, "networks": ["c16d2"], "tried": [tried], "not_trained": [left]}
    record = {"key": "k", "segment_gains_db": [0.8], "choice": choice}
    choices = choices_of(Provenance({"training": {"v360": record, "v180": {}}}).training)
    assert choices == [
        Choice("v360", "c16d2", "title model", 4232, 0.81, 77_000, 3, "saves most bytes"),
        Choice("v360", "c24d3f4", "not trained", None, None, None, 0, "would not <earn> its bytes"),
    ]
    html = page("title", 1280, 720, [enhanced_rung], [], choices)
    assert "What was tried" in html
    assert "<td>4.2 kB</td><td>+0.81 dB</td><td>77.0 kB</td>" in html
    assert "would not &lt;earn&gt; its bytes" in html
    assert "What was tried" not in page("title", 1280, 720, [enhanced_rung], [])


@pytest.mark.parametrize("provenance", [{}, {"training": {"v360": {"key": "old"}}}, {"training": 7}])
def test_a_bundle_without_a_record_has_no_choices_to_show(provenance: dict[str, object]) -> None:
    assert choices_of(Provenance(provenance).training) == []
