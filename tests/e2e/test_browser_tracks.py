"""Names of sound tracks and subtitles on the page, and its choice: as `neudash play` names and chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

from manifests.model import AdaptationSet, Role
from manifests.mpd.tracks import append_channels
from player.errors import UnplayableError
from player.sound.choice import choose_soundtrack
from tests.support.presentations import sound_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass(frozen=True)
class Track:
    """A sound track, or subtitles if it has no channels."""

    language: str = ""
    label: str = ""
    role: Role | None = None
    channels: int = 2

    @property
    def of_page(self) -> dict[str, str | int]:
        return {"language": self.language, "label": self.label, "role": self.role or "", "channels": self.channels}

    def of_manifest(self, name: str) -> AdaptationSet:
        stream = sound_of(name, [1], channels=self.channels)
        language, label = self.language or None, self.label or None
        return AdaptationSet(name, "audio", "audio/mp4", (stream,), language, label, self.role)


FILM = (
    Track("en", "Director's commentary", "commentary"),
    Track("en", "English", "main", 6),
    Track("en", "English", "main"),
    Track("fr", "Audiodescription", "description"),
    Track("fr", "Français", "dub"),
    Track("pt-BR", "Português (Brasil)", "dub"),
    Track("de", "", "dub", 1),
)
WISHES = [
    *("en", "EN", "eng", "en-GB", "fr", "fre", "fra-CA", "pt", "pt-br", "pt-PT", "de", "ger", "ja", "klingon", "und"),
    *(
        "commentary",
        "Description",
        "main",
        "dub",
        "français",
        "brasil",
        "Director's",
        "1",
        "2",
        "5",
        "7",
        "0",
        "8",
        "99",
    ),
]


@pytest.fixture(scope="module")
def lab(lab_url: str, browser_page: Callable[..., Any]) -> Any:
    page = browser_page(lab_url)
    page.wait_for_function("window.ready")
    return page


def test_the_page_takes_the_track_that_neudash_play_takes(lab: Any) -> None:
    sets = [track.of_manifest(str(index)) for index, track in enumerate(FILM)]

    def taken(wish: str) -> int:
        try:
            found = choose_soundtrack(sets, wish)
        except UnplayableError:
            return -1
        assert found is not None
        return int(found.id)

    tracks = [track.of_page for track in FILM]
    found = lab.evaluate("([tracks, wishes]) => wishes.map((w) => lab.wantedTrack(tracks, w))", [tracks, WISHES])
    assert dict(zip(WISHES, found, strict=True)) == {wish: taken(wish) for wish in WISHES}
    assert {-1, *range(len(FILM))} == set(found)
    assert lab.evaluate("(tracks) => lab.mainTrack(tracks)", tracks) == 2
    assert lab.evaluate("() => lab.mainTrack([])") == -1


def test_the_page_counts_the_channels_of_a_manifest_as_its_writer_does(lab: Any) -> None:
    written = {}
    for channels in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 24):
        element = etree.Element("Representation")
        append_channels(element, channels)
        written[channels] = int(element[0].get("value"))
    found = lab.evaluate("(written) => written.map(lab.channelsOf)", list(written.values()))
    assert found == list(written)


def test_the_choice_of_before_is_found_again_by_all_that_is_known_of_it_then_by_less(lab: Any) -> None:
    def like(before: Track, *tracks: Track) -> int:
        return int(
            lab.evaluate(
                "([tracks, before]) => lab.likeTrack(tracks, before)", [[t.of_page for t in tracks], before.of_page]
            )
        )

    for index, track in enumerate(FILM):
        assert like(track, *FILM) == index
    surround = Track("en", "English", "main", 6)
    assert like(surround, Track("en", "Original", "main", 2), Track("en", "Original", "main", 6)) == 1
    assert like(surround, Track("fr", "English", "main", 6), Track("en", "Original", "main", 2)) == 1
    assert like(surround, Track("en", "English", "commentary", 6), Track("fr", "Français", "main", 6)) == -1


@pytest.mark.parametrize(
    ("tracks", "names"),
    [
        (FILM[:3], ["Director's commentary", "English, 5.1", "English, stereo"]),
        ((Track("fr", role="dub"), Track("en-GB", role="main")), ["French", "British English"]),
        ((Track("eng"), Track("en", role="commentary")), ["English", "English, commentary"]),
        ((Track(), Track(), Track("und", channels=6)), ["Menu, stereo (1)", "Menu, stereo (2)", "Menu, 5.1"]),
        ((Track("qaa"), Track("no language"), Track("en", "<b>x</b>")), ["qaa", "Menu", "<b>x</b>"]),
        ((Track("en", channels=3), Track("en", channels=8)), ["English, 3 channels", "English, 7.1"]),
        (
            (
                Track("en", role="subtitle", channels=0),
                Track("en", role="caption", channels=0),
                Track("en", role="forced-subtitle", channels=0),
                Track("de", "Deutsch", "caption", 0),
                Track("de", "Deutsch", "subtitle", 0),
            ),
            ["English", "English, for the deaf", "English, forced", "Deutsch (4)", "Deutsch (5)"],
        ),
    ],
)
def test_no_two_tracks_have_the_same_name(lab: Any, tracks: tuple[Track, ...], names: list[str]) -> None:
    tracks_of_page = [track.of_page for track in tracks]
    assert lab.evaluate("(tracks) => lab.namesOf(tracks, 'Menu')", tracks_of_page) == names
