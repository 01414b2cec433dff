"""The renditions of an HLS master playlist: tracks of sound in groups of one format, and subtitles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from manifests.languages import bcp47, language_name
from manifests.model import AdaptationSet, AudioRepresentation, Presentation, Role, TextTrack
from manifests.names import playlist_href

TEXT_GROUP = "text"

_DESCRIBES_VIDEO = "public.accessibility.describes-video"
_TRANSCRIBES = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
_CHARACTERISTICS: dict[Role | None, str] = {"description": _DESCRIBES_VIDEO, "caption": _TRANSCRIBES}

_PART: dict[Role | None, str] = {
    "commentary": "commentary",
    "description": "audio description",
    "supplementary": "supplementary",
    "caption": "captions",
    "forced-subtitle": "forced",
}
"""Additions to the name of its language for a track without a label."""

_SPECIFIC: dict[Role | None, int] = {
    "supplementary": 1,
    "commentary": 1,
    "forced-subtitle": 1,
    "caption": 2,
    "description": 3,
}
"""Rank of each role from general to special; 0 for all others. Rule 9.17 wants tracks of one language in that order."""

_ON_REQUEST: tuple[Role | None, ...] = ("commentary", "supplementary")
"""Roles that a player never chooses by itself for the language of the system."""

_Format = tuple[str, int, int]
"""Codecs, channels, and the place among the bit rates of a track in that format."""


@dataclass(frozen=True)
class _Track:
    """The choice of a viewer; several sets if it is there in several formats."""

    set: AdaptationSet
    """The first of its sets: language, label and role are those of all."""
    formats: dict[_Format, AudioRepresentation]

    def in_format(self, wanted: _Format) -> AudioRepresentation:
        """The closest that it has: that format at the first bit rate, or its first format."""
        codecs, channels, _ = wanted
        first = next(iter(self.formats.values()))
        return self.formats.get(wanted) or self.formats.get((codecs, channels, 0)) or first


@dataclass(frozen=True)
class AudioGroup:
    """Every track of a presentation, in one format if the track has it."""

    id: str
    representations: tuple[AudioRepresentation, ...]
    """The first is the default."""
    lines: tuple[str, ...]
    """Its EXT-X-MEDIA tags."""


def audio_groups(p: Presentation) -> list[AudioGroup]:
    """A group for each format that any track of sound has; a track without it is there in another."""
    tracks = sorted(_tracks(p.audio_sets), key=lambda track: _SPECIFIC.get(track.set.role, 0))
    names = _distinct(_name(t.set.label, t.set.language, t.set.role, "Audio") for t in tracks)
    formats = list(dict.fromkeys(wanted for track in tracks for wanted in track.formats))
    groups = []
    for number, wanted in enumerate(formats, start=1):
        group_id = "audio" if number == 1 else f"audio{number}"
        chosen = tuple(track.in_format(wanted) for track in tracks)
        autoselect = _autoselect([(t.set.language, t.set.role) for t in tracks])
        lines = tuple(
            _audio_line(group_id, name, track.set, r, default=index == 0, autoselect=index in autoselect)
            for index, (name, track, r) in enumerate(zip(names, tracks, chosen, strict=True))
        )
        groups.append(AudioGroup(group_id, chosen, lines))
    return groups


def _tracks(sets: Iterable[AdaptationSet]) -> list[_Track]:
    """Sets of one language, label and role are one track, unless both have the same format: then they are two."""
    tracks: list[_Track] = []
    for s in sets:
        formats: dict[_Format, AudioRepresentation] = {}
        for r in s.sound:
            place = sum(known[:2] == (r.codecs, r.audio.channels) for known in formats)
            formats[r.codecs, r.audio.channels, place] = r
        for track in tracks:
            same = (track.set.language, track.set.label, track.set.role) == (s.language, s.label, s.role)
            if same and not track.formats.keys() & formats.keys():
                track.formats.update(formats)
                break
        else:
            tracks.append(_Track(s, formats))
    return tracks


def subtitle_lines(tracks: Iterable[TextTrack]) -> list[str]:
    """The EXT-X-MEDIA tags of subtitles."""
    ordered = sorted(tracks, key=lambda track: _SPECIFIC.get(track.role, 0))
    names = _distinct(_name(t.label, t.language, t.role, "Subtitles") for t in ordered)
    autoselect = _autoselect([(t.language, t.role) for t in ordered])
    return [
        _text_line(name, t, autoselect=i in autoselect) for i, (name, t) in enumerate(zip(names, ordered, strict=True))
    ]


def _audio_line(
    group_id: str, name: str, s: AdaptationSet, r: AudioRepresentation, *, default: bool, autoselect: bool
) -> str:
    return _media_line(
        "TYPE=AUDIO",
        f'GROUP-ID="{group_id}"',
        f'NAME="{name}"',
        f'LANGUAGE="{_language(s.language)}"',
        f"DEFAULT={_yes(default)}",
        f"AUTOSELECT={_yes(default or autoselect)}",
        *_characteristics(s.role),
        f'CHANNELS="{r.audio.channels}"',
        f'URI="{playlist_href(r.id)}"',
    )


def _text_line(name: str, track: TextTrack, *, autoselect: bool) -> str:
    forced = track.role == "forced-subtitle"
    return _media_line(
        "TYPE=SUBTITLES",
        f'GROUP-ID="{TEXT_GROUP}"',
        f'NAME="{name}"',
        f'LANGUAGE="{_language(track.language)}"',
        "DEFAULT=NO",
        f"AUTOSELECT={_yes(autoselect)}",
        *(["FORCED=YES"] if forced else []),
        *_characteristics(track.role),
        f'URI="{playlist_href(track.id)}"',
    )


def _media_line(*attributes: str) -> str:
    return "#EXT-X-MEDIA:" + ",".join(attributes)


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


def _characteristics(role: Role | None) -> list[str]:
    return [f'CHARACTERISTICS="{_CHARACTERISTICS[role]}"'] if role in _CHARACTERISTICS else []


def _language(text: str | None) -> str:
    """The shortest tag, `und` without one: HLS wants the attribute in every tag (rule 8.10)."""
    return bcp47(text) or text or "und"


def _name(label: str | None, language: str | None, role: Role | None, otherwise: str) -> str:
    if label is None:
        tag = bcp47(language) or language
        label = language_name(tag) if tag else otherwise
        if role in _PART:
            label = f"{label} ({_PART[role]})"
    return label.replace('"', "'")  # an attribute in quotes cannot hold one


def _distinct(names: Iterable[str]) -> list[str]:
    """The names, with a number behind those that were there before (RFC 8216bis, 4.4.6.1.1)."""
    found: list[str] = []
    for name in names:
        numbered = (name if n == 1 else f"{name} {n}" for n in range(1, len(found) + 2))
        found.append(next(candidate for candidate in numbered if candidate not in found))
    return found


def _autoselect(tracks: list[tuple[str | None, Role | None]]) -> set[int]:
    """Returns indices of the tracks that a player may choose by itself: one for each language and purpose."""
    first: dict[tuple[str, str | None, bool], int] = {}
    for index, (language, role) in enumerate(tracks):
        if role not in _ON_REQUEST:
            first.setdefault((_language(language), _CHARACTERISTICS.get(role), role == "forced-subtitle"), index)
    return set(first.values())
