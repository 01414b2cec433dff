"""The catalogue page in a real browser: complete, usable by keyboard, on a phone, in the dark, from this host alone."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture
def catalogue_url(built_page: Path, served_with_models: Served) -> str:
    return served_with_models.manifest_url.partition("/bundles/")[0] + "/"


def settled(page: Any) -> Any:
    page.wait_for_selector(".bundle")
    return page


def until(page: Any, expression: str) -> None:
    """Waits for it to hold. (Playwright's own waiting evaluates text within the page, which the page forbids.)"""
    end_s = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < end_s, f"never: {expression}"
        page.wait_for_timeout(50)


def test_it_lists_rungs_models_and_addresses(
    catalogue_url: str, served_with_models: Served, browser_page: Callable[..., Any]
) -> None:
    page = settled(browser_page(catalogue_url))
    assert page.inner_text("#state") == "1 bundle"
    assert [row.split("\t")[0] for row in page.locator("tbody tr").all_inner_texts()] == ["v90", "v180"]
    assert "c8d2 to 320\N{MULTIPLICATION SIGN}180: 2 of 4 segments, 1.3 kB" in page.inner_text("tbody")
    shown = page.locator("dd code").all_inner_texts()
    assert shown[0] == served_with_models.manifest_url
    assert shown[-1] == f"neudash play --window {served_with_models.manifest_url}"
    until(page, "document.querySelector('.poster img').naturalWidth > 0")
    page.context.close()


def test_an_address_is_copied_by_keyboard_alone(catalogue_url: str, browser_page: Callable[..., Any]) -> None:
    page = settled(browser_page(catalogue_url, permissions=["clipboard-read", "clipboard-write"]))
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Copy: DASH manifest"
    page.keyboard.press("Enter")
    until(page, "document.activeElement.textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()").endswith("/bundles/film/manifest.mpd")
    page.context.close()


def test_an_address_that_names_no_bundle_says_so(catalogue_url: str, browser_page: Callable[..., Any]) -> None:
    page = settled(browser_page(catalogue_url + "#nonsense"))
    assert page.inner_text("#state") == "There is not a bundle at #nonsense here. 1 bundle:"
    page.context.close()


def test_a_bundle_that_cannot_be_played_says_why(catalogue_url: str, browser_page: Callable[..., Any]) -> None:
    page = browser_page("about:blank")
    page.route("**/manifest.mpd", lambda route: route.fulfill(status=404))
    page.goto(catalogue_url + "#film")
    page.locator("neudash-player .word").get_by_text("failed").wait_for()
    assert "the server cannot be reached, or refuses" in page.locator("neudash-player [role=alert]").inner_text()
    page.context.close()


def test_a_phone_needs_no_scrolling_sideways(catalogue_url: str, browser_page: Callable[..., Any]) -> None:
    page = settled(browser_page(catalogue_url, **PHONE))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(catalogue_url: str, browser_page: Callable[..., Any], scheme: str) -> None:
    """Contrast of 4.5 or more (WCAG 2.2, 1.4.3) for every colour of text on the card."""
    page = settled(browser_page(catalogue_url, color_scheme=scheme))
    for selector in ("h2", ".summary", "td", "th", "dt"):
        colours = page.evaluate(
            "s => [getComputedStyle(document.querySelector('.bundle ' + s)).color,"
            " getComputedStyle(document.querySelector('.bundle')).backgroundColor]",
            selector,
        )
        assert contrast(*map(luminance, colours)) >= 4.5
    assert (luminance(colours[1]) < 0.2) == (scheme == "dark")
    page.context.close()


def test_every_request_goes_to_the_server_and_nothing_is_complained_of(
    catalogue_url: str, browser_page: Callable[..., Any]
) -> None:
    page = browser_page("about:blank")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(catalogue_url)
    settled(page)
    page.wait_for_load_state("networkidle")
    page.context.close()
    assert len(asked) >= 4
    assert [url for url in asked if not url.startswith((catalogue_url, "data:,"))] == []
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["", "?autoplay=0#film"], ids=["catalogue", "player"])
def test_axe_finds_no_barrier(
    place: str, scheme: str, catalogue_url: str, browser_page: Callable[..., Any], axe_source: str
) -> None:
    page = settled(browser_page(catalogue_url + place, color_scheme=scheme, **PHONE))
    page.evaluate(axe_source)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    told = [(problem["id"], node["html"]) for problem in found["violations"] for node in problem["nodes"]]
    page.context.close()
    assert told == []


