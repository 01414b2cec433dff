"""The eyes of the field tests see what is there, and the judge misses none of the faults that the field showed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from manifests.bundle import open_bundle
from media.frames import Frame, Plane, decode_segment
from packager.cli import main
from tests.field.expected import MIDDLE_OF_WIDE, held
from tests.field.eyes import CORNERS, LETTERBOX, PILLARS, WHOLE, Seen, Window, look, onsets_s, pitch_hz, turn_of
from tests.field.inputs import Maker
from tests.field.judge import Outcome, Refused, Right, complaints
from tests.field.kinds import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPTIONS = ("--rungs", "54@crf20,108@crf20", "--preset", "ultrafast", "--segment-seconds", "1", "--quiet")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ordinary small input, packaged: two rungs of 48 frames at 24 a second, two segments, one sound track."""
    folder = tmp_path_factory.mktemp("eyes")
    assert main([Maker(folder).base, "-o", str(folder / "bundle"), *OPTIONS]) == 0
    return folder / "bundle"


@pytest.fixture(scope="module")
def seen(bundle: Path) -> Seen:
    return look(bundle)


def test_the_eyes_see_what_was_drawn_and_hear_what_was_played(seen: Seen) -> None:
    picture = seen.picture
    assert picture.codes == tuple(range(48))
    assert picture.times_s == tuple(Fraction(number, 24) for number in range(48))
    assert (picture.width, picture.height, picture.turn, picture.tags) == (192, 108, "upright", (1, 1, 1, 1))
    assert picture.flashes_s == (0, 1)
    for point, colour in picture.corners.items():
        assert colour == pytest.approx(CORNERS[point], abs=6)
    [sound] = seen.sounds
    assert sound.clicks_s == pytest.approx([1024 / 48000, 1], abs=0.003)
    assert sound.pitch_hz == pytest.approx(1000, rel=0.03)
    assert (sound.channels, sound.jumps_s) == (2, ())
    assert seen.rung_frames == {"v54": 48, "v108": 48}
    assert seen.playlist.pictures == 48
    assert seen.problems == ()


def test_an_ordinary_bundle_is_right(seen: Seen) -> None:
    assert complaints(PLAIN, Outcome(0, "", seen)) == []


def _without_frame(seen: Seen, number: int) -> Seen:
    picture = seen.picture
    codes, times_s = picture.codes[:number] + picture.codes[number + 1 :], picture.times_s[:-1]
    return replace(seen, picture=replace(picture, codes=codes, times_s=times_s))


def _with_sound_late(seen: Seen, late_s: float) -> Seen:
    sound = seen.sounds[0]
    return replace(seen, sounds=(replace(sound, clicks_s=tuple(at_s + late_s for at_s in sound.clicks_s)),))


