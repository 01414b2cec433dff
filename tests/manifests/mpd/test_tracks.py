"""Many tracks and HDR: what the manifest says of them, and that a bundle of them is whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from manifests.bundle import open_bundle, publish_manifest
from manifests.errors import BrokenBundleError, MalformedManifestError
from manifests.model import ModelTrack, Presentation
from manifests.mpd.read import read_mpd
from manifests.mpd.tracks import clean_label
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST, MASTER_PLAYLIST
from manifests.verify import verify_bundle
from neudash.cli import main
from tests.manifests.golden import regenerate
from tests.support.paths import GOLDEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tiny_bundle import TinyBundle

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TRACKS_MPD = (GOLDEN / "tracks.mpd").read_text("utf-8")


def read(*changes: tuple[str, str]) -> Presentation:
    """The golden manifest with some text replaced."""
    text = TRACKS_MPD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read_mpd(text.encode())


def test_sound_is_listed_with_the_main_track_first() -> None:
    ids = [s.id for s in read(('value="main"', 'value="x"'), ('value="dub"', 'value="main"')).audio_sets]
    assert ids == ["5", "3", "4", "6", "7"]


@pytest.mark.parametrize(
    ("change", "role"),
    [
        (('value="dub"', 'value="alternate"'), "alternate"),
        (('value="dub"', 'value="sign"'), None),  # not among those that this version knows
        (('"urn:mpeg:dash:role:2011" value="dub"', '"urn:x" value="dub"'), None),
        (('value="dub"/>', 'value="sign"/><Role schemeIdUri="urn:mpeg:dash:role:2011" value="dub"/>'), "dub"),
    ],
)
def test_a_role_that_is_not_known_is_none(change: tuple[str, str], role: str | None) -> None:
    assert next(s for s in read(change).adaptation_sets if s.language == "fr").role == role


def test_manifests_without_labels_and_roles_are_read_as_before() -> None:
    old = read(("<Label>Français</Label>", ""), ('lang="fr"', 'lang="fra"'), ('value="subtitle"', 'value="x"'))
    french = next(s for s in old.adaptation_sets if s.language == "fra")
    assert (french.label, french.role) == (None, "dub")
    assert [track.role for track in old.text] == ["subtitle", "caption", "forced-subtitle"]


@UNHURRIED
@given(st.text())
def test_any_label_becomes_one_line(text: str) -> None:
    label = clean_label(text)
    assert label is None or (label == label.strip() and label.isprintable() and 0 < len(label) <= 200)
    assert clean_label(label) == label


def test_a_label_of_several_lines_is_published_as_one(tracks_bundle: TinyBundle, tmp_path: Path) -> None:
    root = tmp_path / "bundle"
    shutil.copytree(tracks_bundle.root, root)
    p = tracks_bundle.presentation
    sets = tuple(replace(s, label=" two\n lines\u0085 ") if s.language == "fr" else s for s in p.adaptation_sets)
    publish_manifest(root, replace(p, adaptation_sets=sets))
    assert "two lines" in [s.label for s in open_bundle(root).presentation.adaptation_sets]


def test_hdr_rungs_are_beside_the_others() -> None:
    p = read()
    assert [r.id for r in p.video] == ["v360", "v720"] and [r.id for r in p.hdr_video] == ["v720-hdr"]
    assert [r.id for r in p.representations][:3] == ["v360", "v720", "v720-hdr"]
    [hdr] = p.hdr_video
    assert hdr.video.dynamic_range == "pq"


TRANSFER = 'cicp:TransferCharacteristics" value="16"'
PRIMARIES = 'cicp:ColourPrimaries" value="9"'


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ([(TRANSFER, 'cicp:TransferCharacteristics" value="18"')], "hlg"),
        ([("EssentialProperty", "SupplementalProperty")], "pq"),  # as other packagers say it
        (
            [('"urn:mpeg:mpegB:cicp:MatrixCoefficients" value="9"', '"urn:mpeg:mpegB:cicp:ColourPrimaries" value="9"')],
            "pq",
        ),
        ([(TRANSFER, 'cicp:TransferCharacteristics" value="8"')], None),
        ([(TRANSFER, 'cicp:TransferCharacteristics" value="14"')], None),  # wide, but not HDR
        ([(PRIMARIES, 'cicp:ColourPrimaries" value="12"')], None),
        ([('"urn:mpeg:mpegB:cicp:MatrixCoefficients"', '"urn:x"')], None),
        ([('value="9"', 'value="1"'), (TRANSFER, 'cicp:TransferCharacteristics" value="1"')], "sdr"),
    ],
)
def test_a_set_is_read_if_its_colour_is_one_that_is_known(changes: list[tuple[str, str]], found: str | None) -> None:
    p = read(*changes)
    ranges = {r.video.dynamic_range for r in (*p.video, *p.hdr_video) if r.id == "v720-hdr"}
    assert ranges == (set() if found is None else {found})


def test_a_set_of_two_ranges_is_not_written() -> None:
    p = regenerate.many_tracks()
    video, hdr, *others = p.adaptation_sets
    mixed = replace(video, representations=(*video.representations, *hdr.representations))
    with pytest.raises(
        MalformedManifestError, match="AdaptationSet 1 mixes dynamic ranges: give pq and sdr a set each"
    ):
        write_mpd(replace(p, adaptation_sets=(mixed, *others)))


@pytest.mark.parametrize(
    ("index", "channels"), [("1", 1), ("6", 6), ("7", 8), ("12", 8), ("11", 7), ("14", 8), ("8", 8)]
)
def test_channels_are_read_from_the_index_of_the_scheme(index: str, channels: int) -> None:
    audio = read(('2011" value="6"', f'2011" value="{index}"')).audio
    assert next(r for r in audio if r.id == "a384-en").audio.channels == channels  # type: ignore[union-attr]


def test_sound_that_the_scheme_cannot_say_is_not_written() -> None:
    p = regenerate.presentations()["sound.mpd"]
    [s] = p.adaptation_sets
    odd = replace(s.representations[0], audio=replace(s.representations[0].audio, channels=9))
    with pytest.raises(MalformedManifestError, match="9 channels of sound"):
        write_mpd(replace(p, adaptation_sets=(replace(s, representations=(odd,)),)))


@pytest.mark.shared
def test_a_published_manifest_of_many_tracks_is_valid_by_the_official_schemas(
    official_schema: Any, tracks_bundle: TinyBundle
) -> None:
    official_schema.assertValid(etree.parse(str(tracks_bundle.root / MANIFEST)))


def test_a_bundle_of_many_tracks_is_whole(tracks_bundle: TinyBundle) -> None:
    bundle = open_bundle(tracks_bundle.root)
    files = bundle.files()
    on_disk = {p.relative_to(bundle.root).as_posix() for p in bundle.root.rglob("*") if p.is_file()}
    assert on_disk == set(files)
    assert files["video/hdr/00001.m4s"].representation_id == "hdr"
    assert files["playlist_hdr~iframes.m3u8"].kind == "playlist"
    assert verify_bundle(bundle.root).problems == ()


@pytest.mark.parametrize("name", [MANIFEST, MASTER_PLAYLIST])
def test_an_unmodified_ffmpeg_plays_a_bundle_of_many_tracks(
    tracks_bundle: TinyBundle, tmp_path: Path, name: str
) -> None:
    """The picture of the first rung, and a sound track; by DASH without the subtitles, which ffmpeg refuses there."""
    root = tmp_path / "bundle"
    shutil.copytree(tracks_bundle.root, root)
    (root / MANIFEST).write_bytes(write_mpd(replace(tracks_bundle.presentation, text=())))
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    arguments = [ffmpeg, "-v", "error", "-nostdin", "-i", name, "-map", "0:v:0", "-map", "0:a:0", "-f", "framecrc", "-"]
    done = subprocess.run(arguments, cwd=root, capture_output=True, check=True, timeout=60)
    assert sum(line.startswith(b"0,") for line in done.stdout.splitlines()) == 60
    assert done.stderr == b""


def test_an_hdr_file_that_is_gone_or_of_another_range_is_a_problem(tracks_bundle: TinyBundle, tmp_path: Path) -> None:
    root = tmp_path / "bundle"
    shutil.copytree(tracks_bundle.root, root)
    manifest = (root / MANIFEST).read_text("utf-8")
    (root / MANIFEST).write_text(manifest.replace(TRANSFER, 'cicp:TransferCharacteristics" value="18"'), "utf-8")
    assert "video/hdr/init.mp4: dynamic range is pq, the manifest says hlg" in verify_bundle(root).problems
    (root / "video/hdr/00002.m4s").unlink()
    assert any(problem.startswith("video/hdr/00002.m4s: ") for problem in verify_bundle(root).problems)


def test_hdr_rungs_are_in_step_with_the_others(tracks_bundle: TinyBundle, tmp_path: Path) -> None:
    root = tmp_path / "bundle"
    shutil.copytree(tracks_bundle.root, root)
    p = tracks_bundle.presentation
    video, hdr, *others = p.adaptation_sets
    [r] = hdr.representations
    late = replace(r, segments=tuple(replace(s, start_ticks=s.start_ticks + 512) for s in r.segments))
    with pytest.raises(BrokenBundleError, match="segment 1 of hdr has other boundaries than that of low"):
        publish_manifest(
            root,
            replace(p, adaptation_sets=(video, replace(hdr, representations=(late,)), *others), duration_s=Fraction(3)),
        )


def test_models_are_for_sdr_pictures(tracks_bundle: TinyBundle, tmp_path: Path) -> None:
    p = tracks_bundle.presentation
    video, hdr, *others = p.adaptation_sets
    track = ModelTrack("x", "c4d1", 2, 1, 1, 1, "ndm/1", (), (None, None))
    [r] = hdr.representations
    enhanced = replace(hdr, representations=(replace(r, model_tracks=(track,)),))
    with pytest.raises(BrokenBundleError, match="hdr: models are for SDR pictures, these are HDR"):
        publish_manifest(tracks_bundle.root, replace(p, adaptation_sets=(video, enhanced, *others)))


def test_inspect_tells_tracks_apart(tracks_bundle: TinyBundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tracks_bundle.root)]) == 0
    out = capsys.readouterr().out
    for line in (
        "64x36 30 fps PQ",
        '48000 Hz, 2 ch, en "English", main',
        '48000 Hz, 6 ch, en "English", main',
        '48000 Hz, 2 ch, fr "Français", dub',
        "48000 Hz, 2 ch, of no stated language, alternate",
        't1: subtitles, en "English", ',
        "t2: subtitles, en, caption, ",
    ):
        assert line in out
    assert main(["inspect", str(tracks_bundle.root), "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [rung["id"] for rung in told["rungs"]] == ["low", "high", "hdr", "a3", "a6", "a7", "a1", "a2", "a4", "a5"]
    assert [rung.get("dynamic_range") for rung in told["rungs"][:4]] == ["sdr", "sdr", "pq", None]
    assert (told["rungs"][-2]["language"], told["rungs"][-2]["label"], told["rungs"][-2]["role"]) == (
        "fr", "Français", "dub",
    )  # fmt: skip