def test_the_player_fits_a_phone(catalogue_url: str, browser_page: Callable[..., Any]) -> None:
    page = settled(browser_page(catalogue_url + "?autoplay=0#film", **PHONE))
    page.wait_for_selector("neudash-player .play")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    for button in page.locator("neudash-player .bar button:visible").all():
        box = button.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["viewport"]["width"]
    page.context.close()


@pytest.fixture
def film(bundle_with_models: Path, built_page: Path, tmp_path: Path) -> Path:
    """The bundle to be changed; the folder above it is a ROOT of its own."""
    return shutil.copytree(bundle_with_models, tmp_path / "film")


def test_a_model_that_makes_a_segment_worse_is_shown_with_what_it_scores(
    film: Path, serve_root: Callable[[Path], Served], browser_page: Callable[..., Any]
) -> None:
    scores = [(80.0, 90.0), (80.0, 76.0)]
    segments = [
        {
            "number": index + 1,
            "start_s": index,
            "plain": {"psnr_y": 30.0, "vmaf": plain},
            "enhanced": {"psnr_y": 31.0, "vmaf": enhanced},
        }
        for index, (plain, enhanced) in enumerate(scores)
    ]
    (film / "quality.json").write_text(json.dumps({"rungs": [{"id": "v90", "segments": segments}]}))
    catalogue = serve_root(film.parent).manifest_url.partition("/bundles/")[0]
    page = settled(browser_page(f"{catalogue}/?autoplay=0&rung=v90#film"))
    page.wait_for_selector("#quality .chart button")
    told = [bar.get_attribute("aria-label") for bar in page.locator("#quality .chart button").all()]
    assert told == ["Segment 1: VMAF 80.0 plain, 90.0 enhanced", "Segment 2: VMAF 80.0 plain, 76.0 enhanced"]
    assert "83.0 enhanced" in page.inner_text("#quality figcaption")
    page.context.close()


HOSTILE_REPORT = """<!doctype html><title>Report</title><p id=said></p><script>
const says = (text) => { document.getElementById("said").textContent += text; };
fetch("/api/bundles").then(() => says("reached"), () => says("shut out"));
</script>"""


def test_it_opens_the_report_of_a_bundle_which_reaches_nothing(
    film: Path, serve_root: Callable[[Path], Served], browser_page: Callable[..., Any]
) -> None:
    (film / "report.html").write_text(HOSTILE_REPORT)
    catalogue = serve_root(film.parent).manifest_url.partition("/bundles/")[0]
    page = settled(browser_page(f"{catalogue}/?autoplay=0#film"))
    with page.expect_popup() as opened:
        page.locator("#report").click()
    report = opened.value
    report.get_by_text("shut out").wait_for()
    page.context.close()


def test_its_own_scripts_are_small(built_page: Path) -> None:
    """The page's own scripts, packed, take less than 40 kB beside the streaming library."""
    own = [path for path in built_page.rglob("*.js") if not path.name.startswith(("shaka-", "dashjs-"))]
    assert len(own) >= 4
    assert sum(len(gzip.compress(path.read_bytes())) for path in own) < 40_000


def luminance(css_colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` (WCAG 2.2)."""
    parts = [int(part) / 255 for part in css_colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: float, second: float) -> float:
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)
