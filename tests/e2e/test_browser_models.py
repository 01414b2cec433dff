"""The page finds the right model for every segment, whatever becomes of the model."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.e2e.watching import AT_END, ENHANCED, GOLDEN_MODEL, STATUS, VIDEO, canvas_pixels, shown_at, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.striped import Striped
    from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_what_a_paused_video_fetches_is_what_it_will_play_with(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, effort="auto", compare="0")
    script = """(slow) => {
      const { inner } = document.querySelector("neudash-player");
      const wanted = [];
      inner.meter.isTooSlow = () => slow;
      inner.store.want = (chain) => wanted.push(...chain);
      inner.segment({ rungId: "v90", startS: 0, endS: 1 });
      return wanted.length;
    }"""
    assert page.evaluate(script, False) == 1
    assert page.evaluate(script, True) == 0


def test_segments_without_a_model_are_plain_and_seeking_finds_the_right_one(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models)
    shown_at(page, 2.5)
    status = shown_at(page, 1.5, f"{STATUS}.state === 'plain'")
    assert status["reason"] == "this segment wants no model"
    shown_at(page, 0.5)
    assert served_with_models.count("model") == 1


def test_what_is_fetched_next_is_not_drawn_over_a_picture_that_needs_no_model(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    """The first model of a bundle may come after its first picture; the renderer needs no warming then."""
    page = watch(served_with_models, renderer="webgl2", effort="off")  # what is off fetches no model
    page.evaluate("document.querySelector('neudash-player').inner.setEffort('always')")
    shown_at(page, 1.5, f"{STATUS}.reason === 'this segment wants no model' && {STATUS}.output !== null")
    before = canvas_pixels(page)
    page.evaluate("document.querySelector('neudash-player').inner.segment({ rungId: 'v90', startS: 2, endS: 3 })")
    page.wait_for_timeout(1000)
    assert np.array_equal(canvas_pixels(page), before)


def test_another_rung_has_other_models(watch: Callable[..., Any], served_with_models: Served) -> None:
    page = watch(served_with_models)
    shown_at(page, 0.5)
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180' && {STATUS}.state === 'plain'", 20)
    assert "no models" in page.evaluate(STATUS)["reason"]
    page.locator("neudash-player .rung").select_option("v90")
    until(page, f"{STATUS}.rung.id === 'v90' && {ENHANCED}", 20)


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_as_long_as_it_shall_enhance_no_rung_above_those_with_models_is_fetched(
    engine: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, engine=engine, rung="enhanced")
    options = page.locator("neudash-player .rung option").all_inner_texts()
    assert options == ["Auto", "Auto, enhanced", "90p, enhanced", "180p"]
    page.evaluate("document.querySelector('neudash-player').video.play()")
    until(page, AT_END, 60)
    assert page.evaluate(STATUS)["rung"]["id"] == "v90"
    fetched = [str(r["path"]) for r in served_with_models.requests() if r["kind"] == "video"]
    assert len(fetched) >= 4
    assert [path for path in fetched if "/v180" in path and "init" not in path] == []


HDR_SET = """<AdaptationSet id="9" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
<EssentialProperty schemeIdUri="urn:mpeg:mpegB:cicp:ColourPrimaries" value="9"/>
<EssentialProperty schemeIdUri="urn:mpeg:mpegB:cicp:TransferCharacteristics" value="16"/>
<EssentialProperty schemeIdUri="urn:mpeg:mpegB:cicp:MatrixCoefficients" value="9"/>"""


def with_hdr(route: Any) -> None:
    """The manifest with its rungs once more as if they were PQ, at twice the rate: what players like better."""
    answer = route.fetch()
    text = answer.text()
    start, end = text.index("<AdaptationSet"), text.index("</AdaptationSet>") + len("</AdaptationSet>")
    content = text[text.index(">", start) + 1 : end].replace("/$RepresentationID$-", "/hdr/$RepresentationID$-")
    content = re.sub(r'Representation id="([^"]+)"', r'Representation id="\1-hdr"', content)
    content = re.sub(r'bandwidth="(\d+)"', lambda found: f'bandwidth="{2 * int(found[1])}"', content)
    route.fulfill(response=answer, body=text[:end] + HDR_SET + content + text[end:])


HDR_SCREEN = """(() => {
  const asked = matchMedia.bind(window);
  window.matchMedia = (query) => (/dynamic-range|color-gamut/.test(query) ? { matches: true } : asked(query));
})()"""


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
@pytest.mark.parametrize("rung", ["", "enhanced", "v180"])
def test_pictures_for_hdr_screens_are_left_to_other_players(
    engine: str, rung: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    """Networks are made for the other ones, and would spoil these."""
    page = watch(served_with_models, HDR_SCREEN, {"**/manifest.mpd": with_hdr}, engine=engine, rung=rung)
    options = page.locator("neudash-player .rung option").all_inner_texts()
    assert options == ["Auto", "Auto, enhanced", "90p, enhanced", "180p"]
    page.evaluate(f"{VIDEO}.loop = true; void {VIDEO}.play()")
    until(page, f"{STATUS}.rung?.id === '{'v90' if rung == 'enhanced' else 'v180'}'", 30)
    assert not [r for r in served_with_models.requests() if "hdr" in str(r["path"])]


def damaged(bundle: Path, folder: Path, data: bytes | None) -> Path:
    """A copy whose model file is replaced, or missing."""
    shutil.copytree(bundle, folder / "film")
    (model,) = (folder / "film" / "models").iterdir()
    model.unlink()
    if data is not None:
        model.write_bytes(data)
    return folder


MODEL = GOLDEN_MODEL.read_bytes()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "the server answered 404"),
        (MODEL[:-1] + bytes([MODEL[-1] ^ 1]), "not the one of the manifest"),
        (MODEL + b"more", "another size"),
        (b"", "another size"),
    ],
    ids=["missing", "corrupt", "longer", "empty"],
)
def test_a_model_that_is_not_there_or_not_right_leaves_the_video_plain(
    data: bytes | None,
    reason: str,
    watch: Callable[..., Any],
    bundle_with_models: Path,
    tmp_path: Path,
    serve_root: Callable[[Path], Served],
) -> None:
    page = watch(serve_root(damaged(bundle_with_models, tmp_path, data)))
    status = shown_at(page, 0.5, f"{STATUS}.reason.includes('{reason}')")
    assert status["state"] == "plain"
    page.evaluate(
        "(v => { v.currentTime = v.duration - 1; return v.play(); })(document.querySelector('neudash-player').video)"
    )
    until(page, AT_END, 60)
    assert page.evaluate(STATUS)["framesEnhanced"] == 0


def test_a_model_that_is_broken_is_not_asked_for_again_however_it_came(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models)
    page.evaluate("""() => {
      const { store } = document.querySelector("neudash-player").inner;
      window.times = 0;
      store.bytesOf = async () => {
        if (++window.times === 1) throw new Error("away for a second");
        return new Uint8Array(10); // no model
      };
      store.want([{ url: "x", sizeBytes: 10, sha256: "0".repeat(64), gainDb: null }]);
    }""")
    until(page, "window.times === 2", 10)
    page.wait_for_timeout(2500)
    assert page.evaluate("window.times") == 2


@pytest.mark.parametrize(("status", "comes_back"), [(503, True), (404, False)])
def test_a_model_that_was_given_up_is_asked_for_again_unless_it_was_refused(
    status: int, comes_back: bool, watch: Callable[..., Any], served_with_models: Served
) -> None:
    """The pauses between tries are left out, and the clock of the page goes ahead."""
    page = watch(served_with_models)
    page.route("**/none.ndm", lambda route: route.fulfill(status=status))
    asked = page.evaluate("""async () => {
      const { store } = document.querySelector("neudash-player").inner;
      const chain = [{ url: "/none.ndm", sizeBytes: 10, sha256: "0".repeat(64), gainDb: null }];
      let times = 0;
      const bytesOf = store.bytesOf.bind(store);
      store.bytesOf = (file) => { times++; return bytesOf(file); };
      store.later = (action) => setTimeout(action, 0);
      const rounds = [];
      const now = performance.now.bind(performance);
      for (const aheadMs of [0, 1000, 60_000]) {
        performance.now = () => now() + aheadMs;
        store.want(chain);
        await new Promise((done) => setTimeout(done, 1500));
        rounds.push(times);
      }
      return rounds;
    }""")
    assert asked == ([6, 6, 12] if comes_back else [6, 6, 6])


RECORD = """() => {
  const player = document.querySelector("neudash-player");
  window.seen = [];
  player.addEventListener("frame", async () => {
    if (player.status.state !== "enhanced") { seen.push(-1); return; }
    const { y, width, height } = await player.inner.readPlanes();
    seen.push(y[(height >> 1) * width + (width >> 1)]);
  });
}"""

ENOUGH_FRAMES = 300


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_no_frame_gets_the_model_of_another_segment(
    engine: str, watch: Callable[..., Any], striped: Striped, serve_root: Callable[[Path], Served]
) -> None:
    """Six swaps of models in 350 frames: the level of each says which segment and which model made it."""
    served = serve_root(striped.root)
    page = watch(served, engine=engine, rung="v36")
    shown_at(page, 0.1)
    page.evaluate(RECORD)
    for _ in range(6):  # a busy machine misses frames, and shows enough of them in the end
        page.evaluate("document.querySelector('neudash-player').video.currentTime = 0")
        page.evaluate("document.querySelector('neudash-player').video.play()")
        until(page, AT_END, 60)
        levels = [level for level in page.evaluate("seen") if level >= 0]
        if len(levels) >= ENOUGH_FRAMES:
            break
    wrong = [level for level in levels if min(abs(level - value) for value in striped.levels) > 1]
    assert wrong == []
    assert len(levels) >= ENOUGH_FRAMES
    assert {min(striped.levels, key=lambda value: abs(value - level)) for level in levels} == striped.levels
    fetched = [str(r["path"]).partition("/film/")[2] for r in served.requests() if r["kind"] == "model"]
    assert fetched == [*striped.model_hrefs]
