"""Publishing a bundle: nothing half-written is ever seen, nothing broken is ever published."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.errors import BrokenBundleError, BundleError
from manifests.model import Representation, VideoFormat
from manifests.mp4.fragments import read_fragment, read_init
from manifests.names import MANIFEST, MASTER_PLAYLIST
from tests.support.paths import tree
from tests.support.presentations import measured_segments, with_series

if TYPE_CHECKING:
    from tests.support.tiny_bundle import TinyBundle


def test_the_manifest_is_published_after_all_else(tiny_bundle: TinyBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run killed at any replacement leaves the old manifest, or the new one with all it needs."""
    replaced: list[str] = []
    original = Path.replace

    def note(self: Path, target: Path) -> Path:
        replaced.append(Path(target).name)
        return original(self, target)

    monkeypatch.setattr(Path, "replace", note)
    publish_manifest(tiny_bundle.root, tiny_bundle.presentation)
    assert replaced[-1] == MANIFEST and MASTER_PLAYLIST in replaced


def test_publishing_again_changes_nothing(tiny_bundle: TinyBundle) -> None:
    before = tree(tiny_bundle.root)
    publish_manifest(tiny_bundle.root, tiny_bundle.presentation)
    assert tree(tiny_bundle.root) == before


def test_what_a_killed_writer_left_behind_does_not_matter(tiny_bundle: TinyBundle) -> None:
    (tiny_bundle.root / "video/low/.00001.m4s.0badcafe.tmp").write_bytes(b"half")
    publish_manifest(tiny_bundle.root, tiny_bundle.presentation)


def test_durations_and_gains_are_published_as_the_manifest_rounds_them(tiny_bundle: TinyBundle) -> None:
    def fine_gain(r: Representation) -> Representation:
        track = r.model_tracks[0]
        models = (replace(track.models[0], gain_db=0.12345), *track.models[1:])
        return replace(r, model_tracks=(replace(track, models=models),))

    p = replace(tiny_bundle.changed(fine_gain), duration_s=Fraction(7, 3))
    publish_manifest(tiny_bundle.root, p)
    read = open_bundle(tiny_bundle.root).presentation
    assert read.duration_s == Fraction(2_333_333_334, 10**9)
    assert read.video[0].model_tracks[0].models[0].gain_db == 0.123


def _remove(href: str) -> Any:
    return lambda root: (root / href).unlink()


def _write(href: str, data: bytes) -> Any:
    return lambda root: (root / href).write_bytes(data)


def _flip(href: str, at: int) -> Any:
    def flip(root: Path) -> None:
        data = bytearray((root / href).read_bytes())
        data[at] ^= 0xFF
        (root / href).write_bytes(data)

    return flip


def _copy(source: str, target: str) -> Any:
    return lambda root: (root / target).write_bytes((root / source).read_bytes())


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_remove("video/low/init.mp4"), "video/low/init.mp4: No such file"),
        (_remove("video/high/00002.m4s"), "video/high/00002.m4s: No such file"),
        (_remove("audio/sound/00001.m4s"), "audio/sound/00001.m4s: No such file"),
        (_write("video/low/00003.m4s", b"x"), "video/low/00003.m4s is not in the manifest"),
        (_write("audio/left.txt", b"x"), "audio/left.txt is not in the manifest"),
        (_write("video/low/00001.m4s", b""), "video/low/00001.m4s: no moof"),
        (_write("video/low/init.mp4", b""), "video/low/init.mp4: no moov"),
        (_copy("video/low/00002.m4s", "video/low/00001.m4s"), "00001.m4s: starts at 15360 .* manifest says 0"),
        (_copy("video/high/init.mp4", "video/low/init.mp4"), r"low/init.mp4: size is \(128, 72\)"),
        (_copy("video/low/init.mp4", "audio/sound/init.mp4"), "sound/init.mp4: timescale is 15360"),
    ],
)
def test_a_bundle_whose_files_belie_the_manifest_is_not_published(
    tiny_bundle: TinyBundle, harm: Any, message: str
) -> None:
    harm(tiny_bundle.root)
    before = tree(tiny_bundle.root)
    with pytest.raises(BrokenBundleError, match=message):
        publish_manifest(tiny_bundle.root, tiny_bundle.presentation)
    assert tree(tiny_bundle.root) == before


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("harm", ["missing", "flipped", "longer"])
def test_a_model_that_is_not_what_was_promised_is_not_published(tiny_bundle: TinyBundle, which: int, harm: str) -> None:
    href = tiny_bundle.presentation.video[0].model_tracks[0].models[which].href
    path = tiny_bundle.root / href
    if harm == "missing":
        path.unlink()
    elif harm == "flipped":
        _flip(href, 40)(tiny_bundle.root)
    else:
        path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BrokenBundleError, match=href):
        publish_manifest(tiny_bundle.root, tiny_bundle.presentation)


