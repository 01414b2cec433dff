"""Choice of the sound that a bundle holds, and of its names: decisions, without a file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.mpd.names import ID
from media.sound.mixing import STEREO, SURROUND
from media.source.probe import DISPOSITIONS, AudioInfo, SourceInfo, VideoInfo
from packager.errors import SoundError
from packager.sound.choice import MAX_TRACKS, SoundPlan, parse_audio, plan_sound
from packager.sound.labels import label_of, unique_labels


def stream(
    index: int,
    language: str | None = None,
    *dispositions: str,
    title: str | None = None,
    channels: tuple[str, ...] = STEREO,
) -> AudioInfo:
    return AudioInfo(index, "aac", 48_000, channels, language, title, dispositions, Fraction(60))


def source(*streams: AudioInfo, container: str = "matroska,webm", video: VideoInfo | None = None) -> SourceInfo:
    return SourceInfo("a.mkv", container, video, streams)  # type: ignore[arg-type]  # nobody looks at the picture


def plan(*streams: AudioInfo, wish: str = "all", container: str = "matroska,webm") -> SoundPlan:
    return plan_sound(source(*streams, container=container), parse_audio(wish))


def test_a_single_track_keeps_its_old_name() -> None:
    [track] = plan(stream(1, "en")).tracks
    assert (track.id, track.surround_id, track.streams) == ("a128", None, (1,))
    assert (track.language, track.label, track.role) == ("en", "English", "main")
    [track] = plan(stream(1)).tracks
    assert (track.language, track.label) == (None, None)


def test_every_language_is_a_track_and_the_default_is_first() -> None:
    tracks = plan(stream(1, "fr"), stream(2, "en", "default"), stream(3, "en", "comment"), stream(4)).tracks
    assert [(t.id, t.label, t.role) for t in tracks] == [
        ("a128-en", "English", "main"),
        ("a128-fr", "Français", "alternate"),
        ("a128-und", "Track 3", "alternate"),
        ("a128-en-2", "English (commentary)", "commentary"),
    ]


@pytest.mark.parametrize(
    ("disposition", "title", "role"),
    [
        ("dub", None, "dub"),
        ("comment", None, "commentary"),
        ("visual_impaired", None, "description"),
        ("hearing_impaired", None, "alternate"),
        ("original", "Director's Commentary", "commentary"),
    ],
)
def test_parts_are_said_in_the_words_of_dash(disposition: str, title: str | None, role: str) -> None:
    tracks = plan(stream(1, "en", disposition, title=title), stream(2, "fr", "default")).tracks
    assert {track.language: track.role for track in tracks} == {"fr": "main", "en": role}


def test_a_commentary_is_not_what_plays_when_nobody_chooses() -> None:
    assert plan(stream(1, "en", "default", "comment"), stream(2, "en")).tracks[0].streams == (2,)


def test_5_1_stands_beside_stereo_and_more_is_folded() -> None:
    seven = (*SURROUND, "SL", "SR")
    result = plan(stream(1, "en", channels=SURROUND), stream(2, "fr", channels=seven), stream(3, "de"))
    assert [track.ids for track in result.tracks] == [
        ("a128-en", "a384-en-51"),
        ("a128-fr", "a384-fr-51"),
        ("a128-de",),
    ]
    assert [track.outputs for track in result.tracks] == [(STEREO, SURROUND), (STEREO, SURROUND), (STEREO,)]
    kept, folded = result.notes
    assert "audio 1 (aac, en): its 6 channels are mixed to stereo" in kept and "kept as 5.1" in kept
    assert "8 channels" in folded and "to 5.1 as well" in folded
    assert all("loudness is otherwise left as it is" in note for note in result.notes)


def test_channels_without_names_are_mixed_and_said() -> None:
    result = plan(stream(1, channels=("NONE",) * 8))
    assert result.tracks[0].ids == ("a128",)
    assert "its 8 channels have no names" in result.notes[0]


MONO, NONE = ("FC",), ("NONE",)


def test_two_microphones_of_a_camera_are_left_and_right() -> None:
    result = plan(stream(1, None, "default", channels=NONE), stream(2, channels=NONE), container="mxf")
    [track] = result.tracks
    assert (track.id, track.streams, track.joined) == ("a128", (1, 2), STEREO)
    assert result.notes == ("audio 1 and 2 (aac) are mono: taken for left and right of one recording",)
    assert result.warnings == ()


def test_of_more_the_first_two_are_taken_and_the_others_named() -> None:
    result = plan(*(stream(n, channels=MONO) for n in (1, 2, 3, 4)), container="mov,mp4,m4a,3gp,3g2,mj2")
    assert [track.streams for track in result.tracks] == [(1, 2)]
    [warning] = result.warnings
    assert warning.startswith("left out: audio 3 and 4 (aac), more mono tracks") and "--audio 3,4 takes" in warning


def test_a_master_with_a_track_for_each_loudspeaker_is_5_1() -> None:
    result = plan(*(stream(n, channels=(name,)) for n, name in enumerate(SURROUND)))
    [track] = result.tracks
    assert (track.ids, track.joined) == (("a128", "a384-51"), SURROUND)


@pytest.mark.parametrize(
    "other",
    [
        stream(2, "fr", channels=MONO),
        stream(2, "en", "comment", channels=MONO),
        stream(2, "en", title="Producer", channels=MONO),
        stream(2, "en"),
        replace(stream(2, "en", channels=MONO), duration_s=Fraction(50)),
        replace(stream(2, "en", channels=MONO), codec="ac3"),
    ],
)
def test_mono_tracks_of_their_own_are_not_joined(other: AudioInfo) -> None:
    assert len(plan(stream(1, "en", channels=MONO), other).tracks) == 2


def test_mono_tracks_of_a_broadcast_are_services() -> None:
    assert len(plan(stream(1, channels=MONO), stream(2, channels=MONO), container="mpegts").tracks) == 2


def test_tracks_are_chosen_by_language_by_number_or_by_default() -> None:
    streams = [stream(1, "pt-BR"), stream(2, "en", "default"), stream(3, "en", "comment"), stream(4, "fr")]

    def chosen(wish: str) -> list[int]:
        return [track.streams[0] for track in plan(*streams, wish=wish).tracks]

    assert chosen("all") == [2, 1, 4, 3]
    assert chosen("default") == [2]
    assert chosen("none") == []
    assert chosen("eng") == [2, 3]
    assert chosen("French,pt") == [1, 4]
    assert chosen("3") == [3]
    assert plan(*streams, wish="3").tracks[0].role == "main", "what is left plays when nobody chooses"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("de", "'a.mkv' has no sound in 'de'; it has audio 1 (aac, en), audio 2 (aac)"),
        ("7", "'a.mkv' has no audio 7; it has audio 1 (aac, en), audio 2 (aac)"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(wish: str, said: str) -> None:
    with pytest.raises(SoundError) as caught:
        plan(stream(1, "en"), stream(2), wish=wish)
    assert str(caught.value) == said


@pytest.mark.parametrize("text", ["", "klingonese", "en,,fr", "-1", "1.5", "99999", "en;fr"])
def test_nonsense_is_refused_while_options_are_read(text: str) -> None:
    with pytest.raises(SoundError):
        parse_audio(text)


def test_a_bundle_holds_so_many_tracks_and_the_others_are_named() -> None:
    result = plan(*(stream(n) for n in range(1, 20)))
    assert len(result.tracks) == MAX_TRACKS
    assert "audio 17 (aac), audio 18 (aac), audio 19 (aac)" in result.warnings[0]


TEXT = st.one_of(st.none(), st.sampled_from(["English", "English 2", "Track 1", "AC3 5.1 @ 640 Kbps"]), st.text())


@given(
    st.lists(
        st.builds(
            AudioInfo,
            index=st.integers(0, 40),
            codec=st.just("aac"),
            sample_rate_hz=st.just(48_000),
            channels=st.sampled_from([STEREO, SURROUND, MONO, NONE]),
            language=st.sampled_from([None, "en", "fr", "en-GB", "zh-Hant-TW-x-abcdefgh"]),
            title=TEXT,
            dispositions=st.lists(st.sampled_from(DISPOSITIONS), unique=True).map(tuple),
        ),
        unique_by=lambda stream: stream.index,
        max_size=24,
    )
)
def test_ids_and_labels_are_unique_and_fit_for_a_manifest(streams: list[AudioInfo]) -> None:
    tracks = plan(*streams, container="mpegts").tracks
    ids = [name for track in tracks for name in track.ids]
    labels = [track.label for track in tracks]
    assert len(set(ids)) == len(ids) and all(map(ID.fullmatch, ids))
    assert len(set(labels)) == len(labels)
    assert all(label and label.isprintable() for label in labels) or len(labels) < 2
    assert [track.role for track in tracks].count("main") == (1 if tracks else 0)


@pytest.mark.parametrize(
    ("title", "language", "label"),
    [
        ("  Director's\tCommentary ", "en", "Director's Commentary"),
        ("AC3 5.1 @ 640 Kbps", "de", "Deutsch"),
        ("Stereo", None, None),
        ("Track 2", "fr", "Français"),
        ("\x00\x1f", "qaa", "Original"),
        ("x" * 200, None, "x" * 80),
    ],
)
def test_a_label_is_a_title_that_says_something_or_the_language(
    title: str, language: str | None, label: str | None
) -> None:
    assert label_of(title, language) == label


def test_equal_labels_are_told_apart() -> None:
    labels = unique_labels([("A", "main"), ("A", "dub"), ("A 2", "dub"), ("A", "commentary"), (None, "dub")], "Track")
    assert labels == ["A", "A 3", "A 2", "A (commentary)", "Track 5"]
