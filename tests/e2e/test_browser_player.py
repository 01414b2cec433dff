"""The page plays a bundle in a real browser and enhances it: the right model on every frame, whatever goes wrong."""

from __future__ import annotations

import base64
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import (
    AdaptationSet,
    AudioFormat,
    AudioRepresentation,
    Role,
    TextTrack,
)
from manifests.names import model_href, text_href
from manifests.weights import decode_model
from media.frames import Frame, decode_segment
from packager.cli import main as package_main
from packager.presentation import bandwidth_bps, measure_track
from player.superres.engines import open_engine
from player.superres.frames import enhance_frame
from tests.e2e.conftest import serving, with_models
from tests.e2e.striped import PIECE_S, Striped
from tests.support.paths import GOLDEN
from tests.support.presentations import measured_segments, series_of

if TYPE_CHECKING:
    from tests.support.media import MakeVideo
    from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GOLDEN_MODEL = GOLDEN / "c8d2-x2-full.ndm"
STATUS = "document.querySelector('neudash-player').status"
ADAPTER = "document.querySelector('neudash-player').adapter"
VIDEO = "document.querySelector('neudash-player').video"
ENHANCED = f"{STATUS}.state === 'enhanced'"
# dash.js at times pauses by itself in the last second, as it does without us (docs/browser.md): it is asked to go on.
AT_END = """(video => {
    if (video.ended || (video.paused && video.duration - video.currentTime < 0.1)) return true;
    if (video.paused && video.duration - video.currentTime < 1) void video.play();
    return false;
})(document.querySelector('neudash-player').video)"""


def until(page: Any, expression: str, timeout_s: float) -> None:
    """Waits for it to hold. (Playwright's own waiting evaluates text within the page, which the page forbids.)"""
    end_s = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        if time.monotonic() >= end_s:
            video = page.evaluate(
                "(v => [v.currentTime, v.duration, v.paused])(document.querySelector('neudash-player').video)"
            )
            pytest.fail(f"never: {expression}; {page.evaluate(f'JSON.stringify({STATUS})')}, video {video}")
        page.wait_for_timeout(50)


@pytest.fixture
def complaints() -> list[str]:
    """Warnings and errors that the page wrote to its console."""
    return []


def is_complaint(message: Any) -> bool:
    """Chromium itself warns where a page asks for WebGPU and there is none."""
    return message.type in ("error", "warning") and message.text != "No available adapters."


