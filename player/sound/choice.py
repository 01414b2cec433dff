"""Choice of a session's sound track: by language, label, role or number. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from manifests.languages import bcp47
from manifests.model import AdaptationSet, AudioRepresentation, Role
from player.errors import UnplayableError

_STEREO = 2
_MANY_DIGITS = 9
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_LATER: tuple[Role | None, ...] = ("commentary", "description", "supplementary")
"""Roles that nobody hears who did not ask for them, if there is another track."""


def choose_soundtrack(sets: Sequence[AdaptationSet], wish: str | None) -> AudioRepresentation | None:
    """Returns the sound to play: of the track that meets `wish`, or of the main one without a wish.

    A wish is a number from 1 in the order of the manifest, a language (a tag, a code or a name), a role, or a label or
    a part of one; the first of these that a track meets counts. Among several tracks the main one is taken, and stereo
    before surround. None if there is no sound and no wish. Raises UnplayableError for a wish that no track meets.
    """
    tracks = [s for s in sets if s.content_type == "audio"]
    found = tracks if wish is None else _meeting(tracks, wish)
    if wish is not None and not found:
        offered = "; ".join(f"{number}: {_described(track)}" for number, track in enumerate(tracks, start=1))
        raise UnplayableError(f"there is no sound track {wish[:40]!r}; the manifest offers {offered or 'no sound'}")
    if not found:
        return None
    return max(min(found, key=_preference).sound, key=lambda r: r.bandwidth_bps)


def _meeting(tracks: Sequence[AdaptationSet], wish: str) -> Sequence[AdaptationSet]:
    if wish.isdecimal() and len(wish) < _MANY_DIGITS:
        return tracks[int(wish) - 1 : int(wish)] if int(wish) else ()
    word = wish.casefold()
    tests: tuple[Callable[[AdaptationSet], bool], ...] = (
        lambda track: _speaks(track.language, wish),
        lambda track: track.role == word,
        lambda track: (track.label or "").casefold() == word,
        lambda track: word != "" and word in (track.label or "").casefold(),
    )
    return next((found for test in tests if (found := [track for track in tracks if test(track)])), ())


def _speaks(language: str | None, wish: str) -> bool:
    """Returns True if `language` meets the wish: `en` takes `en-GB`, and `en-GB` takes `en`."""
    if language is None:
        return False
    spoken, wanted = _tag(language).split("-"), _tag(wish).split("-")
    shorter = min(len(spoken), len(wanted))
    return spoken[:shorter] == wanted[:shorter]


def _tag(language: str) -> str:
    """Returns the language in its shortest form and lower case."""
    return (bcp47(language) or language).lower()


def _preference(track: AdaptationSet) -> tuple[int, bool]:
    """The least is taken first."""
    role = 0 if track.role == "main" else 2 if track.role in _LATER else 1
    return role, _channels(track) > _STEREO


def _channels(track: AdaptationSet) -> int:
    return track.sound[0].audio.channels


def _described(track: AdaptationSet) -> str:
    """A line for a menu, such as `Français (fr, dub, stereo)`."""
    channels = _channels(track)
    facts = (track.language, track.role, _LAYOUTS.get(channels, f"{channels} channels"))
    told = ", ".join(fact for fact in facts if fact is not None)
    return told if track.label is None else f"{track.label} ({told})"
