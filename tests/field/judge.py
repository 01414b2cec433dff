"""Compares what came out of an input with what is right for it: each complaint is one sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from tests.field.eyes import CORNERS, Picture, Seen, Sound, Window, grey_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDE = Fraction(16, 9)
FRAME_OF_SOUND_S = 1024 / 48000
"""The AAC encoder's start takes the place of so much sound at the beginning; the sound ends up to so much late."""
BT709_TAGS = (1, 1, 1, 1)
FALSE_ALARMS = (r"damage|cut off|promises", r"varies", r"left out", r"could not")
"""Words that say something is wrong with an input; nothing is, unless the input's own row says so."""
SHAPE_TOLERANCE = Fraction(1, 500)


@dataclass(frozen=True)
class Track:
    """A sound track that must be there."""

    channels: int
    """Lowest number of channels."""
    language: str | None = None


@dataclass(frozen=True)
class Right:
    """Pictures and sound that the bundle of one input must have."""

    codes: Sequence[int | None]
    """The number that each frame shows, in order; None for a frame that may show anything."""
    rate: Fraction = Fraction(24)
    """Rate of `codes`, in frames a second."""
    loose_frames: int = 0
    """Frames by which pictures may be earlier or later, and the film longer or shorter."""
    any_rate: bool = False
    """True if the bundle may have another rate. Its pictures are then compared by their times, `loose_frames` apart."""
    shape: Fraction = WIDE
    shape_tolerance: Fraction = SHAPE_TOLERANCE
    turn: str = "upright"
    window: Window | None = None
    """The part of the test picture that is kept; None for all of it, perhaps inside bars."""
    corners: Literal["colour", "grey", "none"] = "colour"
    corner_levels: int = 14
    white: int = 215
    """The box in the middle must become at least so bright where it flashes."""
    flashes_s: Sequence[float] | None = (0, 1, 2, 3)
    """Times at which the box in the middle turns white, to one frame; None: not looked at."""
    clicks_s: Sequence[float] | None = (0, 1, 2, 3)
    """Times at which the first sound clicks, to `sound_ms`; None: there is no sound."""
    sound_ms: int = 25
    stray_clicks: bool = False
    """True if damage may cause other clicks."""
    pitch_hz: int | None = None
    """Pitch of the first sound, to 3 %."""
    tracks: Sequence[Track] | None = None
    """All sound tracks, in any order; None: one or more."""
    texts: Sequence[str | None] = ()
    """The languages of the subtitles, in order."""
    says: Sequence[str] = ()
    """Patterns that must be found in what the command says; upper and lower case are the same."""
    never: Sequence[str] | None = None
    """Patterns that must not; None: FALSE_ALARMS, or nothing if something has to be said."""
    or_refused: str = ""
    """A pattern of the sentence with which the input may be refused instead."""
    readable: int = 0x3FF
    """The bits of the numbers that can be read. A box that turns over in every field looks to a deinterlacer that heeds
    motion (bwdif, yadif) exactly like one that stands still and is striped, so the lowest bit of 50i cannot be."""


@dataclass(frozen=True)
class Refused:
    """An input that must end in one sentence and status 1."""

    sentence: str
    """A pattern that must be found in it."""


@dataclass(frozen=True)
class OneOf:
    """An input of which more than one reading is right."""

    readings: tuple[Right, ...]


Expectation = Right | Refused | OneOf


@dataclass(frozen=True)
class Outcome:
    """The outcome of `neudash package` for an input."""

    status: int | None
    """None: not done in time."""
    said: str
    """All of standard error."""
    seen: Seen | None = None
    """None if there is not a bundle."""
    unplayable: str = ""
    """Why the bundle could not be looked at."""


def complaints(right: Expectation, outcome: Outcome) -> list[str]:
    """Everything that is wrong with the outcome, by the reading that fits best; empty if it is right."""
    if isinstance(right, OneOf):
        return min((complaints(reading, outcome) for reading in right.readings), key=len)
    if outcome.status is None:
        return ["it was not done in time"]
    if "Traceback" in outcome.said:
        return [f"a traceback: {outcome.said.strip().splitlines()[-1]}"]
    if isinstance(right, Refused):
        return _refusal(right.sentence, outcome)
    if outcome.status != 0:
        return _refusal(right.or_refused, outcome) if right.or_refused else [f"refused: {outcome.said.strip()}"]
    if outcome.seen is None:
        return [f"the bundle does not play: {outcome.unplayable}"]
    return list(_bundle(right, outcome.said, outcome.seen))


def _refusal(sentence: str, outcome: Outcome) -> list[str]:
    if outcome.status == 0:
        return [f"it was packaged, and should end in a sentence with /{sentence}/"]
    lines = outcome.said.strip().splitlines()
    # A name may have a line feed in it.
    if outcome.status != 1 or len(lines) != 1 or not lines[0].startswith("neudash package: "):
        return [f"status {outcome.status} and {len(lines)} lines instead of 1 and one sentence: {outcome.said.strip()}"]
    return [] if re.search(sentence, lines[0], re.IGNORECASE) else [f"the sentence lacks /{sentence}/: {lines[0]}"]


