"""Choice of a source's sound for a bundle, as tracks with names that a viewer can choose by: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from manifests.languages import bcp47
from manifests.model import Role
from media.sound.mixing import STEREO, SURROUND, has_surround, is_named
from media.source.probe import AudioInfo, SourceInfo
from packager.errors import SoundError
from packager.sound.labels import label_of, numbered, unique_labels

AudioWish = Literal["all", "default", "none"] | tuple[int | str, ...]
"""A wish for sound, as `--audio` states it; the tuple holds numbers of streams and BCP 47 tags."""

MAX_TRACKS = 16
STEREO_BPS = 128_000
SURROUND_BPS = 384_000

SAME_LENGTH_S = Fraction(1, 5)
"""Tracks of one recording differ by less: cameras end them at different packets."""
_SERVICES = ("mpegts", "mpeg")
"""Containers of broadcasts and discs, whose mono tracks are languages or commentaries, not microphones."""


@dataclass(frozen=True)
class SoundTrack:
    """One thing to listen to: a stream of the source, or several mono streams that belong together."""

    id: str
    """Id of its stereo representation."""
    surround_id: str | None
    """Id of its 5.1 representation; None if the source has nothing to fill one with."""
    streams: tuple[int, ...]
    """Numbers of the streams within the file."""
    joined: tuple[str, ...] = ()
    """The channel that each of several streams is; empty for a single stream."""
    language: str | None = None
    label: str | None = None
    role: Role = "main"

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of its representations, stereo first."""
        return (self.id,) if self.surround_id is None else (self.id, self.surround_id)

    @property
    def outputs(self) -> tuple[tuple[str, ...], ...]:
        """The channels of its representations, stereo first."""
        return (STEREO,) if self.surround_id is None else (STEREO, SURROUND)

    def to_json(self) -> dict[str, Any]:
        """Returns the plan as part of the settings of a bundle."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


@dataclass(frozen=True)
class SoundPlan:
    """All sound of a bundle."""

    tracks: tuple[SoundTrack, ...] = ()
    """The one that plays when nobody chooses is the first."""
    notes: tuple[str, ...] = ()
    """Sentences on what becomes of the source's channels."""
    warnings: tuple[str, ...] = ()
    """Sentences on what is left out."""


@dataclass(frozen=True)
class _Candidate:
    """A track before it has names."""

    streams: tuple[AudioInfo, ...]
    joined: tuple[str, ...] = ()

    @property
    def first(self) -> AudioInfo:
        return self.streams[0]

    @property
    def channels(self) -> tuple[str, ...]:
        return self.joined or self.first.channels

    @property
    def text(self) -> str:
        return _described(self.streams)


def _described(streams: Sequence[AudioInfo]) -> str:
    """Streams of one kind: `audio 1, 2 and 3 (aac, fr)`."""
    first, *others = (str(stream.index) for stream in streams)
    numbers = f"{', '.join([first, *others[:-1]])} and {others[-1]}" if others else first
    return described(streams[0]).replace(first, numbers, 1)


def parse_audio(text: str) -> AudioWish:
    """`all`, `default`, `none`, or languages and numbers of streams such as `en,fr` and `1,3`. Raises SoundError."""
    if text in ("all", "default", "none"):
        return text  # type: ignore[return-value]  # one of the three literals
    wishes: list[int | str] = []
    for part in (part.strip() for part in text.split(",")):
        language = bcp47(part)
        if part.isascii() and part.isdecimal() and len(part) < 5:
            wishes.append(int(part))
        elif language is not None:
            wishes.append(language)
        else:
            raise SoundError(f"{part[:40]!r} is neither a language such as en, nor the number of a stream, nor all")
    return tuple(wishes)


def described(stream: AudioInfo) -> str:
    """A stream in messages: `audio 2 (aac, fr)`."""
    return f"audio {stream.index} ({', '.join(filter(None, (stream.codec, stream.language)))})"


def plan_sound(info: SourceInfo, wish: AudioWish) -> SoundPlan:
    """The tracks of a source that are asked for, main first. Raises SoundError if one is not there."""
    if wish == "none":
        return SoundPlan()
    streams = _asked_for(info, wish)
    candidates, left_out = _joined(streams, info.format)
    candidates.sort(key=_rank)
    if wish == "default":
        candidates, left_out = candidates[:1], []
    warnings = []
    if left_out:
        warnings.append(
            f"left out: {_described(left_out)}, more mono tracks of the recording whose first two are left and right; "
            f"--audio {','.join(str(stream.index) for stream in left_out)} takes them instead"
        )
    if len(candidates) > MAX_TRACKS:
        beyond = ", ".join(c.text for c in candidates[MAX_TRACKS:])
        warnings.append(f"a bundle holds {MAX_TRACKS} sound tracks; left out: {beyond}; choose others with --audio")
    candidates = candidates[:MAX_TRACKS]
    return SoundPlan(_named(candidates), tuple(_notes(candidates)), tuple(warnings))