def test_a_model_not_named_by_its_content_is_not_published(tiny_bundle: TinyBundle) -> None:
    def renamed(r: Representation) -> Representation:
        track = r.model_tracks[0]
        models = (replace(track.models[0], href="models/best.ndm"), track.models[1])
        return replace(r, model_tracks=(replace(track, models=models),))

    href = tiny_bundle.presentation.video[0].model_tracks[0].models[0].href
    _copy(href, "models/best.ndm")(tiny_bundle.root)
    with pytest.raises(BrokenBundleError, match="not named by its content"):
        tiny_bundle.republish(renamed)


@pytest.mark.parametrize(
    ("media", "message"),
    [
        ("3", "other boundaries|segments"),  # cut at 0.8 s
        ("2", "frames in its segments"),  # the same boundaries, half the frames
    ],
)
def test_rungs_out_of_step_are_not_published(
    tiny_bundle: TinyBundle, tiny_media: Path, media: str, message: str
) -> None:
    folder = tiny_bundle.root / "video" / "low"
    for file in folder.iterdir():
        file.unlink()
    for file in (tiny_media / media).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    init = read_init((folder / "init.mp4").read_bytes())

    def measured(r: Representation) -> Representation:
        files = sorted(folder.glob("*.m4s"))
        infos = [read_fragment(file.read_bytes(), init) for file in files]
        times = [(f.start_ticks, f.duration_ticks) for f in infos]
        segments = measured_segments(replace(r.series, timescale=init.timescale), times)
        return replace(r, codecs=init.codecs, segments=segments, model_tracks=())

    with pytest.raises(BrokenBundleError, match=message):
        tiny_bundle.republish(measured)


def test_a_segment_that_does_not_start_with_a_sync_sample_is_not_published(tiny_bundle: TinyBundle) -> None:
    path = tiny_bundle.root / "video/low/00001.m4s"
    data = bytearray(path.read_bytes())
    flags = data.index(b"trun") + 4 + 4 + 4 + 4  # type, flags, sample count, data offset: first-sample flags
    assert data[flags : flags + 4] == b"\x02\0\0\0"
    data[flags : flags + 4] = b"\x01\x01\0\0"
    path.write_bytes(data)
    with pytest.raises(BrokenBundleError, match=r"00001\.m4s: does not start with a sync sample"):
        publish_manifest(tiny_bundle.root, tiny_bundle.presentation)


def _low(**changes: Any) -> Any:
    return lambda bundle: bundle.changed(lambda r: replace(r, **changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_low(video=VideoFormat(64, 36, Fraction(30), Fraction(4, 3))), "differ in aspect ratio"),
        (_low(bandwidth_bps=0), "bandwidth='0'"),
        (_low(id="../low"), "not of the form"),
        (lambda bundle: bundle.changed(lambda r: with_series(r, media="video/low/low.m4s")), "it needs"),
        (_low(codecs='avc1",X="'), "not of the form"),
        (lambda bundle: replace(bundle.presentation, duration_s=Fraction(1)), "ends after the presentation"),
        (lambda bundle: replace(bundle.presentation, base_urls=("cdn/",)), "relative BaseURL"),
        (lambda bundle: replace(bundle.presentation, base_urls=("file:///",)), "BaseURL"),
        (lambda bundle: replace(bundle.presentation, title=""), "does not read back"),
    ],
)
def test_a_presentation_against_the_rules_is_not_published(tiny_bundle: TinyBundle, change: Any, message: str) -> None:
    before = tree(tiny_bundle.root)
    with pytest.raises(BundleError, match=message):
        publish_manifest(tiny_bundle.root, change(tiny_bundle))
    assert tree(tiny_bundle.root) == before