def _bundle(right: Right, said: str, seen: Seen) -> Iterator[str]:
    yield from (f"verify: {problem}" for problem in seen.problems)
    yield from _frames(right, seen.picture)
    yield from _geometry(right, seen.picture)
    yield from _light(right, seen.picture)
    yield from _lengths(seen)
    yield from _sounds(right, seen)
    yield from _hls(seen)
    if seen.texts != tuple(right.texts):
        yield f"subtitles {list(seen.texts)} instead of {list(right.texts)}"
    yield from (f"nothing is said of /{words}/" for words in right.says if not re.search(words, said, re.IGNORECASE))
    never = right.never if right.never is not None else () if right.says else FALSE_ALARMS
    if any(re.search(words, said, re.IGNORECASE) for words in never):
        yield f"a false alarm: {said.strip()}"


def _frames(right: Right, picture: Picture) -> Iterator[str]:
    if picture.frame_rate != right.rate and not right.any_rate:
        yield f"{picture.frame_rate} frames a second instead of {right.rate}"
    steps = [time * picture.frame_rate - number for number, time in enumerate(picture.times_s)]
    if off := [number for number, step in enumerate(steps) if abs(step) > Fraction(1, 100)]:
        yield f"frame {off[0]} is not on the grid of {picture.frame_rate} frames a second"
    visible = right.readable & (right.window.visible_bits if right.window else -1)
    shown = [code & visible for code in picture.codes]
    wanted = [None if code is None else code & visible for code in right.codes]
    rate = picture.frame_rate if right.any_rate else right.rate
    if abs(len(picture.codes) / rate - len(wanted) / right.rate) > right.loose_frames / right.rate:
        yield f"{len(picture.codes)} frames instead of {len(wanted)}"
    if right.loose_frames:
        yield from _about(wanted, shown, right.loose_frames, rate / right.rate)
    else:
        yield from _exactly(wanted, shown)


def _exactly(wanted: Sequence[int | None], codes: Sequence[int]) -> Iterator[str]:
    """The first difference; the rest follows from it, as a rule."""
    for number, (right, code) in enumerate(zip(wanted, codes, strict=False)):
        if right is not None and right != code:
            yield f"frame {number} shows {code} instead of {right}{_lost_and_doubled(wanted, codes)}"
            return


def _about(
    wanted: Sequence[int | None], codes: Sequence[int], loose_frames: int, frames_per_frame: Fraction
) -> Iterator[str]:
    """Each picture first shown about when it should be, and none missing."""
    if any(later < earlier for earlier, later in pairwise(codes)):
        yield "the frames are out of order"
    for code in dict.fromkeys(code for code in wanted if code is not None):
        if code not in codes:
            yield f"frame {code} of the source is missing{_lost_and_doubled(wanted, codes)}"
            return
        shown, right = codes.index(code), wanted.index(code) * frames_per_frame
        if abs(shown - right) > loose_frames * frames_per_frame:
            yield f"frame {code} of the source is frame {shown} instead of {float(right):.1f}"
            return


def _lost_and_doubled(wanted: Sequence[int | None], codes: Sequence[int]) -> str:
    lost = [code for code in dict.fromkeys(wanted) if code is not None and code not in set(codes)]
    doubled = len(codes) - len(set(codes)) - (len(wanted) - len(set(wanted)))
    return f" ({len(lost)} lost{': ' if lost else ''}{', '.join(map(str, lost[:5]))}; {max(doubled, 0)} doubled)"


def _geometry(right: Right, picture: Picture) -> Iterator[str]:
    if abs(picture.shape / right.shape - 1) > right.shape_tolerance:
        yield f"the shape is {float(picture.shape):.4g} instead of {float(right.shape):.4g}"
    if right.corners != "none" and right.window is None and picture.turn != right.turn:
        yield f"the picture is {picture.turn} instead of {right.turn}"


def _light(right: Right, picture: Picture) -> Iterator[str]:
    if picture.tags != BT709_TAGS:
        yield f"primaries, transfer, matrix, range are tagged {picture.tags} instead of {BT709_TAGS}"
    wrong = {point: colour for point, colour in picture.corners.items() if right.corners != "none"}
    for point, colour in wrong.items():
        wanted = grey_of(CORNERS[point]) if right.corners == "grey" else CORNERS[point]
        if max(abs(a - b) for a, b in zip(colour, wanted, strict=True)) > right.corner_levels:
            yield f"the corner that is {wanted} in the source is {colour}"
    if right.flashes_s and picture.white < right.white:
        yield f"white is {picture.white} instead of {right.white} or more"
    if right.flashes_s is None:
        return
    one_frame_s = (1 + right.loose_frames) / float(picture.frame_rate)
    late_s = [_next_to(flash, picture.flashes_s, one_frame_s) for flash in right.flashes_s]
    yield from (f"no flash at {at:g} s" for at, found in zip(right.flashes_s, late_s, strict=True) if found is None)
    if len(picture.flashes_s) > len(right.flashes_s) and None not in right.codes:
        yield f"flashes at {_list(picture.flashes_s)} s instead of {_list(right.flashes_s)}"