def _asked_for(info: SourceInfo, wish: AudioWish) -> Sequence[AudioInfo]:
    if isinstance(wish, str):
        return info.audio
    chosen = []
    for one in wish:
        found = [stream for stream in info.audio if _meets(stream, one)]
        if not found:
            there = f"it has {', '.join(map(described, info.audio))}" if info.audio else "it has no sound"
            what = f"audio {one}" if isinstance(one, int) else f"sound in {one!r}"
            raise SoundError(f"{info.name!r} has no {what}; {there}")
        chosen += [stream for stream in found if stream not in chosen]
    return chosen


def _meets(stream: AudioInfo, wish: int | str) -> bool:
    if isinstance(wish, int):
        return stream.index == wish
    return stream.language is not None and f"{stream.language}-".startswith(f"{wish}-")


def _joined(streams: Sequence[AudioInfo], container: str) -> tuple[list[_Candidate], list[AudioInfo]]:
    """Each stream by itself, or mono streams of one recording as one; and the streams that are left out."""
    if len(streams) < 2 or container in _SERVICES or not _is_one_recording(streams):
        return [_Candidate((stream,)) for stream in streams], []
    names = tuple(stream.channels[0] for stream in streams)
    if is_named(names):  # a master with a track for each loudspeaker
        return [_Candidate(tuple(streams), names)], []
    return [_Candidate(tuple(streams[:2]), STEREO)], list(streams[2:])


def _is_one_recording(streams: Sequence[AudioInfo]) -> bool:
    first = streams[0]
    return all(
        len(stream.channels) == 1
        and (stream.codec, stream.sample_rate_hz) == (first.codec, first.sample_rate_hz)
        and (stream.language, stream.title) == (first.language, first.title)
        and not set(stream.dispositions) - {"default"}
        and abs((stream.duration_s or Fraction(0)) - (first.duration_s or Fraction(0))) < SAME_LENGTH_S
        for stream in streams
    )


def _rank(candidate: _Candidate) -> tuple[bool, bool, int]:
    """Sorts first what a player should sound when nobody chooses."""
    is_default = any("default" in stream.dispositions for stream in candidate.streams)
    return _special_role(candidate.first) in ("commentary", "description"), not is_default, candidate.first.index


def _special_role(stream: AudioInfo) -> Role | None:
    """Returns the role of a stream that is not the main sound, if the file states one."""
    title = (stream.title or "").lower()
    if "comment" in stream.dispositions or "commentary" in title:
        return "commentary"
    if "visual_impaired" in stream.dispositions or "audio description" in title:
        return "description"
    return "dub" if "dub" in stream.dispositions else None


def _named(candidates: Sequence[_Candidate]) -> tuple[SoundTrack, ...]:
    tags = [candidate.first.language or "und" for candidate in candidates]
    suffixes = [f"-{name}" for name in numbered(tags, "-")] if len(candidates) > 1 else [""] * len(candidates)
    tracks = [_track(candidate, suffix) for candidate, suffix in zip(candidates, suffixes, strict=True)]
    tracks = [replace(track, role="main") if number == 0 else track for number, track in enumerate(tracks)]
    labels = unique_labels([(track.label, track.role) for track in tracks], "Track")
    return tuple(replace(track, label=label) for track, label in zip(tracks, labels, strict=True))


def _track(candidate: _Candidate, suffix: str) -> SoundTrack:
    stream = candidate.first
    return SoundTrack(
        id=f"a{STEREO_BPS // 1000}{suffix}",
        surround_id=f"a{SURROUND_BPS // 1000}{suffix}-51" if has_surround(candidate.channels) else None,
        streams=tuple(stream.index for stream in candidate.streams),
        joined=candidate.joined,
        language=stream.language,
        label=label_of(stream.title, stream.language),
        role=_special_role(stream) or "alternate",
    )


def _notes(candidates: Iterable[_Candidate]) -> Iterator[str]:
    for candidate in candidates:
        count = len(candidate.channels)
        if candidate.joined == STEREO:
            yield f"{candidate.text} are mono: taken for left and right of one recording"
        elif candidate.joined:
            yield f"{candidate.text} are mono, a track for each loudspeaker: put together to {count} channels"
        if count > 2:
            yield f"{candidate.text}: {_mixed(candidate.channels)}; loudness is otherwise left as it is"


def _mixed(channels: tuple[str, ...]) -> str:
    count = len(channels)
    if not is_named(channels):
        return (
            f"its {count} channels have no names and are mixed to the left and the right by turns, so that none clips"
        )
    mixed = f"its {count} channels are mixed to stereo, centre and surrounds 3 dB lower, so that none clips"
    if not has_surround(channels):
        return mixed
    if count > len(SURROUND):
        return f"{mixed}, and to 5.1 as well, which more players take than {count} channels"
    return f"{mixed}, and kept as 5.1 as well"
