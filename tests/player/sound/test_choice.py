"""`neudash play --audio`: which sound track is heard, and what is said if there is none like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from manifests.bundle import open_bundle
from manifests.model import AdaptationSet, Role
from manifests.verify import verify_bundle
from player.cli import main
from player.errors import UnplayableError
from player.sound.choice import choose_soundtrack
from tests.support.bundles import PITCHES_HZ
from tests.support.presentations import sound_of

if TYPE_CHECKING:
    from pathlib import Path


def track(
    name: str, language: str | None = None, label: str | None = None, role: Role | None = None, channels: int = 2
) -> AdaptationSet:
    return AdaptationSet(name, "audio", "audio/mp4", (sound_of(name, channels=channels),), language, label, role)


PICTURE = AdaptationSet("v", "video", "video/mp4", (sound_of("v1"),))
FILM = (
    PICTURE,
    track("comment", "en", "Director's commentary", "commentary"),
    track("big", "en", "English", "main", channels=6),
    track("en", "en", "English", "main"),
    track("described", "fr", "Audiodescription", "description"),
    track("fr", "fr", "Français", "dub"),
    track("pt", "pt-BR", "Português (Brasil)", "dub"),
    track("old", "ger", "Deutsch", "dub"),
)


@pytest.mark.parametrize(
    ("wish", "heard"),
    {
        None: "en",
        "en": "en",
        "EN": "en",
        "eng": "en",
        "en-GB": "en",
        "fr": "fr",
        "fra": "fr",
        "fre-CA": "fr",
        "pt": "pt",
        "pt-br": "pt",
        "de": "old",
        "commentary": "comment",
        "Description": "described",
        "main": "en",
        "français": "fr",
        "German": "old",
        "brasil": "pt",
        "Director's commentary": "comment",
        "1": "comment",
        "2": "big",
        "5": "fr",
    }.items(),
)
def test_a_wish_is_a_number_a_language_a_role_or_a_label(wish: str | None, heard: str) -> None:
    found = choose_soundtrack(FILM, wish)
    assert found is not None
    assert found.id == heard


@pytest.mark.parametrize("wish", ["", "0", "8", "99999999999999999999", "pt-PT", "klingon", "ja", "und"])
def test_a_wish_that_nothing_meets_is_answered_with_all_that_there_is(wish: str) -> None:
    with pytest.raises(UnplayableError) as caught:
        choose_soundtrack(FILM, wish)
    said = str(caught.value)
    assert said.startswith(f"there is no sound track {wish!r}; the manifest offers 1: Director's commentary (en, ")
    assert "2: English (en, main, 5.1); 3: English (en, main, stereo); " in said
    assert said.endswith("7: Deutsch (ger, dub, stereo)")


def test_without_any_sound_only_a_wish_fails() -> None:
    assert choose_soundtrack((PICTURE,), None) is None
    with pytest.raises(UnplayableError, match="'fr'; the manifest offers no sound"):
        choose_soundtrack((PICTURE,), "fr")


def test_where_no_track_is_the_main_one_the_first_that_is_no_commentary_is_heard_in_stereo() -> None:
    tracks = (track("said", role="commentary"), track("wide", channels=6), track("mono", channels=1), track("other"))
    found = choose_soundtrack(tracks, None)
    assert found is not None and found.id == "mono"
    only = choose_soundtrack(tracks[:1], None)
    assert only is not None and only.id == "said"


def test_of_the_streams_of_a_track_the_one_with_the_most_bits_is_heard() -> None:
    both = AdaptationSet("1", "audio", "audio/mp4", (sound_of("high", bandwidth_bps=192_000), sound_of("low")))
    found = choose_soundtrack((both,), None)
    assert found is not None and found.id == "high"


def pitch_hz(path: Path) -> tuple[float, int]:
    """The tone of a file, and how many channels it has."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray().sum(axis=0) for frame in container.decode(audio=0)]
        channels = container.streams.audio[0].channels
        rate = container.streams.audio[0].rate
    samples = np.concatenate(frames)[:rate]
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples)), channels


@pytest.mark.parametrize(
    ("options", "heard", "channels"),
    [
        ((), "en-stereo", 2),
        (("--audio", "en"), "en-stereo", 2),
        (("--audio", "2"), "en-surround", 6),
        (("--audio", "fra"), "fr-stereo", 2),
    ],
)
def test_what_is_asked_for_is_fetched_and_heard_and_nothing_else(
    options: tuple[str, ...],
    heard: str,
    channels: int,
    sounds_bundle_master: Path,
    serve: Any,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.mp4"
    with serve(sounds_bundle_master) as server:
        assert main([server.url, "--rung", "90", "--no-enhance", "--out", str(out), *options]) == 0
    assert {path.split("/")[2] for path in server.requests if path.startswith("/audio/")} == {heard}
    assert pitch_hz(out) == (pytest.approx(PITCHES_HZ[heard], abs=3), channels)


def test_a_wish_for_what_is_not_there_ends_before_anything_is_fetched(
    sounds_bundle_master: Path, serve: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, kept = tmp_path / "out.mp4", tmp_path / "kept"
    with serve(sounds_bundle_master) as server:
        assert main([server.url, "--audio", "ja", "--out", str(out), "--keep", str(kept)]) == 1
    assert server.requests == ["/manifest.mpd"]
    assert not out.exists() and not kept.exists()
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if "there is no sound track 'ja'; the manifest offers 1: " in line]) == 1
    assert not any("Traceback" in line for line in said)


def test_what_was_heard_is_what_is_kept(sounds_bundle_master: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert main([str(sounds_bundle_master), "--rung", "90", "--audio", "fr", "--keep", str(kept)]) == 0
    assert [r.id for r in open_bundle(kept).presentation.audio] == ["fr-stereo"]
    assert verify_bundle(kept).problems == ()
    assert main([str(kept), "--out", str(tmp_path / "again.mp4")]) == 0, "it is all that there is"
