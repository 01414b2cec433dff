"""The MPD: goldens to the byte, round trips of any presentation, schemas, and what other players need from it."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from manifests.errors import MalformedManifestError
from manifests.model import (
    AdaptationSet,
    AudioFormat,
    AudioRepresentation,
    DynamicRange,
    ModelFile,
    ModelTrack,
    Presentation,
    Representation,
    Role,
    Segment,
    SegmentSeries,
    TextTrack,
    VideoFormat,
    VideoRepresentation,
)
from manifests.mpd.read import read_mpd
from manifests.mpd.tracks import clean_label
from manifests.mpd.write import write_mpd
from manifests.verify import schema_problems
from tests.manifests.golden import regenerate
from tests.support.paths import GOLDEN

if TYPE_CHECKING:
    from tests.support.tiny_bundle import TinyBundle

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

MPDS = ["measured.mpd", "models.mpd", "plain.mpd", "sound.mpd", "tracks.mpd"]

ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}[A-Za-z0-9]", fullmatch=True)
CHANNELS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 24]
labels = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=20).map(clean_label)
roles = st.sampled_from(get_args(Role))
hashes = st.integers(0, 2**256 - 1).map(lambda value: f"{value:064x}")


@st.composite
def segment_lists(draw: st.DrawFn) -> tuple[tuple[int, int, int], ...]:
    """Number, start and duration of each segment."""
    durations = draw(st.lists(st.sampled_from([1, 30720, 30721, 2**40]), min_size=1, max_size=8))
    number, start = draw(st.integers(0, 2**31)), 0
    found = []
    for duration in durations:
        found.append((number, start, duration))
        number, start = number + 1, start + duration
    return tuple(found)


@st.composite
def input_sizes(draw: st.DrawFn, rung: VideoFormat, scale: int) -> tuple[int, int] | None:
    """None, or a picture that a manifest may name: no smaller than the rung, at most 8 times it, even once enhanced."""
    if draw(st.booleans()):
        return None
    sides = (draw(st.integers(max(2, side), min(16384, 8 * side))) for side in (rung.width, rung.height))
    width, height = (side - side * scale % 2 for side in sides)
    return (width, height) if width >= max(2, rung.width) and height >= max(2, rung.height) else None


@st.composite
def model_tracks(draw: st.DrawFn, track_id: str, segments: int, rung: VideoFormat) -> ModelTrack:
    models: list[ModelFile] = []
    for n in draw(st.lists(st.integers(1, 2**31), unique=True, max_size=5)):
        base = draw(st.none() | st.sampled_from([m.n for m in models])) if models else None
        gain = draw(st.none() | st.integers(-99999, 99999).map(lambda value: value / 1000))
        sha256 = draw(hashes)
        models.append(ModelFile(n, f"models/{sha256[:16]}.ndm", draw(st.integers(1, 2**31)), sha256, base, gain))
    use = st.sampled_from([None, *(m.n for m in models)])
    scale = draw(st.integers(1, 8))
    return ModelTrack(
        id=track_id,
        network=draw(st.sampled_from(["c16d2", "c8d2f2", "unheard-of/7"])),
        scale=scale,
        macs_per_pixel=draw(st.integers(0, 2**40)),
        rank=draw(st.integers(1, 9)),
        bandwidth_bps=draw(st.integers(0, 2**40)),
        format=draw(st.sampled_from(["ndm/1", "ndm/2"])),
        models=tuple(models),
        uses=tuple(draw(st.lists(use, min_size=segments, max_size=segments))),
        input_size=draw(input_sizes(rung, scale)),
    )


@st.composite
def representations(
    draw: st.DrawFn,
    rep_id: str,
    content_type: str,
    times: tuple[tuple[int, int, int], ...],
    dynamic_range: DynamicRange,
) -> Representation:
    video = content_type == "video"
    tracks = draw(st.integers(0, 2)) if video else 0
    side = st.integers(1, 16384)
    rates = st.builds(Fraction, st.integers(1, 10**6), st.integers(1, 1001))
    form = VideoFormat(draw(side), draw(side), draw(rates), draw(rates), dynamic_range)
    codecs = draw(st.sampled_from(["avc1.64001E", "hvc1.1.6.L93.B0", "av01.0.04M.08", "mp4a.40.2"]))
    bandwidth_bps = draw(st.integers(1, 2**40))
    names = ("$Number%05d$.m4s", "$Number$.m4s", "$Time$.m4s", f"{rep_id}-$Number%03d$_$Time%02d$.m4s")
    folder = draw(st.sampled_from([f"v/{rep_id}", f"{rep_id}-tag", f"x/{rep_id}.y/z"]))
    timescale = draw(st.sampled_from([1, 15360, 2**32 - 1]))
    series = SegmentSeries(timescale, f"{folder}/init.mp4", f"{folder}/{draw(st.sampled_from(names))}")
    segments = tuple(Segment(*time, series) for time in times)
    if not video:
        audio = AudioFormat(draw(st.integers(1, 2**24)), draw(st.sampled_from(CHANNELS)))
        return AudioRepresentation(rep_id, codecs, bandwidth_bps, segments, audio)
    found = tuple(draw(model_tracks(f"{rep_id}-{i}", len(segments), form)) for i in range(tracks))
    return VideoRepresentation(rep_id, codecs, bandwidth_bps, segments, form, found)


@st.composite
def presentations(draw: st.DrawFn) -> Presentation:
    sets = []
    names = iter(draw(st.lists(ids, unique=True, min_size=6, max_size=6)))
    for index in range(draw(st.integers(1, 3))):
        content_type = draw(st.sampled_from(["video", "audio"]))
        shared = draw(segment_lists())
        dynamic_range = draw(st.sampled_from(get_args(DynamicRange)))
        found = [
            draw(representations(next(names), content_type, draw(st.just(shared) | segment_lists()), dynamic_range))
            for _ in range(draw(st.integers(1, 2)))
        ]
        language = draw(st.none() | st.sampled_from(["en", "de-CH"]))
        bases = draw(st.sampled_from([(), ("x/",), ("https://h/x/", "../y/")]))
        label, role = draw(st.none() | labels), draw(st.none() | roles)
        sets.append(
            AdaptationSet(
                str(index), content_type, f"{content_type}/mp4", tuple(found), language, label, role, base_urls=bases
            )
        )
    nanoseconds = st.integers(1, 10**15).map(lambda value: Fraction(value, 10**9))
    titles = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=20)
    text = tuple(
        TextTrack(
            f"text{n}",
            f"text/{n}.vtt",
            draw(st.integers(1, 2**40)),
            draw(st.none() | st.just("pt-BR")),
            draw(st.none() | labels),
            draw(roles),
        )
        for n in range(draw(st.integers(0, 2)))
    )
    return Presentation(draw(nanoseconds), tuple(sets), draw(nanoseconds), (), draw(st.none() | titles), text)


@UNHURRIED
@given(presentations())
def test_any_presentation_survives_the_round_trip(p: Presentation) -> None:
    data = write_mpd(p)
    assert read_mpd(data) == p
    assert write_mpd(read_mpd(data)) == data
    assert list(schema_problems(etree.fromstring(data))) == []


def test_goldens_are_what_the_code_writes() -> None:
    made = regenerate.goldens()
    assert {path.name for path in GOLDEN.iterdir() if path.suffix in (".mpd", ".m3u8", ".ndq")} == set(made)
    for name, data in made.items():
        assert (GOLDEN / name).read_bytes() == data, f"{name}: run golden/regenerate.py and read the difference"


@pytest.mark.parametrize("name", MPDS)
def test_goldens_read_as_what_they_were_made_from(name: str) -> None:
    made = regenerate.presentations()[name]
    read = read_mpd((GOLDEN / name).read_bytes())
    assert (read.adaptation_sets, read.text) == (made.adaptation_sets, made.text)
    assert 0 <= read.duration_s - made.duration_s < Fraction(1, 10**9)


@pytest.mark.shared
@pytest.mark.parametrize("name", MPDS)
def test_goldens_are_valid_by_the_official_schemas(official_schema: Any, name: str) -> None:
    official_schema.assertValid(etree.parse(str(GOLDEN / name)))


@pytest.mark.shared
def test_a_published_manifest_is_valid_by_the_official_schemas(
    official_schema: Any, published_bundle: TinyBundle
) -> None:
    official_schema.assertValid(etree.parse(str(published_bundle.root / "manifest.mpd")))


def test_our_schema_finds_what_the_lax_official_one_lets_through() -> None:
    data = write_mpd(regenerate.presentations()["models.mpd"]).decode()
    broken = {
        "hash": data.replace('sha256="6350', 'sha256="ZZZZ'),
        "dangling use": data.replace('<nd:Use d="30720" n="2"/>', '<nd:Use d="30720" n="7"/>'),
        "dangling base": data.replace('base="1"', 'base="9"'),
        "number twice": data.replace('<nd:Model n="2" base="1"', '<nd:Model n="1"'),
        "address": data.replace("models/6350208d24224b31.ndm", "../6350208d24224b31.ndm"),
        "no size": data.replace('size="3908" ', ""),
        "scale": data.replace('scale="2"', 'scale="0"'),
    }
    for what, text in broken.items():
        assert text != data
        assert list(schema_problems(etree.fromstring(text.encode()))), what


@pytest.mark.parametrize("name", MPDS)
def test_the_root_start_tag_ends_where_gstreamer_looks(name: str) -> None:
    data = (GOLDEN / name).read_bytes()
    assert data.index(b">", data.index(b"<MPD")) < 512


def test_a_long_title_does_not_push_the_root_start_tag_out() -> None:
    p = replace(regenerate.presentations()["models.mpd"], title="x" * 5000)
    data = write_mpd(p)
    assert data.index(b">", data.index(b"<MPD")) < 512
    assert read_mpd(data) == p


def test_max_segment_duration_is_that_of_the_longest_segment_of_all() -> None:
    root = etree.fromstring(write_mpd(regenerate.presentations()["models.mpd"]))
    assert root.get("maxSegmentDuration") == "PT2.005333334S"  # AAC: 96256 / 48000 s, rounded up


def test_a_published_manifest_carries_what_players_need() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    for wanted in (
        'profiles="urn:mpeg:dash:profile:isoff-live:2011"',
        'par="16:9"',
        'sar="1:1"',
        'frameRate="30"',
        'codecs="avc1.64001E"',
        'audioSamplingRate="48000"',
        'schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"',
        'lang="en"',
        'contentType="video"',
        'mimeType="video/mp4"',
        'segmentAlignment="true"',
        'startWithSAP="1"',
    ):
        assert wanted in text


def test_the_template_is_hoisted_only_where_all_representations_share_it() -> None:
    shared, own = ((GOLDEN / name).read_text("utf-8") for name in ("models.mpd", "plain.mpd"))
    assert len(re.findall(r"<AdaptationSet[^>]*>\s*<SegmentTemplate", shared)) == 2 == shared.count("<SegmentTemplate")
    assert "<Representation" in own[: own.index("<SegmentTemplate")]
    assert own.count("<SegmentTemplate") == 2


def test_equal_neighbours_share_a_use() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    assert re.findall("<nd:Use [^>]*>", text) == [
        '<nd:Use d="61440" n="1"/>',
        '<nd:Use d="30720"/>',
        '<nd:Use d="30720" n="1"/>',
        '<nd:Use d="30720" n="2"/>',
    ]


def test_uses_may_repeat_and_run_on_another_clock() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    start, end = text.index("<nd:Timeline"), text.index("</nd:Timeline>")
    other = '<nd:Timeline timescale="30"><nd:Use d="60" n="1" r="1"/><nd:Use d="180" n="2"/>'
    tracks = read_mpd((text[:start] + other + text[end:]).encode()).video[0].model_tracks
    assert tracks[0].uses == (1, 1, 2, 2, 2)


def test_a_track_may_say_the_size_of_the_picture_that_goes_in() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    read = read_mpd(text.replace('scale="2"', 'scale="1" width="1280" height="720"').encode()).video[0]
    assert read.model_tracks[0].input_size == (1280, 720)
    assert read.target_size == (1280, 720)
    assert read_mpd(text.encode()).video[0].model_tracks[0].input_size is None
    assert read_mpd(text.encode()).video[0].target_size == (1280, 720)


def test_a_table_of_another_version_means_no_models_and_a_reason() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    newer = text.replace('models:2026" value="1"', 'models:2026" value="2"').replace('sha256="', 'blake3="')
    low = read_mpd(newer.encode()).video[0]
    assert low.model_tracks == ()
    assert low.model_problem == "model table version '2' is not '1'"


def test_a_table_in_a_side_file_means_no_models_and_a_reason() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    low = read_mpd(text.replace("<nd:ModelTrack ", '<nd:ModelTrack index="models/x.xml" ').encode()).video[0]
    assert low.model_tracks == () and low.model_problem is not None and "side file" in low.model_problem


def test_a_property_of_another_scheme_is_none_of_our_business() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    low = read_mpd(text.replace("urn:neudash:models:2026", "urn:example:other").encode()).video[0]
    assert low.model_tracks == () and low.model_problem is None


def test_unknown_networks_and_formats_are_for_the_player_to_judge() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    text = text.replace('network="c16d2"', 'network="t3x/9"').replace('format="ndm/1"', 'format="ndm/9"')
    track = read_mpd(text.encode()).video[0].model_tracks[0]
    assert (track.network, track.format) == ("t3x/9", "ndm/9")


def test_foreign_manifests_are_read_where_they_say_the_same_in_other_places() -> None:
    """Attributes on the set, templates split over levels, no ids, subtitles and unknown essentials beside."""
    text = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="x" minBufferTime="PT1S">
    <Period duration="PT4S"><SegmentTemplate timescale="10" media="$RepresentationID$/$Time$.m4s"/>
    <AdaptationSet mimeType="video/mp4" codecs="avc1.4D400D" width="64" height="36" frameRate="30000/1001">
     <SegmentTemplate initialization="$RepresentationID$.mp4">
      <SegmentTimeline><S t="0" d="20" r="1"/></SegmentTimeline></SegmentTemplate>
     <Representation id="a" bandwidth="1"/>
     <Representation id="b" bandwidth="2" width="128" height="72"/>
     <Representation id="c" bandwidth="2"><EssentialProperty schemeIdUri="urn:x"/></Representation>
    </AdaptationSet>
    <AdaptationSet contentType="text" mimeType="application/mp4"><Representation id="t" bandwidth="1"/></AdaptationSet>
    <AdaptationSet mimeType="video/mp4"><EssentialProperty schemeIdUri="urn:x"/></AdaptationSet>
    </Period></MPD>"""
    p = read_mpd(text.encode())
    assert [s.id for s in p.adaptation_sets] == ["1"] and p.duration_s == 4
    assert [(r.id, r.video) for r in p.video] == [
        ("a", VideoFormat(64, 36, Fraction(30000, 1001))),
        ("b", VideoFormat(128, 72, Fraction(30000, 1001))),
    ]
    series = SegmentSeries(10, "a.mp4", "a/$Time$.m4s")
    assert p.video[0].segments == (Segment(1, 0, 20, series), Segment(2, 20, 20, series))
    assert p.video[0].hrefs == ["a.mp4", "a/0.m4s", "a/20.m4s"]