@pytest.fixture
def watch(
    built_page: Path, browser_page: Callable[..., Any], gpu_page: Callable[..., Any], complaints: list[str]
) -> Iterator[Callable[..., Any]]:
    """Opens the page of a server on its one bundle, after a script; other keyword arguments are settings of the player.

    There is a graphics device, in software, only where `renderer` is given: without it everything is faster.
    """
    pages = []

    def opened(served: Served, first: str = "", routes: dict[str, Any] = {}, **settings: str) -> Any:  # noqa: B006
        page = (gpu_page if "renderer" in settings else browser_page)("about:blank")
        page.add_init_script(first)
        for pattern, answer in routes.items():
            page.route(pattern, answer)
        page.on("console", lambda m: complaints.append(m.text) if is_complaint(m) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        given = {"effort": "always", "rung": "v90", "autoplay": "0", "details": "0", **settings}
        query = "&".join(f"{name}={value}" for name, value in given.items())
        page.goto(f"{served.manifest_url.partition('/bundles/')[0]}/?{query}#film")
        until(page, "document.querySelector('neudash-player')?.video.readyState >= 2", 30)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()


def shown_at(page: Any, time_s: float, also: str = ENHANCED) -> Any:
    """The status once the picture of that time is shown and `also` holds."""
    player = "document.querySelector('neudash-player')"
    page.evaluate(f"{player}.video.currentTime = {time_s}")
    until(page, f"Math.abs({STATUS}.timeS - {time_s}) < 0.05 && {also}", 30)
    return page.evaluate(STATUS)


READ = """async () => {
  const { y, u, v, width, height } = await document.querySelector("neudash-player").inner.readPlanes();
  const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return { width, height, planes: [y, u, v].map(text) };
}"""


def drawn(page: Any) -> list[np.ndarray]:
    """Planes of the enhanced picture as the page drew it."""
    found = page.evaluate(READ)
    sizes = [(found["height"] >> s, found["width"] >> s) for s in (0, 1, 1)]
    planes = (np.frombuffer(base64.b64decode(data), np.uint8) for data in found["planes"])
    return [plane.reshape(size) for plane, size in zip(planes, sizes, strict=True)]


def source_frame(folder: Path, time_s: float) -> Frame:
    """The decoded frame of the lowest rung at a time."""
    bundle = open_bundle(folder)
    rung = bundle.presentation.video[0]
    segment = next(s for s in rung.segments if time_s < (s.start_ticks + s.duration_ticks) / rung.timescale)
    data = [bundle.read(href) for href in (rung.init_href, segment.href)]
    return min(decode_segment(*data), key=lambda frame: abs(float(frame.pts_s) - time_s))


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
    # What was on its way when the rung was chosen is thrown away; the server has sent it all the same.
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


CANVAS = """() => {
  const canvas = document.querySelector("neudash-player").shadowRoot.querySelector("canvas");
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d");
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""));
}"""


def canvas_pixels(page: Any) -> np.ndarray:
    """(height, width, 3) of what the canvas shows."""
    height, width = drawn(page)[0].shape
    data = base64.b64decode(page.evaluate(CANVAS))
    return np.frombuffer(data, np.uint8).reshape(height, width, 4)[:, :, :3]


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
    assert np.array_equal(both[:, : middle - 2], plain[:, : middle - 2])
    assert np.array_equal(both[:, middle + 2 :], enhanced[:, middle + 2 :])
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
    """Else a busy page would make a verdict last for ever: it is forgotten after 30 s, to be tried again."""
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


@pytest.fixture
def served_with_subtitles(bundle_with_models: Path, serve_root: Callable[..., Served], tmp_path: Path) -> Served:
    """German and English, by turns of half a second."""
    root = tmp_path / "library" / "film"
    shutil.copytree(bundle_with_models, root)
    tracks = []
    for number, (language, word) in enumerate((("de", "Guten <i>Tag</i> &amp; mehr"), ("en", "Good day")), start=1):
        webvtt = f"WEBVTT\n\n00:00.000 --> 00:01.000\n{word}\n\n00:01.000 --> 00:02.000\nsecond\n".encode()
        publish_file(root / text_href(webvtt), webvtt)
        tracks.append(TextTrack(f"t{number}", text_href(webvtt), 300, language))
    publish_manifest(root, replace(open_bundle(root).presentation, text=tuple(tracks)))
    return serve_root(root.parent)


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_subtitles_stand_above_the_enhanced_picture(
    engine: str, watch: Callable[..., Any], served_with_subtitles: Served, complaints: list[str]
) -> None:
    page = watch(served_with_subtitles, engine=engine)
    shown_at(page, 0.5)
    choice, words = page.locator("neudash-player .captions"), page.locator("neudash-player .words")
    assert choice.locator("option").all_inner_texts() == ["No subtitles", "German", "English"]
    assert words.inner_text() == ""
    choice.select_option("German")
    if engine == "dashjs":  # it fetches subtitles only while it plays, and at times pauses by itself (docs/browser.md)
        page.evaluate(f"(v => {{ v.loop = true; v.onpause = () => void v.play(); void v.play(); }})({VIDEO})")
    said = "document.querySelector('neudash-player').shadowRoot.querySelector('.words').innerText.trim()"
    until(page, f"{said} === 'Guten Tag & mehr'", 20)
    assert words.locator("i").inner_text() == "Tag"
    page.locator("neudash-player .play").press("c")
    until(page, f"{said} === 'Good day'", 20)
    page.evaluate("document.querySelector('neudash-player').video.currentTime = 1.5")
    until(page, f"{said} === 'second'", 20)
    page.locator("neudash-player .play").press("c")
    until(page, f"{said} === ''", 20)
    assert complaints == []


# --- sound tracks ---

PITCHES_HZ = {"fr": 2000, "en-51": 3000, "en": 500, "en-said": 1250}
"""The pitch of each sound track of `served_with_sounds`, by the id of its stream, in the order of the manifest."""
TRACKS: dict[str, tuple[str, str, Role, int]] = {
    "fr": ("fr", "Français", "dub", 2),
    "en-51": ("en", "English", "main", 6),
    "en": ("en", "English", "main", 2),
    "en-said": ("en", "Director's commentary", "commentary", 2),
}
NAMES = ["Français", "English, 5.1", "English, stereo", "Director's commentary"]


def sound_set(root: Path, make_video: MakeVideo, name: str, number: int) -> AdaptationSet:
    """A sound track, made by ffmpeg and written to the bundle in `root`."""
    language, label, role, channels = TRACKS[name]
    folder = root / "audio" / name
    folder.mkdir(parents=True)
    names = ("-init_seg_name", "init.mp4", "-media_seg_name", "$Number%05d$.m4s")
    tone = f"sine=frequency={PITCHES_HZ[name]}:sample_rate=48000:duration=4,volume=8dB"
    codec = ("-c:a", "aac", "-b:a", "128k", "-ac", str(channels))
    make_video(
        folder / "x.mpd",
        *("-f", "lavfi", "-i", tone, *codec, "-f", "dash", "-seg_duration", "1", "-use_template", "1", *names),
    ).unlink()
    track = measure_track(folder)
    series = series_of(name, track.init.timescale, "audio")
    segments = measured_segments(series, [(s.start_ticks, s.duration_ticks) for s in track.segments])
    audio = AudioFormat(track.init.sample_rate_hz, channels)
    stream = AudioRepresentation(name, track.init.codecs, bandwidth_bps(track), segments, audio)
    return AdaptationSet(str(number), "audio", "audio/mp4", (stream,), language, label, role)


@pytest.fixture(scope="session")
def bundle_with_sounds(
    bundle_with_models: Path, make_video: MakeVideo, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """`bundle_with_models` with four sound tracks, each of which sounds a tone of its own, and two of subtitles."""
    root = Path(shutil.copytree(bundle_with_models, tmp_path_factory.mktemp("library") / "film"))
    shutil.rmtree(root / "audio")
    presentation = open_bundle(root).presentation
    sounds = tuple(sound_set(root, make_video, name, number) for number, name in enumerate(TRACKS, start=2))
    text = []
    for label, role in (("English", "subtitle"), ("English for the deaf", "caption")):
        webvtt = f"WEBVTT\n\n00:00.000 --> 00:01.000\n{label}\n".encode()
        publish_file(root / text_href(webvtt), webvtt)
        text.append(TextTrack(f"t-{role}", text_href(webvtt), 300, "en", label, role))
    sets = (presentation.adaptation_sets[0], *sounds)
    publish_manifest(root, replace(presentation, adaptation_sets=sets, text=tuple(text)))
    return root


@pytest.fixture
def served_with_sounds(bundle_with_sounds: Path, tmp_path: Path) -> Iterator[Served]:
    """A server of its own for each test, so that its log holds the requests of one player alone."""
    with serving(bundle_with_sounds.parent, tmp_path / "access.jsonl") as served:
        yield served


LISTEN = """async () => {
  const { video } = document.querySelector("neudash-player");
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 4096 });
  context.createMediaElementSource(video).connect(analyser);
  analyser.connect(context.destination);
  await context.resume();
  Object.assign(video, { muted: false, loop: true });
  window.pitchHz = () => {
    const levels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(levels);
    const loudest = levels.reduce((best, level, at) => (level > levels[best] ? at : best), 0);
    return levels[loudest] < -60 ? 0 : loudest * context.sampleRate / analyser.fftSize;
  };
  await video.play();
}"""


def hears(name: str) -> str:
    """Write JavaScript that is true if the tone is heard, to the width of a bin; `until` takes it after LISTEN."""
    return f"Math.abs(pitchHz() - {PITCHES_HZ[name]}) < 30"


def sounds_fetched(served: Served) -> list[str]:
    """Ids of the streams of which media came, each once, in order."""
    paths = [str(r["path"]) for r in served.requests() if r["kind"] == "audio"]
    return list(dict.fromkeys(path.split("/")[-2] for path in paths if path.endswith(".m4s")))


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_the_main_sound_is_heard_in_stereo_and_no_other_is_fetched(
    engine: str, watch: Callable[..., Any], served_with_sounds: Served, complaints: list[str]
) -> None:
    page = watch(served_with_sounds, engine=engine)
    menu = page.locator("neudash-player .sound")
    assert menu.locator("option").all_inner_texts() == NAMES
    assert menu.evaluate("menu => menu.selectedOptions[0].text") == "English, stereo"
    page.evaluate(LISTEN)
    until(page, hears("en"), 20)
    assert sounds_fetched(served_with_sounds) == ["en"]
    assert complaints == []


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
@pytest.mark.parametrize(
    ("wish", "heard"), [("fr", "fr"), ("commentary", "en-said"), ("2", "en-51"), ("klingon", "en")]
)
def test_the_address_may_ask_for_a_sound(
    engine: str, wish: str, heard: str, watch: Callable[..., Any], served_with_sounds: Served
) -> None:
    page = watch(served_with_sounds, engine=engine, audio=wish)
    page.evaluate(LISTEN)
    until(page, hears(heard), 20)
    assert sounds_fetched(served_with_sounds) == [heard]


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_another_sound_is_chosen_while_it_plays_and_the_picture_stays_enhanced(
    engine: str, watch: Callable[..., Any], served_with_sounds: Served, complaints: list[str]
) -> None:
    """Menu, key and page each change the track and announce it, and no byte of the picture comes again."""
    page = watch(served_with_sounds, engine=engine)
    page.evaluate(LISTEN)
    page.evaluate("""() => {
      window.told = [];
      window.states = new Set();
      const player = document.querySelector("neudash-player");
      player.addEventListener("soundtrack", ({ detail }) => told.push([detail.name, detail.playing]));
      player.addEventListener("frame", ({ detail }) => states.add(detail.reason || detail.state));
    }""")
    until(page, f"{hears('en')} && {VIDEO}.buffered.length === 1 && {VIDEO}.buffered.end(0) > 3.9", 20)
    pictures = served_with_sounds.count("video")
    page.locator("neudash-player .sound").select_option("Français")
    until(page, hears("fr"), 20)
    page.locator("neudash-player .play").press("a")
    until(page, hears("en-51"), 20)
    page.evaluate("document.querySelector('neudash-player').soundTrack = 3")
    until(page, hears("en-said"), 20)
    page.evaluate("document.querySelector('neudash-player').setAttribute('audio', 'french')")
    page.evaluate("document.querySelector('neudash-player').setAttribute('audio', 'fr')")
    until(page, hears("fr"), 20)
    assert page.evaluate("told") == [[NAMES[index], True] for index in (0, 1, 3, 0)]
    listed = page.evaluate("document.querySelector('neudash-player').soundTracks")
    assert [(t["name"], t["playing"], t["channels"]) for t in listed] == [
        (name, name == "Français", 6 if "5.1" in name else 2) for name in NAMES
    ]
    assert served_with_sounds.count("video") == pictures
    # dash.js may keep the first segment of the rung that it began with.
    usual = {"enhanced", "this segment wants no model", "this rung has no models"}
    assert {"enhanced"} <= set(page.evaluate("[...states]")) <= usual
    assert complaints == []


def test_the_choice_outlasts_another_rung_another_engine_and_a_new_beginning(
    watch: Callable[..., Any], served_with_sounds: Served
) -> None:
    page = watch(served_with_sounds)
    page.evaluate(LISTEN)
    page.locator("neudash-player .sound").select_option("Director's commentary")
    until(page, hears("en-said"), 20)
    for rung in ("v180", "v90"):
        page.locator("neudash-player .rung").select_option(rung)
        until(page, f"{STATUS}.rung?.id === '{rung}' && {hears('en-said')}", 20)
    page.locator("neudash-player .rung").select_option("")
    page.wait_for_timeout(1000)
    until(page, hears("en-said"), 20)
    page.evaluate(f"{ADAPTER}.reload()")
    until(page, f"{VIDEO}.readyState >= 3 && {hears('en-said')}", 20)
    page.evaluate("""() => {
      const player = document.querySelector("neudash-player");
      player.setAttribute("engine", "dashjs");
      player.toggleAttribute("autoplay", true);
      player.setAttribute("src", player.getAttribute("src"));
    }""")
    until(page, f"{ADAPTER}?.name === 'dashjs' && {VIDEO}.readyState >= 3 && !{VIDEO}.paused", 20)
    until(page, hears("en-said"), 20)
    assert page.locator("neudash-player .sound").evaluate("menu => menu.selectedIndex") == 3


def test_a_sound_that_is_asked_for_while_the_film_loads_is_the_one_that_is_heard(
    watch: Callable[..., Any], served_with_sounds: Served
) -> None:
    page = watch(served_with_sounds)
    page.evaluate("""() => {
      const player = document.querySelector("neudash-player");
      const began = (tracks) => setTimeout(() => player.setAttribute("audio", "fr")) && 2;
      player.sounds.begin = (tracks) => { delete player.sounds.begin; return began(tracks); };
      player.toggleAttribute("autoplay", true);
      player.setAttribute("src", player.getAttribute("src"));
    }""")
    until(page, f"{ADAPTER}?.sound === 0 && {VIDEO}.readyState >= 3", 20)
    assert page.locator("neudash-player .sound").evaluate("menu => menu.selectedIndex") == 0


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_a_film_with_one_sound_offers_no_choice_of_it(
    engine: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, engine=engine)
    assert page.locator("neudash-player .sound").is_hidden()
    page.locator("neudash-player .play").press("a")
    assert page.evaluate("document.querySelector('neudash-player').soundTrack") == 0


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_subtitles_are_called_by_their_labels(
    engine: str, watch: Callable[..., Any], served_with_sounds: Served
) -> None:
    page = watch(served_with_sounds, engine=engine)
    options = page.locator("neudash-player .captions option").all_inner_texts()
    assert options == ["No subtitles", "English", "English for the deaf"]


# --- a seek that the library loses ---


def test_where_the_library_begins_anew_all_is_as_the_viewer_left_it(
    watch: Callable[..., Any], served_with_subtitles: Served
) -> None:
    page = watch(served_with_subtitles, rung="enhanced")
    shown_at(page, 0.5)
    page.locator("neudash-player .captions").select_option("English")
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180'", 20)
    page.evaluate(f"{VIDEO}.loop = true; void {VIDEO}.play()")
    page.evaluate(f"{ADAPTER}.reload()")
    until(page, f"!{VIDEO}.paused && {VIDEO}.readyState >= 3 && {STATUS}.rung.id === 'v180'", 20)
    said = "document.querySelector('neudash-player').shadowRoot.querySelector('.words').innerText.trim()"
    until(page, f"{said} === 'Good day'", 20)
    assert page.evaluate(f"{ADAPTER}.rungId") == "v180"


def test_where_it_cannot_begin_anew_it_says_so(watch: Callable[..., Any], served_with_models: Served) -> None:
    page = watch(served_with_models)
    page.route("**/manifest.mpd", lambda route: route.fulfill(status=403))
    page.evaluate(f"{ADAPTER}.reload()")
    page.locator("neudash-player .message").get_by_text("the server cannot be reached, or refuses").wait_for()


# What is fetched of a rung comes piece by piece, in as many seconds.
TRICKLE = """(() => {
  const whole = fetch;
  window.fetch = async (...asked) => {
    const answer = await whole(...asked);
    if (!answer.url.includes("/v180-")) return answer;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    let piece = 0;
    const body = new ReadableStream({ pull: async (stream) => {
      await new Promise((done) => setTimeout(done, 1000));
      stream.enqueue(bytes.slice(piece * bytes.length / 9, ++piece * bytes.length / 9));
      if (piece === 9) stream.close();
    } });
    return new Response(body, { status: answer.status, headers: answer.headers });
  };
})()"""


def test_a_slow_network_is_no_lost_seek(watch: Callable[..., Any], served_with_models: Served) -> None:
    """A segment of the larger rung takes longer to come than a lost seek is waited for."""
    page = watch(served_with_models, TRICKLE)
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180'", 60)
    page.evaluate(f"""() => {{
      window.reloads = 0;
      {ADAPTER}.reload = async () => {{ window.reloads++; }};
      {VIDEO}.currentTime = 1.5;
    }}""")
    began_s = time.monotonic()
    until(page, f"!{VIDEO}.seeking", 60)
    assert time.monotonic() - began_s > 4.5
    assert page.evaluate("window.reloads") == 0


def test_a_seek_for_which_nothing_comes_is_begun_anew(watch: Callable[..., Any], served_with_models: Served) -> None:
    page = watch(served_with_models)
    held: list[Any] = []
    page.route("**/v180-*/**", lambda route: held.append(route))
    page.evaluate(f"""() => {{
      window.reloads = 0;
      {ADAPTER}.reload = async () => {{ window.reloads++; }};
    }}""")
    page.locator("neudash-player .rung").select_option("v180")
    page.evaluate(f"{VIDEO}.currentTime = 3.5")
    until(page, "window.reloads === 1", 10)


# --- another film, or none ---


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_another_film_does_not_wait_for_one_that_never_comes(
    engine: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, engine=engine)
    page.route("**/never.mpd", lambda route: None)
    player = "document.querySelector('neudash-player')"
    page.evaluate(f"{player}.setAttribute('src', '/never.mpd')")
    page.wait_for_timeout(500)
    page.evaluate(f"""() => {{
      const {{ adapter }} = {player}, destroy = adapter.destroy.bind(adapter);
      adapter.destroy = () => destroy().then(() => Promise.reject(new Error("it did not end well")));
    }}""")
    page.evaluate(f"{player}.setAttribute('src', '{served_with_models.manifest_url}')")
    until(page, f"{VIDEO}.readyState >= 2 && {ENHANCED}", 20)


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_a_player_that_was_removed_plays_no_more(
    engine: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, engine=engine, effort="off")
    page.route("**/late.mpd", lambda route: None)
    page.evaluate("""url => {
      window.removed = document.querySelector("neudash-player");
      removed.toggleAttribute("autoplay", true);
      removed.video.play = async () => { window.played = true; };
      removed.setAttribute("src", "/late.mpd");
    }""")
    page.wait_for_timeout(500)
    page.evaluate("removed.remove()")
    page.evaluate("void removed.loading.then(() => { window.isOver = true; })")
    until(page, "window.isOver", 5)
    assert page.evaluate("[removed.adapter, removed.inner, window.played ?? null]") == [None, None, None]


def test_the_button_says_whether_it_enhances_from_the_start_and_with_another_film(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, effort="off")
    button = page.locator("neudash-player .enhance")
    assert button.get_attribute("aria-pressed") == "false"
    page.locator("neudash-player").press("e")
    assert button.get_attribute("aria-pressed") == "true"
    until(page, ENHANCED, 10)
    button.click()
    again = f"document.querySelector('neudash-player').setAttribute('src', '{served_with_models.manifest_url}')"
    page.evaluate(again)
    until(page, f"{STATUS}.reason === 'it is switched off' && {VIDEO}.readyState >= 2", 20)
    assert button.get_attribute("aria-pressed") == "false"


EMBEDDING = """<!doctype html><title>Somebody's page</title><link rel="icon" href="data:,">
<script type="module" src="{server}/neudash-player.js"></script>
<neudash-player src="{manifest}" rung="v90" effort="always" muted></neudash-player>"""


def test_a_page_from_elsewhere_embeds_it(
    browser_page: Callable[..., Any],
    served_with_models: Served,
    built_page: Path,
    their_page: Callable[[str], str],
    complaints: list[str],
) -> None:
    """Script, kernel, workers, manifest and models all come from another origin than the page."""
    manifest = served_with_models.manifest_url
    page = browser_page("about:blank")
    page.on("console", lambda m: complaints.append(m.text) if is_complaint(m) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(their_page(EMBEDDING.format(server=manifest.partition("/bundles/")[0], manifest=manifest)))
    until(page, "(document.querySelector('neudash-player')?.video?.readyState ?? 0) >= 2", 30)
    assert shown_at(page, 0.5)["model"]["network"] == "c8d2"
    assert complaints == []
    page.context.close()


# --- what goes wrong ---


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


LOSE = {
    "webgl2": "screen.canvas.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()",
    "webgpu": "screen.renderer.gpu.device.destroy()",
}


@pytest.mark.parametrize("renderer", sorted(LOSE))
def test_a_graphics_device_that_is_lost_while_paused_leaves_no_blank_picture(
    renderer: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, renderer=renderer)
    shown_at(page, 0.5)
    before, frames = drawn(page), page.evaluate(f"{STATUS}.framesEnhanced")
    page.evaluate(f"document.querySelector('neudash-player').inner.{LOSE[renderer]}")
    until(page, f"{STATUS}.framesEnhanced > {frames}", 10)
    assert page.locator("neudash-player canvas").count() == 1
    assert page.locator("neudash-player canvas").is_visible()
    assert all(map(np.array_equal, drawn(page), before))


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


def test_dashjs_says_what_is_wrong_once_and_as_exactly_as_it_can(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, engine="dashjs")
    page.route("**/none.mpd", lambda route: route.fulfill(status=404))
    page.evaluate("""() => {
      const player = document.querySelector("neudash-player");
      window.told = [];
      player.addEventListener("failed", ({ detail }) => told.push(detail));
      player.setAttribute("src", "/none.mpd");
    }""")
    until(page, "told.length > 0", 30)
    page.wait_for_timeout(500)
    (reason,) = page.evaluate("told")
    assert "none.mpd" in reason and "(dash.js " in reason


def test_what_was_said_to_fail_goes_when_it_plays_on(watch: Callable[..., Any], served_with_models: Served) -> None:
    page = watch(served_with_models, TRICKLE)
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180'", 60)
    page.evaluate("document.querySelector('neudash-player').fail('a segment is missing')")
    message = page.locator("neudash-player .message")
    assert message.is_visible()
    page.evaluate(f"void {VIDEO}.play()")
    message.wait_for(state="hidden", timeout=20_000)
    assert page.evaluate(f"{VIDEO}.currentTime") > 1


def test_a_manifest_that_is_refused_says_why_for_good(watch: Callable[..., Any], served_with_models: Served) -> None:
    def with_doctype(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("<MPD", "<!DOCTYPE MPD><MPD", 1))

    page = watch(served_with_models, routes={"**/manifest.mpd": with_doctype}, rung="")
    until(page, f"{STATUS}.framesPlain > 0", 10)
    assert page.evaluate(STATUS)["reason"] == "the manifest has a DOCTYPE"


def test_it_survives_a_restart_of_the_server(
    watch: Callable[..., Any], bundle_with_models: Path, serve_root: Callable[..., Served]
) -> None:
    served = serve_root(bundle_with_models.parent)
    page = watch(served)
    shown_at(page, 0.5)
    port = int(served.manifest_url.split(":")[2].split("/")[0])
    served.stop()
    serve_root(bundle_with_models.parent, port)
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180'", 60)
    page.locator("neudash-player .rung").select_option("v90")
    shown_at(page, 2.5)


# --- the model of the segment, on every frame ---

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