def _lengths(seen: Seen) -> Iterator[str]:
    picture = seen.picture
    length_s = len(picture.codes) / picture.frame_rate
    if abs(seen.duration_s - length_s) > Fraction(1, 1000):
        yield f"the manifest says {float(seen.duration_s):.3f} s, the picture lasts {float(length_s):.3f} s"
    for rung, frames in seen.rung_frames.items():
        if frames != len(picture.codes):
            yield f"rung {rung} has {frames} frames, {picture.id} has {len(picture.codes)}"
    for sound in seen.sounds:
        if not float(length_s) - 0.001 <= sound.length_s <= float(length_s) + 2 * FRAME_OF_SOUND_S:
            yield f"sound {sound.id} lasts {sound.length_s:.3f} s, the picture {float(length_s):.3f} s"


def _sounds(right: Right, seen: Seen) -> Iterator[str]:
    for sound in seen.sounds:
        if sound.jumps_s:
            yield f"sound {sound.id} has {len(sound.jumps_s)} jumps, the first at {sound.jumps_s[0]} s"
        if sound.language is not None and not re.fullmatch(r"[a-z]{2}(-\w+)*", sound.language):
            yield f"the language {sound.language!r} is not a shortest tag of BCP 47"
    if right.clicks_s is None:
        if seen.sounds:
            yield "there is sound, and the source has none"
        return
    if not seen.sounds:
        yield "there is no sound"
        return
    yield from _tracks(right, seen)
    yield from _clicks(right, seen.sounds[0], float(seen.duration_s))
    pitch = seen.sounds[0].pitch_hz
    if right.pitch_hz and abs(pitch / right.pitch_hz - 1) > 0.03:
        yield f"the sound is {pitch} Hz instead of {right.pitch_hz}: it is that of another picture"


def _tracks(right: Right, seen: Seen) -> Iterator[str]:
    found = [f"{sound.channels} channels{f' {sound.language}' if sound.language else ''}" for sound in seen.sounds]
    if right.tracks is not None:
        left = list(seen.sounds)
        for track in sorted(right.tracks, key=lambda track: -track.channels):
            fits = [s for s in left if s.channels >= track.channels and s.language == track.language]
            if not fits:
                yield f"no track of {track.channels} channels, language {track.language}; there are: {', '.join(found)}"
                return
            left.remove(max(fits, key=lambda sound: sound.channels))
        if left:
            yield f"{len(seen.sounds)} sound tracks instead of {len(right.tracks)}: {', '.join(found)}"
    if any(re.fullmatch(r"[at]\d+.*", name) for name, _ in seen.playlist.names) and len(seen.playlist.names) > 1:
        yield f"the playlist names the tracks {', '.join(name for name, _ in seen.playlist.names)}"


def _clicks(right: Right, sound: Sound, duration_s: float) -> Iterator[str]:
    assert right.clicks_s is not None, "asked of an input with sound"
    wanted = [max(at_s, FRAME_OF_SOUND_S) for at_s in right.clicks_s]
    heard = [at_s for at_s in sound.clicks_s if at_s < duration_s - 0.01]
    for at_s in wanted:
        off_s = _next_to(at_s, heard, 0.5)
        if off_s is None:
            yield f"no click at {at_s:.3f} s (heard: {_list(heard)})"
        elif abs(off_s) * 1000 > right.sound_ms:
            yield f"the click of {at_s:.3f} s is {off_s * 1000:+.0f} ms off"
    if len(heard) > len(wanted) and not right.stray_clicks:
        yield f"clicks at {_list(heard)} s instead of {_list(wanted)}"


def _hls(seen: Seen) -> Iterator[str]:
    playlist, frames = seen.playlist, len(seen.picture.codes)
    if playlist.pictures != frames:
        yield f"over HLS there are {playlist.pictures} frames instead of {frames}"
    if (playlist.sound_end_s is None) != (not seen.sounds):
        yield "over HLS there is " + ("no sound" if seen.sounds else "sound")
    elif (
        playlist.sound_end_s is not None and abs(playlist.sound_end_s - seen.sounds[0].length_s) > 2 * FRAME_OF_SOUND_S
    ):
        yield f"over HLS the sound ends at {playlist.sound_end_s:.3f} s instead of {seen.sounds[0].length_s:.3f}"


def _next_to(at_s: float, found: Sequence[float], within_s: float) -> float | None:
    """Returns the delay of the nearest one after `at_s`; None if none is near."""
    nearest = min((one - at_s for one in found), key=abs, default=within_s + 1)
    return nearest if abs(nearest) <= within_s + 1e-6 else None


def _list(times_s: Sequence[float]) -> str:
    return ", ".join(f"{time_s:.3f}" for time_s in times_s[:12]) or "none"
