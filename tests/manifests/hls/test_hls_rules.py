"""Apple's "HLS Authoring Specification for Apple Devices" (2025-06), the rules that concern what neudash writes.

A test states one rule or one group of them, with its number; RFC 8216bis is named where the rule is only there. The
bundle has SDR and HDR rungs, sound of every kind and subtitles of every kind, all of them real files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.hls.rates import measured_rates
from manifests.hls.write import write_playlists
from manifests.model import AdaptationSet, Presentation, VideoFormat
from manifests.mp4.boxes import boxes
from manifests.mp4.fragments import read_fragment, read_init
from manifests.names import MASTER_PLAYLIST
from tests.support.presentations import rung_of, sound_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.tiny_bundle import TinyBundle

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]+)(?:,|$)')


@dataclass(frozen=True)
class Tag:
    """One line of a playlist, with the address that follows it."""

    attributes: dict[str, str]
    uri: str


@dataclass(frozen=True)
class Master:
    lines: list[str]
    variants: list[Tag]
    iframes: list[Tag]
    media: list[Tag]

    def group(self, group_id: str) -> list[Tag]:
        return [tag for tag in self.media if tag.attributes["GROUP-ID"] == f'"{group_id}"']

    def kind(self, kind: str) -> list[Tag]:
        return [tag for tag in self.media if tag.attributes["TYPE"] == kind]


def attributes(line: str) -> dict[str, str]:
    text = line.partition(":")[2]
    found = dict(_ATTRIBUTE.findall(text))
    assert ",".join(f"{name}={value}" for name, value in found.items()) == text, "nothing between attributes"
    return found


def parsed(lines: list[str]) -> Master:
    def tags(name: str) -> Iterator[Tag]:
        for index, line in enumerate(lines):
            if line.startswith(f"#{name}:"):
                found = attributes(line)
                yield Tag(found, found["URI"].strip('"') if "URI" in found else lines[index + 1])

    return Master(
        lines, *(list(tags(name)) for name in ("EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-MEDIA"))
    )


@pytest.fixture
def master(tracks_bundle: TinyBundle) -> Master:
    return parsed(playlist(tracks_bundle, MASTER_PLAYLIST))


def playlist(bundle: Any, name: str) -> list[str]:
    return (bundle.root / name).read_text("utf-8").splitlines()


def media_playlists(master: Master) -> set[str]:
    """Those of pictures and sound, without I-frames."""
    return {tag.uri for tag in (*master.variants, *master.kind("AUDIO"))}


def value(lines: list[str], tag: str) -> str:
    [found] = [line.partition(":")[2] for line in lines if line.startswith(f"#{tag}:")]
    return found


def durations_s(lines: list[str]) -> list[Fraction]:
    return [Fraction(line[8:-1]) for line in lines if line.startswith("#EXTINF:")]


def by_name(tags: list[Tag], name: str) -> Tag:
    [found] = [tag for tag in tags if tag.attributes["NAME"] == f'"{name}"']
    return found


def test_a_description_is_marked_chosen_and_named_as_one(master: Master) -> None:
    """2.12: audio description MUST have CHARACTERISTICS="public.accessibility.describes-video"; 2.13: AUTOSELECT MUST
    be YES; 2.14: its name SHOULD say what it is; 2.27: LANGUAGE MUST be present.
    """
    described = by_name(master.group("audio"), "English (audio description)").attributes
    assert described["CHARACTERISTICS"] == '"public.accessibility.describes-video"'
    assert (described["AUTOSELECT"], described["LANGUAGE"]) == ("YES", '"en"')


def test_captions_are_marked_and_chosen(master: Master) -> None:
    """4.5: subtitles for people who do not hear MUST be marked by CHARACTERISTICS; 4.6: AUTOSELECT MUST be YES."""
    captions = by_name(master.kind("SUBTITLES"), "English (captions)").attributes
    assert captions["CHARACTERISTICS"] == (
        '"public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"'
    )
    assert captions["AUTOSELECT"] == "YES"


def test_subtitles_last_as_long_as_the_title(master: Master, tracks_bundle: TinyBundle) -> None:
    """5.5: the subtitle playlist MUST exist for the entirety of the main content."""
    for tag in master.kind("SUBTITLES"):
        assert sum(durations_s(playlist(tracks_bundle, tag.uri))) == tracks_bundle.presentation.duration_s


def test_forced_subtitles_are_chosen(master: Master) -> None:
    """5.11: forced subtitles SHOULD always have AUTOSELECT=YES; RFC 8216bis, 4.4.6.1: FORCED for subtitles alone."""
    forced = [tag.attributes for tag in master.media if "FORCED" in tag.attributes]
    assert [(tag["NAME"], tag["FORCED"], tag["AUTOSELECT"]) for tag in forced] == [('"English (forced)"', "YES", "YES")]


def test_every_rung_has_i_frames(master: Master) -> None:
    """6.1: I-frame playlists MUST be provided; 6.6: SHOULD be of several bit rates; 6.15: HDR ones SHOULD be at all
    resolutions; 6.16: SDR ones MUST be provided.
    """
    assert [(tag.uri, tag.attributes["VIDEO-RANGE"]) for tag in master.iframes] == [
        ("playlist_low~iframes.m3u8", "SDR"),
        ("playlist_high~iframes.m3u8", "SDR"),
        ("playlist_hdr~iframes.m3u8", "PQ"),
    ]


@pytest.mark.parametrize("rung", ["low", "high", "hdr"])
def test_an_i_frame_is_the_moof_and_the_first_sample(tracks_bundle: TinyBundle, rung: str) -> None:
    """6.8: I-frame playlists MUST contain EXT-X-I-FRAMES-ONLY; 6.10: with fMP4 a segment MUST include the `moof` header
    of its I-frame; RFC 8216bis, 4.4.3.6: the duration of an I-frame is the time until the next.
    """
    lines = playlist(tracks_bundle, f"playlist_{rung}~iframes.m3u8")
    assert "#EXT-X-I-FRAMES-ONLY" in lines
    init = read_init((tracks_bundle.root / value_of_map(lines)).read_bytes())
    ranges = [tuple(map(int, line.partition(":")[2].split("@"))) for line in lines if "BYTERANGE" in line]
    names = [line for line in lines if not line.startswith("#")]
    assert len(ranges) == len(names) == 2
    for (size, start), name in zip(ranges, names, strict=True):
        segment = (tracks_bundle.root / name).read_bytes()
        part = segment[start : start + size]
        assert [box.type for box in boxes(memoryview(part[: part.index(b"mdat") - 4]))] == [b"moof"]
        assert read_fragment(segment, init).starts_with_sync and 0 < size < len(segment)
    assert durations_s(lines) == durations_s(playlist(tracks_bundle, f"playlist_{rung}.m3u8"))


def value_of_map(lines: list[str]) -> Path:
    return Path(value(lines, "EXT-X-MAP")[5:-1])


def test_the_rates_of_i_frames_are_measured(master: Master, tracks_bundle: TinyBundle) -> None:
    """6.9: the peak segment bit rate MUST be calculated according to the HLS specification; each lasts 1 s here."""
    for tag in master.iframes:
        sizes = [int(line[17:].split("@")[0]) for line in playlist(tracks_bundle, tag.uri) if "BYTERANGE" in line]
        assert int(tag.attributes["BANDWIDTH"]) == 8 * max(sizes)
        assert int(tag.attributes["AVERAGE-BANDWIDTH"]) == 8 * sum(sizes) / 2


def test_segments_are_no_longer_than_the_target(master: Master, tracks_bundle: TinyBundle) -> None:
    """7.7: media segments MUST NOT exceed the target duration by more than 0.5 s."""
    for uri in media_playlists(master):
        lines = playlist(tracks_bundle, uri)
        assert max(durations_s(lines)) <= int(value(lines, "EXT-X-TARGETDURATION"))


def test_durations_are_exact(master: Master, tracks_bundle: TinyBundle) -> None:
    """8.1: the sum of the EXTINF of any group of segments MUST be within a frame of their duration."""
    durations = {r.id: r for r in tracks_bundle.presentation.representations}
    for uri in media_playlists(master):
        r = durations[uri.removeprefix("playlist_").removesuffix(".m3u8")]
        stated = durations_s(playlist(tracks_bundle, uri))
        true = [s.duration_s for s in r.segments]
        for first, last in combinations(range(len(true) + 1), 2):
            assert abs(sum(stated[first:last]) - sum(true[first:last])) < Fraction(1, 30)


def test_pictures_and_sound_have_one_target_duration(master: Master, tracks_bundle: TinyBundle) -> None:
    """8.2: audio and video playlists MUST all use the same target duration."""
    uris = media_playlists(master) | {tag.uri for tag in master.iframes}
    assert len({value(playlist(tracks_bundle, uri), "EXT-X-TARGETDURATION") for uri in uris}) == 1


def test_playlists_of_a_finished_title_say_so(master: Master, tracks_bundle: TinyBundle) -> None:
    """8.6: you MUST add EXT-X-PLAYLIST-TYPE with the value VOD; 8.3, 8.7: all MUST cover the same time (here: to within
    one frame of sound).
    """
    uris = media_playlists(master) | {tag.uri for tag in (*master.iframes, *master.kind("SUBTITLES"))}
    for uri in uris:
        lines = playlist(tracks_bundle, uri)
        assert value(lines, "EXT-X-PLAYLIST-TYPE") == "VOD" and lines[-1] == "#EXT-X-ENDLIST"
        assert abs(sum(durations_s(lines)) - 2) <= Fraction(1536, 48000)


def test_every_rendition_has_a_language(master: Master) -> None:
    """8.10, 4.7: LANGUAGE MUST be included in every EXT-X-MEDIA tag that does not have TYPE=VIDEO."""
    assert {tag.attributes["LANGUAGE"] for tag in master.media} == {'"en"', '"fr"', '"und"'}


def test_languages_of_older_bundles_are_shortened(tracks_bundle: TinyBundle) -> None:
    """RFC 8216bis, 4.4.6.1: LANGUAGE holds a tag of RFC 5646, which wants the shortest code."""
    p = tracks_bundle.presentation
    sets = tuple(replace(s, language="eng", label=None) if s.language == "en" else s for s in p.adaptation_sets)
    found = parsed(written(replace(p, adaptation_sets=sets)))
    assert by_name(found.group("audio"), "English").attributes["LANGUAGE"] == '"en"'


def written(p: Presentation) -> list[str]:
    """The master playlist of a presentation whose segments are all of 1000 bytes."""
    sizes = {r.id: [1000] * len(r.segments) for r in p.representations}
    return write_playlists(p, sizes)[MASTER_PLAYLIST].decode().splitlines()


def test_segments_have_their_init_segment(master: Master, tracks_bundle: TinyBundle) -> None:
    """8.20: with fMP4, EXT-X-MAP tags MUST be present."""
    for uri in media_playlists(master) | {tag.uri for tag in master.iframes}:
        assert (tracks_bundle.root / value_of_map(playlist(tracks_bundle, uri))).is_file()


def test_variants_say_codecs_and_resolution(master: Master) -> None:
    """9.1, 9.2, 9.15: EXT-X-STREAM-INF MUST have CODECS, RESOLUTION and FRAME-RATE; 9.3, 9.4: EXT-X-I-FRAME-STREAM-INF
    MUST have CODECS and RESOLUTION; RFC 8216bis, 4.4.6.3: and neither FRAME-RATE nor groups.
    """
    for tag in master.variants:
        assert {"CODECS", "RESOLUTION", "FRAME-RATE"} <= tag.attributes.keys()
    for tag in master.iframes:
        assert tag.attributes.keys() == {
            *("BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION", "VIDEO-RANGE", "URI"),
        }


def test_codecs_name_all_that_a_variant_may_be_played_with(master: Master) -> None:
    """RFC 8216bis, 4.4.6.2: CODECS lists every format of the renditions that the variant names."""
    codecs = {tag.attributes["AUDIO"]: tag.attributes["CODECS"].strip('"').split(",")[1:] for tag in master.variants}
    assert codecs == {'"audio"': ["mp4a.40.2"], '"audio2"': ["mp4a.40.2"], '"audio3"': ["ec-3", "mp4a.40.2"]}


def test_sound_is_in_streams_of_its_own(master: Master) -> None:
    """9.5-9.7: multichannel audio, languages and commentary MUST be separate streams; 8.9: in EXT-X-MEDIA tags."""
    assert len({tag.uri for tag in master.kind("AUDIO")}) == 7
    assert all("AUDIO" in tag.attributes for tag in master.variants)


def test_segments_are_independent(master: Master) -> None:
    """9.11: you SHOULD use EXT-X-INDEPENDENT-SEGMENTS in the multivariant playlist if segments start with an IDR."""
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in master.lines


def test_bandwidth_is_that_of_the_most_expensive_combination(master: Master, tracks_bundle: TinyBundle) -> None:
    """9.13: BANDWIDTH MUST be the largest sum of peak segment bit rates of any playable combination of renditions;
    9.14: AVERAGE-BANDWIDTH MUST be there.
    """
    p = tracks_bundle.presentation
    rates = {}
    for r in p.representations:
        lines = playlist(tracks_bundle, f"playlist_{r.id}.m3u8")
        sizes = [(tracks_bundle.root / line).stat().st_size for line in lines if not line.startswith("#")]
        rates[f"playlist_{r.id}.m3u8"] = measured_rates(r, sizes, int(value(lines, "EXT-X-TARGETDURATION")))
    text = max(track.bandwidth_bps for track in p.text)
    for tag in master.variants:
        sound = [rates[media.uri] for media in master.group(tag.attributes["AUDIO"].strip('"'))]
        peak = rates[tag.uri].peak_bps + max(r.peak_bps for r in sound) + text
        mean = rates[tag.uri].mean_bps + max(r.mean_bps for r in sound) + text
        stated = (int(tag.attributes["BANDWIDTH"]), int(tag.attributes["AVERAGE-BANDWIDTH"]))
        assert stated == (peak, mean) and mean <= peak


def test_every_variant_states_its_range(master: Master) -> None:
    """9.16: VIDEO-RANGE MUST be specified unless all variants are SDR; 1.x: HDR comes beside SDR, not in its place."""
    assert {(tag.uri, tag.attributes["VIDEO-RANGE"]) for tag in master.variants} == {
        ("playlist_low.m3u8", "SDR"),
        ("playlist_high.m3u8", "SDR"),
        ("playlist_hdr.m3u8", "PQ"),
    }


def test_renditions_go_from_the_general_to_the_special(master: Master) -> None:
    """9.17: within a group, tags of one LANGUAGE should be ordered from most general to most specific."""
    names = [tag.attributes["NAME"].strip('"') for tag in master.group("audio") if tag.attributes["LANGUAGE"] == '"en"']
    assert names == ["English", "Director's commentary", "English (audio description)"]
    names = [tag.attributes["NAME"].strip('"') for tag in master.kind("SUBTITLES")]
    assert names == ["English", "English 2", "English (forced)", "English (captions)"]


def test_no_variant_has_captions_inside(master: Master) -> None:
    """RFC 8216bis, 4.4.6.2: CLOSED-CAPTIONS=NONE if no variant has any, and then in every EXT-X-STREAM-INF."""
    assert all(tag.attributes["CLOSED-CAPTIONS"] == "NONE" for tag in master.variants)


def test_names_are_distinct_in_a_group_and_the_same_in_all(master: Master) -> None:
    """RFC 8216bis, 4.4.6.1.1: all members of a group MUST have different NAMEs; groups of one type hold the same set of
    renditions, one of them with DEFAULT=YES.
    """
    groups = {tag.attributes["GROUP-ID"].strip('"') for tag in master.kind("AUDIO")}
    assert groups == {"audio", "audio2", "audio3"}
    members = [[tag.attributes["NAME"] for tag in master.group(group)] for group in sorted(groups)]
    assert all(len(names) == len(set(names)) for names in members)
    assert all(a == b for a, b in pairwise(members))
    for group in groups:
        defaults = [tag.attributes["NAME"] for tag in master.group(group) if tag.attributes["DEFAULT"] == "YES"]
        assert defaults == ['"English"']


def test_every_track_is_in_every_group_in_the_best_form_there_is(master: Master) -> None:
    """Apple's "Audio rendition groups and variants": a group for each format, all languages in each, variants once a
    group; CHANNELS tells a player which to take.
    """
    english = [by_name(master.group(group), "English") for group in ("audio", "audio2", "audio3")]
    assert [(tag.uri, tag.attributes["CHANNELS"]) for tag in english] == [
        ("playlist_a3.m3u8", '"2"'),
        ("playlist_a6.m3u8", '"6"'),
        ("playlist_a7.m3u8", '"6"'),
    ]
    french = {by_name(master.group(group), "Français").uri for group in ("audio", "audio2", "audio3")}
    assert french == {"playlist_a4.m3u8"}
    used = [(tag.uri, tag.attributes["AUDIO"]) for tag in master.variants]
    assert len(used) == len(set(used)) == 9


def test_a_player_chooses_one_track_of_a_language_by_itself(master: Master) -> None:
    """RFC 8216bis, 4.4.6.1: members with AUTOSELECT=YES SHOULD differ in LANGUAGE, FORCED or CHARACTERISTICS;
    DEFAULT=YES wants AUTOSELECT=YES.
    """
    for tags in (master.group("audio"), master.kind("SUBTITLES")):
        chosen = [tag.attributes for tag in tags if tag.attributes["AUTOSELECT"] == "YES"]
        seen = [(tag["LANGUAGE"], tag.get("FORCED"), tag.get("CHARACTERISTICS")) for tag in chosen]
        assert len(seen) == len(set(seen)) >= 3
    assert by_name(master.group("audio"), "Director's commentary").attributes["AUTOSELECT"] == "NO"
    assert all(t.attributes["AUTOSELECT"] == "YES" for t in master.media if t.attributes["DEFAULT"] == "YES")


def test_a_quotation_mark_in_a_label_does_not_end_the_name(tracks_bundle: TinyBundle) -> None:
    """RFC 8216bis, 4.2: a quoted string holds no double quote."""
    p = tracks_bundle.presentation
    sets = tuple(replace(s, label='a "b", C=D') if s.role == "main" else s for s in p.adaptation_sets)
    assert by_name(parsed(written(replace(p, adaptation_sets=sets))).group("audio"), "a 'b', C=D")


def test_bit_rates_of_one_track_are_groups_and_unnamed_sets_are_tracks() -> None:
    """RFC 8216bis, 4.4.6.2.1: renditions of other bit rates are in groups of their own."""
    sets = (
        AdaptationSet("1", "audio", "audio/mp4", (sound_of("a1"), sound_of("a2"))),
        AdaptationSet("2", "audio", "audio/mp4", (sound_of("b1"),)),
    )
    found = parsed(written(Presentation(Fraction(1), sets)))
    assert [(tag.uri, tag.attributes["NAME"]) for tag in found.group("audio")] == [
        ("playlist_a1.m3u8", '"Audio"'),
        ("playlist_b1.m3u8", '"Audio 2"'),
    ]
    assert [tag.uri for tag in found.group("audio2")] == ["playlist_a2.m3u8", "playlist_b1.m3u8"]
    assert [(tag.uri, tag.attributes["AUDIO"]) for tag in found.variants] == [
        ("playlist_a1.m3u8", '"audio"'),
        ("playlist_a2.m3u8", '"audio2"'),
    ]


@UNHURRIED
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10_000)), min_size=1, max_size=12),
    st.integers(1, 12),
)
def test_the_peak_is_the_largest_of_all_sets_of_about_a_target_duration(
    segments: list[tuple[int, int]], target_s: int
) -> None:
    """RFC 8216, 4.1: the largest bit rate of any contiguous set of segments whose duration is 0.5 to 1.5 target
    durations.
    """
    r = rung_of("x", VideoFormat(2, 2, Fraction(1)), [ticks for _, ticks in segments], 1000)
    found = measured_rates(r, [size for size, _ in segments], target_s)
    rates = []
    for first, last in combinations(range(len(segments) + 1), 2):
        size, ticks = (sum(column) for column in zip(*segments[first:last], strict=True))
        if 500 * target_s <= ticks <= 1500 * target_s:
            rates.append(Fraction(8000 * size, ticks))
    whole = Fraction(8000 * sum(size for size, _ in segments), sum(ticks for _, ticks in segments))
    assert found.peak_bps == max(1, -(-max(rates, default=whole) // 1))
    assert found.mean_bps == max(1, -(-whole // 1))
