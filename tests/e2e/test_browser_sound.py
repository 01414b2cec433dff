"""Sound tracks and subtitles of the page, in a real browser: what is heard, read and fetched."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import AdaptationSet, AudioFormat, AudioRepresentation, Role, TextTrack
from manifests.names import text_href
from packager.presentation import bandwidth_bps, measure_track
from tests.e2e.watching import ADAPTER, STATUS, VIDEO, shown_at, until
from tests.support.presentations import measured_segments, series_of
from tests.support.served import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.media import MakeVideo
    from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
    """Writes JavaScript that is true if the tone is heard, to the width of a bin; `until` takes it after LISTEN."""
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