TEXT = '<AdaptationSet contentType="text" mimeType="text/vtt" lang="en"><Representation id="t1" bandwidth="9">'
TEXT += "<BaseURL>text/a.vtt</BaseURL></Representation></AdaptationSet>"


def with_text(element: str) -> Presentation:
    data = (GOLDEN / "plain.mpd").read_text("utf-8")
    return read_mpd(data.replace("</Period>", element + "</Period>").encode())


def test_subtitles_in_one_file_are_read() -> None:
    assert with_text(TEXT).text == (TextTrack("t1", "text/a.vtt", 9, "en"),)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("text/a.vtt", "../a.vtt"),
        ("text/a.vtt", "https://elsewhere.example/a.vtt"),
        ("text/a.vtt", ""),
        ('"text/vtt"', '"application/ttml+xml"'),
        ('"9"', '"x"'),
        ('"en"', '"en us"'),
        ("</Representation>", '<EssentialProperty schemeIdUri="urn:x"/></Representation>'),
        ("</AdaptationSet>", '<Representation id="t2" bandwidth="1"/></AdaptationSet>'),
        ("<Representation", "<BaseURL>x/</BaseURL><Representation"),
        ("<BaseURL>text/a.vtt</BaseURL>", '<SegmentTemplate media="$Number$.vtt"/>'),
    ],
)
def test_subtitles_of_another_form_are_left_out_and_the_rest_is_read(old: str, new: str) -> None:
    p = with_text(TEXT.replace(old, new))
    assert not p.text and p.video