WRONG: dict[str, tuple[Callable[[Seen], Seen], str]] = {
    "the first frame lost": (lambda s: _without_frame(s, 0), "47 frames instead of 48"),
    "one frame lost, one doubled": (
        lambda s: replace(s, picture=replace(s.picture, codes=(*range(20), 21, 21, *range(22, 48)))),
        "frame 20 shows 21 instead of 20 (1 lost: 20; 1 doubled)",
    ),
    "time filled up": (
        lambda s: replace(s, picture=replace(s.picture, times_s=tuple(time * 2 for time in s.picture.times_s))),
        "frame 1 is not on the grid",
    ),
    "the rate of the demuxer": (
        lambda s: replace(s, picture=replace(s.picture, frame_rate=Fraction(25))),
        "25 frames a second instead of 24",
    ),
    "turned": (lambda s: replace(s, picture=replace(s.picture, turn="mirrored")), "the picture is mirrored"),
    "stretched": (lambda s: replace(s, picture=replace(s.picture, sar=Fraction(3, 4))), "the shape is 1.333"),
    "washed out": (
        lambda s: replace(s, picture=replace(s.picture, corners=dict.fromkeys(CORNERS, (150, 70, 45)))),
        "the corner that is (192, 32, 32) in the source is (150, 70, 45)",
    ),
    "tagged BT.2020": (lambda s: replace(s, picture=replace(s.picture, tags=(9, 1, 9, 1))), "are tagged (9, 1, 9, 1)"),
    "dark": (lambda s: replace(s, picture=replace(s.picture, white=150)), "white is 150"),
    "no flash": (lambda s: replace(s, picture=replace(s.picture, flashes_s=(0,))), "no flash at 1 s"),
    "sound late by 30 ms": (lambda s: _with_sound_late(s, 0.03), "the click of 1.000 s is +30 ms off"),
    "sound early by 600 ms": (lambda s: _with_sound_late(s, -0.6), "no click at 1.000 s"),
    "sound broken": (
        lambda s: replace(s, sounds=(replace(s.sounds[0], jumps_s=(1.5,)),)),
        "has 1 jumps, the first at 1.5 s",
    ),
    "sound too short": (lambda s: replace(s, sounds=(replace(s.sounds[0], length_s=1.9),)), "lasts 1.900 s"),
    "no sound": (lambda s: replace(s, sounds=()), "there is no sound"),
    "a language of three letters": (
        lambda s: replace(s, sounds=(replace(s.sounds[0], language="eng"),)),
        "'eng' is not a shortest tag",
    ),
    "a rung of other length": (lambda s: replace(s, rung_frames={"v54": 47, "v108": 48}), "rung v54 has 47 frames"),
    "too long in the manifest": (lambda s: replace(s, duration_s=Fraction(3602)), "the manifest says 3602.000 s"),
    "short over HLS": (lambda s: replace(s, playlist=replace(s.playlist, pictures=24)), "over HLS there are 24 frames"),
    "subtitles from nowhere": (lambda s: replace(s, texts=("en",)), "subtitles ['en'] instead of []"),
    "not sound": (lambda s: replace(s, problems=("a segment is missing",)), "verify: a segment is missing"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_fault_is_found(seen: Seen, fault: str) -> None:
    spoil, sentence = WRONG[fault]
    found = complaints(PLAIN, Outcome(0, "", spoil(seen)))
    assert any(sentence in complaint for complaint in found), found


def test_what_is_said_is_compared_with_what_should_be(seen: Seen) -> None:
    said = "neudash package: warning: it is damaged"
    assert complaints(PLAIN, Outcome(0, said, seen)) == [f"a false alarm: {said}"]
    wanted = replace(PLAIN, says=("damaged",))
    assert complaints(wanted, Outcome(0, said, seen)) == []
    assert complaints(wanted, Outcome(0, "", seen)) == ["nothing is said of /damaged/"]


@pytest.mark.parametrize(
    ("status", "said", "wrong"),
    [
        (1, "neudash package: 'a' is empty\n", []),
        (1, "neudash package: 'a' is full\n", ["the sentence lacks /empty/: neudash package: 'a' is full"]),
        (0, "", ["it was packaged, and should end in a sentence with /empty/"]),
        (None, "", ["it was not done in time"]),
        (1, "Traceback (most recent call last):\nKeyError: 1\n", ["a traceback: KeyError: 1"]),
    ],
)
def test_a_refusal_is_one_sentence(status: int | None, said: str, wrong: list[str]) -> None:
    assert complaints(Refused("empty"), Outcome(status, said)) == wrong


def test_a_refusal_of_what_should_be_packaged_is_wrong() -> None:
    assert complaints(PLAIN, Outcome(1, "neudash package: no\n")) == ["refused: neudash package: no"]
    accepting = replace(PLAIN, or_refused="not accepted")
    assert complaints(accepting, Outcome(1, "neudash package: GIF is not accepted\n")) == []


def test_a_varying_rate_may_be_off_by_some_frames_and_lose_none(seen: Seen) -> None:
    right = Right(held([0, 10, 20, 40], 48), loose_frames=1, flashes_s=(0, 1), clicks_s=(0, 1))

    def wrong(shown: list[int]) -> list[str]:
        picture = replace(seen.picture, codes=tuple(held(shown, 48)))
        return complaints(right, Outcome(0, "", replace(seen, picture=picture)))

    assert wrong([0, 10, 20, 40]) == []
    assert "frame 20 of the source is missing" in wrong([0, 10, 40])[0]


_TURNED: dict[str, Callable[[Plane], Plane]] = {
    "upright": lambda plane: plane,
    "clockwise": lambda plane: np.rot90(plane, 3),
    "upside down": lambda plane: np.rot90(plane, 2),
    "anticlockwise": lambda plane: np.rot90(plane, 1),
    "mirrored": lambda plane: plane[:, ::-1],
    "flipped": lambda plane: plane[::-1],
    "transposed": lambda plane: plane.T,
    "antitransposed": lambda plane: np.rot90(plane, 2).T,
}


@pytest.fixture(scope="module")
def frame(bundle: Path) -> Frame:
    """The first frame of the larger rung."""
    opened = open_bundle(bundle)
    r = opened.presentation.video[-1]
    data = opened.read(r.segments[0].href)
    return next(decode_segment(opened.read(r.init_href), data))


@pytest.mark.parametrize("turn", _TURNED)
def test_orientation_is_told_by_the_corners(frame: Frame, turn: str) -> None:
    y, u, v = (_TURNED[turn](plane) for plane in (frame.y, frame.u, frame.v))
    assert turn_of(Frame(y, u, v, frame.pts_s)) == turn


@pytest.mark.parametrize(
    ("window", "bits"),
    [(WHOLE, 0b1111111111), (PILLARS, 0b1111111111), (LETTERBOX, 0b1111111111), (MIDDLE_OF_WIDE, 0b0111111110)],
)
def test_a_crop_hides_the_outer_boxes(window: Window, bits: int) -> None:
    assert window.visible_bits == bits


def test_clicks_are_told_from_a_tone_that_goes_on() -> None:
    times_s = np.arange(96000) / 48000
    tone = np.abs(np.sin(2 * np.pi * 500 * times_s)).astype(np.float32)
    assert list(onsets_s(tone, 1.0)) == pytest.approx([0], abs=0.001)
    assert list(onsets_s(np.where(times_s % 1 < 0.05, tone, 0), 1.0)) == pytest.approx([0, 1], abs=0.001)
    assert pitch_hz(tone) == pytest.approx(500, rel=0.01)
