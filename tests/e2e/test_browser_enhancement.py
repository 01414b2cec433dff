"""The page enhances pictures in a real browser: as the Python player does, on each renderer, if the device can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.names import model_href
from manifests.weights import decode_model
from packager.cli import main as package_main
from player.superres.engines import open_engine
from player.superres.frames import enhance_frame
from tests.e2e.conftest import with_models
from tests.e2e.striped import PIECE_S, Striped
from tests.e2e.watching import (
    AT_END,
    ENHANCED,
    GOLDEN_MODEL,
    STATUS,
    VIDEO,
    canvas_pixels,
    drawn,
    shown_at,
    source_frame,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.media import MakeVideo
    from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_without_a_graphics_device_the_processor_does_it_undisguised(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    """WebGL2 and WebGPU are both there, but in software, which is many times slower than the kernel."""
    page = watch(served_with_models, renderer="auto", effort="auto")
    assert shown_at(page, 0.5)["renderer"] == "wasm"


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_it_plays_to_the_end_and_fetches_its_model_once(
    engine: str, watch: Callable[..., Any], served_with_models: Served, complaints: list[str]
) -> None:
    page = watch(served_with_models, engine=engine)
    page.evaluate("document.querySelector('neudash-player').video.play()")
    until(page, AT_END, 60)
    status = page.evaluate(STATUS)
    assert status["framesEnhanced"] > 0
    assert status["modelBytes"] == GOLDEN_MODEL.stat().st_size
    assert served_with_models.count("model") == 1
    assert complaints == []
    sent = [r for r in served_with_models.requests() if r["kind"] in ("video", "audio")]
    # The server also sends segments that the player throws away when the rung is chosen.
    sent_bytes = sum(int(str(r["bytes"])) for r in sent)
    assert 0.6 * sent_bytes <= status["videoBytes"] <= 1.05 * sent_bytes


@pytest.mark.parametrize(("renderer", "time_s"), [("webgl2", 0.5), ("webgpu", 0.5), ("wasm", 2.25)])
def test_frames_on_the_page_are_those_of_the_python_player(
    renderer: str, time_s: float, watch: Callable[..., Any], served_with_models: Served, bundle_with_models: Path
) -> None:
    page = watch(served_with_models, renderer=renderer)
    status = shown_at(page, time_s)
    assert status["renderer"] == renderer
    found = drawn(page)
    frame = source_frame(bundle_with_models, status["timeS"])
    size = (frame.width, frame.height)
    upscaler = open_engine("openvino").upscaler(decode_model(GOLDEN_MODEL.read_bytes()), *size)
    wanted = enhance_frame(frame, upscaler, size)
    apart = np.abs(found[0].astype(int) - wanted.y)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) < 0.02 * apart.size
    assert np.array_equal(found[1], wanted.u)
    assert np.array_equal(found[2], wanted.v)
    assert status["firstEnhancedMs"] is not None


def assert_same_colours(found: np.ndarray, wanted: np.ndarray) -> None:
    """Colours are equal, but for a pixel in a thousand that the browser rounds to the next level."""
    apart = np.abs(found.astype(int) - wanted).max(axis=2)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) < 0.001 * apart.size


@pytest.mark.parametrize("renderer", ["webgl2", "wasm"])
def test_the_slider_shows_plain_on_its_left_and_enhanced_on_its_right(
    renderer: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, compare="1", renderer=renderer)
    shown_at(page, 0.5)
    divider = page.locator("neudash-player .divider")
    divider.press("Home")
    page.wait_for_timeout(300)
    enhanced = canvas_pixels(page)
    divider.press("End")
    page.wait_for_timeout(300)
    plain = canvas_pixels(page)
    assert np.count_nonzero((enhanced != plain).any(axis=2)) > 0.2 * plain[:, :, 0].size
    box = page.locator("neudash-player .view").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    page.mouse.up()
    page.wait_for_timeout(300)
    both = canvas_pixels(page)
    middle = round(both.shape[1] * 0.4)
    assert_same_colours(both[:, : middle - 2], plain[:, : middle - 2])
    assert_same_colours(both[:, middle + 2 :], enhanced[:, middle + 2 :])
    assert divider.get_attribute("aria-valuenow") == "40"


def test_keys_switch_it_off_and_on(watch: Callable[..., Any], served_with_models: Served) -> None:
    page = watch(served_with_models)
    shown_at(page, 0.5)
    page.locator("neudash-player").press("e")
    until(page, f"{STATUS}.reason === 'it is switched off'", 10)
    assert page.locator("neudash-player canvas").is_hidden()
    page.locator("neudash-player").press("e")
    until(page, ENHANCED, 10)
    page.locator("neudash-player").press("i")
    panel = page.locator("neudash-player .panel")
    until(
        page,
        "document.querySelector('neudash-player').shadowRoot.querySelector('.panel').innerText.includes('c8d2')",
        10,
    )
    assert "160" in panel.inner_text() and "wasm" in panel.inner_text()


def test_a_slow_device_enhances_what_stays_and_what_is_compared(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, effort="auto", compare="0")
    player = "document.querySelector('neudash-player')"
    page.evaluate(
        f"{player}.inner.meter.isTooSlow = () => true; {player}.video.loop = true; void {player}.video.play()"
    )
    until(page, f"{STATUS}.state === 'plain' && {STATUS}.reason.includes('too slow')", 30)
    page.evaluate(f"{player}.video.pause()")
    until(page, f"{ENHANCED} && {STATUS}.reason === ''", 30)
    page.evaluate(f"void {player}.video.play()")
    until(page, f"{STATUS}.state === 'plain' && {STATUS}.reason.includes('too slow')", 30)
    page.keyboard.press("s")
    until(page, f"{ENHANCED} && {STATUS}.reason.includes('skipped')", 30)
    page.keyboard.press("s")
    until(page, f"{STATUS}.state === 'plain' && {STATUS}.reason.includes('too slow')", 30)


def test_only_pictures_that_are_enhanced_tell_how_slow_the_device_is(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    """A busy page would otherwise renew the verdict for ever, which is forgotten after 30 s for another try."""
    page = watch(served_with_models, effort="auto", compare="0")
    player = "document.querySelector('neudash-player')"
    page.evaluate(f"{player}.video.loop = true; void {player}.video.play()")
    until(page, f"{ENHANCED} && {STATUS}.msPerFrame !== null", 30)
    page.evaluate(f"{player}.inner.meter.isTooSlow = () => true")
    until(page, f"{STATUS}.state === 'plain' && {STATUS}.reason.includes('too slow')", 30)
    page.evaluate(f"""() => {{
      const {{ clock }} = {player}.inner, take = clock.take.bind(clock);
      clock.take = (...picture) => new Promise((done) => setTimeout(done, 100)).then(() => take(...picture));
    }}""")
    measured = f"JSON.stringify([...{player}.inner.meter.measured])"
    before, missed = page.evaluate(measured), page.evaluate(f"{STATUS}.framesMissed")
    until(page, f"{STATUS}.framesMissed >= {missed + 10}", 30)
    assert page.evaluate(measured) == before


def test_pictures_are_enhanced_from_their_colours_where_the_browser_gives_no_frames_away(
    watch: Callable[..., Any], striped: Striped, serve_root: Callable[[Path], Served]
) -> None:
    """Pages from plain HTTP on another machine have no WebGPU. Colours are rounded, so a level is right to one."""
    page = watch(serve_root(striped.root), rung="v36", renderer="webgl2")
    page.evaluate("delete globalThis.VideoFrame")
    for piece, level in enumerate(sorted(striped.levels)):
        shown_at(page, (piece + 0.5) * PIECE_S)
        luma, u, v = drawn(page)
        assert np.abs(luma.astype(int) - level).max() <= 1
        assert np.abs(np.stack([u, v]).astype(int) - 128).max() <= 1


@pytest.mark.parametrize("gives_frames", [True, False], ids=["frames", "colours"])
def test_pictures_whose_pixels_are_not_square_are_enhanced_and_keep_their_shape(
    gives_frames: bool,
    watch: Callable[..., Any],
    make_video: MakeVideo,
    tmp_path: Path,
    serve_root: Callable[[Path], Served],
) -> None:
    source = ("-f", "lavfi", "-i", "mandelbrot=size=250x134:rate=24:end_scale=0.05:maxiter=1000", "-t", "1")
    video = make_video(tmp_path / "odd.mp4", *source, "-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p")
    bundle = tmp_path / "served" / "film"
    assert package_main([str(video), "-o", str(bundle), "--rungs", "67@crf12", "--preset", "ultrafast", "--quiet"]) == 0
    model = GOLDEN_MODEL.read_bytes()
    publish_file(bundle / model_href(model), model)
    publish_manifest(bundle, with_models(open_bundle(bundle).presentation, model))
    (rung,) = open_bundle(bundle).presentation.video
    assert rung.video.sar != 1
    page = watch(serve_root(bundle.parent), renderer="webgl2", rung="")
    if not gives_frames:
        page.evaluate("delete globalThis.VideoFrame")
    status = shown_at(page, 0.5)
    shown = page.evaluate(f"[{VIDEO}.videoWidth, {VIDEO}.videoHeight]")
    assert shown != [rung.video.width, rung.video.height]
    assert status["rung"]["width"] == rung.video.width
    frame = source_frame(bundle, status["timeS"])
    size = (frame.width, frame.height)
    wanted = enhance_frame(frame, open_engine("openvino").upscaler(decode_model(model), *size), size)
    assert np.abs(drawn(page)[0].astype(int) - wanted.y).mean() < 1
    box = page.locator("neudash-player canvas").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(shown[0] / shown[1], rel=0.002)