def test_subtitles_may_not_take_the_name_of_another_thing() -> None:
    for taken in (TEXT.replace('"t1"', '"v240"'), TEXT + TEXT.replace('"t1"', '"t2"')):
        with pytest.raises(MalformedManifestError, match="is there twice"):
            with_text(taken)


@pytest.mark.parametrize(
    "addition",
    ["<!-- <Period xlink:href='x'> --><?x y?>", "<x:y xmlns:x='urn:x'><x:Period/></x:y>", "<Metrics/>" * 1000],
)
def test_what_it_does_not_know_changes_nothing(addition: str) -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    assert read_mpd(text.replace("<Period", addition + "<Period").encode()) == read_mpd(text.encode())


def test_attributes_by_the_thousand_change_nothing() -> None:
    text = (GOLDEN / "models.mpd").read_text("utf-8")
    attributes = " ".join(f'a{i}="{i}"' for i in range(50_000))
    assert read_mpd(text.replace("<Period", f"<Period {attributes}").encode()) == read_mpd(text.encode())


def test_more_models_than_a_manifest_holds_are_refused_in_writing() -> None:
    models = tuple(ModelFile(n, f"models/{n:016x}.ndm", 1, f"{n:064x}") for n in range(1, 302))
    p = regenerate.presentations()["plain.mpd"]
    low = p.video[0]

    def with_models(count: int) -> Presentation:
        track = ModelTrack("t", "c4d1", 2, 1, 1, 1, "ndm/1", models[:count], (1,) * len(low.segments))
        s = replace(p.adaptation_sets[0], representations=(replace(low, model_tracks=(track,)),))
        return replace(p, adaptation_sets=(s,))

    assert len(read_mpd(write_mpd(with_models(300))).video[0].model_tracks[0].models) == 300
    with pytest.raises(MalformedManifestError, match="301 models; at most 300"):
        write_mpd(with_models(301))


def test_what_no_manifest_can_say_is_refused_in_writing() -> None:
    p = regenerate.presentations()["models.mpd"]
    with pytest.raises(MalformedManifestError, match="cannot be written"):
        write_mpd(replace(p, title="bell\a"))
    low = p.video[0]
    short = replace(low, model_tracks=(replace(low.model_tracks[0], uses=(1,)),))
    s = replace(p.adaptation_sets[0], representations=(short,))
    with pytest.raises(MalformedManifestError, match="1 uses for 5 segments"):
        write_mpd(replace(p, adaptation_sets=(s,)))
