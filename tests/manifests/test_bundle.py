"""The bundle on disk: nothing half-written is ever seen, nothing broken is ever published."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from console.outputs import OverwritesError, check_distinct
from manifests.bundle import ListedFile, open_bundle, publish_json, publish_manifest, read_json
from manifests.errors import BrokenBundleError, BundleError, MalformedManifestError
from manifests.files import publish_file
from manifests.model import Representation, TextTrack, VideoFormat
from manifests.mp4.fragments import read_fragment, read_init
from manifests.names import MANIFEST, MASTER_PLAYLIST, POSTER, PROVENANCE, QUALITY, model_href, text_href
from manifests.verify import verify_bundle
from neudash.inspect.describe import as_text, describe
from tests.support.presentations import measured_segments, with_series
from tests.support.tiny_bundle import TinyBundle


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_what_was_published_opens_as_it_was_meant(published_bundle: TinyBundle) -> None:
    bundle = open_bundle(published_bundle.root)
    assert bundle.presentation == published_bundle.presentation
    assert not [name for name in tree(published_bundle.root) if name.endswith(".tmp")]


def test_files_are_those_that_the_manifest_lists(tiny_bundle: TinyBundle) -> None:
    (tiny_bundle.root / "secret.txt").write_text("x")
    (tiny_bundle.root / QUALITY).write_text("{}")
    bundle = open_bundle(tiny_bundle.root)
    files = bundle.files()
    assert files[MANIFEST].kind == "manifest"
    assert files["video/low/init.mp4"] == ListedFile("video/low/init.mp4", "init", "low")
    assert files["audio/sound/00003.m4s"] == ListedFile("audio/sound/00003.m4s", "segment", "sound")
    assert files[MASTER_PLAYLIST].kind == "playlist" and files["playlist_high.m3u8"].kind == "playlist"
    assert files[QUALITY].kind == "metadata"
    assert PROVENANCE not in files and POSTER not in files and "secret.txt" not in files
    models = [file.href for file in files.values() if file.kind == "model"]
    assert len(models) == 2 and all(model_href(bundle.read(href)) == href for href in models)
    assert set(tree(tiny_bundle.root)) == {*files, "secret.txt"}


def test_only_listed_files_are_read(tiny_bundle: TinyBundle) -> None:
    (tiny_bundle.root / "secret.txt").write_text("x")
    bundle = open_bundle(tiny_bundle.root)
    for href in ("secret.txt", "../bundle/manifest.mpd", "/etc/passwd", "", "video"):
        with pytest.raises(KeyError):
            bundle.read(href)


def test_a_listed_file_that_is_gone_is_a_broken_bundle(tiny_bundle: TinyBundle) -> None:
    (tiny_bundle.root / "video/low/00002.m4s").unlink()
    with pytest.raises(BrokenBundleError, match=r"video/low/00002\.m4s"):
        open_bundle(tiny_bundle.root).read("video/low/00002.m4s")


@pytest.mark.skipif(os.name == "nt", reason="making links takes a privilege on Windows")
def test_a_link_out_of_the_bundle_is_not_followed(tiny_bundle: TinyBundle, tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("canary")
    segment = tiny_bundle.root / "video/low/00001.m4s"
    segment.unlink()
    segment.symlink_to(tmp_path / "canary")
    with pytest.raises(BrokenBundleError, match="leads out of the bundle"):
        open_bundle(tiny_bundle.root).read("video/low/00001.m4s")


def test_a_manifest_cannot_pass_itself_off_as_another_file(tiny_bundle: TinyBundle) -> None:
    text = (tiny_bundle.root / MANIFEST).read_text()
    href = next(f.href for f in open_bundle(tiny_bundle.root).files().values() if f.kind == "model")
    (tiny_bundle.root / MANIFEST).write_text(text.replace(href, MANIFEST))
    assert open_bundle(tiny_bundle.root).files()[MANIFEST].kind == "manifest"


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BrokenBundleError, match="is not a bundle"):
        open_bundle(tmp_path)


def test_a_manifest_beyond_the_bound_is_not_read(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(bytes(3 << 20))
    with pytest.raises(MalformedManifestError, match="bytes of XML"):
        open_bundle(tmp_path)


def test_publishing_replaces_whole_files_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.bin"
    publish_file(path, b"old")
    publish_file(path, b"new")
    assert tree(tmp_path) == {"a/b.bin": b"new"}


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_a_published_file_can_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        publish_file(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_a_publication_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_file(tmp_path / "x", b"old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        publish_file(tmp_path / "x", b"new")
    assert tree(tmp_path) == {"x": b"old"}


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


def test_playlists_say_what_the_manifest_says(published_bundle: TinyBundle) -> None:
    root, p = published_bundle.root, published_bundle.presentation
    master = (root / MASTER_PLAYLIST).read_text().splitlines()
    assert master[0] == "#EXTM3U" and sum(line.startswith("#EXT-X-STREAM-INF") for line in master) == 2
    for r in (*p.video, *p.audio):
        assert f"playlist_{r.id}.m3u8" in "\n".join(master)
        lines = (root / f"playlist_{r.id}.m3u8").read_text().splitlines()
        assert f'#EXT-X-MAP:URI="{r.init_href}"' in lines
        assert [line for line in lines if not line.startswith("#")] == [s.href for s in r.segments]
        durations = [float(line[8:-1]) for line in lines if line.startswith("#EXTINF:")]
        assert sum(durations) == pytest.approx(float(r.duration_s), abs=1e-5)
        target = next(int(line[22:]) for line in lines if line.startswith("#EXT-X-TARGETDURATION:"))
        assert target >= max(durations) and lines[-1] == "#EXT-X-ENDLIST"


@pytest.mark.parametrize("name", [MANIFEST, MASTER_PLAYLIST])
def test_an_unmodified_ffmpeg_plays_every_frame(published_bundle: TinyBundle, name: str) -> None:
    """The table of models is there, and no player stumbles over it."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    arguments = [ffmpeg, "-v", "error", "-nostdin", "-i", name, "-map", "0:v:0", "-f", "framecrc", "-"]
    done = subprocess.run(arguments, cwd=published_bundle.root, capture_output=True, check=True, timeout=60)
    assert sum(not line.startswith(b"#") for line in done.stdout.splitlines()) == 60
    assert done.stderr == b""


def test_json_survives_the_round_trip(tmp_path: Path) -> None:
    value = {"version": 1, "name": "Zürich", "gain": [0.5, None, True], "deep": {"a": {}}}
    publish_json(tmp_path, QUALITY, value)
    assert read_json(tmp_path, QUALITY) == value
    assert "Zürich" in (tmp_path / QUALITY).read_text("utf-8")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "cannot be read"),
        (b"", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"a": NaN}', "not a JSON number"),
        (b'{"a": Infinity}', "not a JSON number"),
        (b"[" * 200_000, "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "is not JSON"),
    ],
)
def test_broken_json_ends_in_one_clear_error(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / QUALITY).write_bytes(data)
    with pytest.raises(BrokenBundleError, match=message):
        read_json(tmp_path, QUALITY)


def test_a_value_that_json_cannot_say_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        publish_json(tmp_path, QUALITY, {"psnr": float("inf")})
    assert tree(tmp_path) == {}


SUBTITLES = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"


def with_subtitles(tiny_bundle: TinyBundle, data: bytes = SUBTITLES) -> TextTrack:
    """Publish the bundle anew with a track of subtitles."""
    track = TextTrack("t1", text_href(data), 200, "en")
    publish_file(tiny_bundle.root / track.href, data)
    publish_manifest(tiny_bundle.root, replace(open_bundle(tiny_bundle.root).presentation, text=(track,)))
    return track


def test_subtitles_are_listed_described_and_in_the_playlists(tiny_bundle: TinyBundle) -> None:
    track = with_subtitles(tiny_bundle)
    bundle = open_bundle(tiny_bundle.root)
    assert bundle.files()[track.href] == ListedFile(track.href, "text", "t1")
    assert set(tree(tiny_bundle.root)) == set(bundle.files())
    assert verify_bundle(tiny_bundle.root).problems == ()
    described = describe(bundle.presentation, lambda href: len(bundle.read(href)))
    assert described["subtitles"] == [
        {"id": "t1", "language": "en", "label": None, "role": "subtitle", "bytes": len(SUBTITLES)}
    ]
    assert "t1: subtitles, en, 38 B" in as_text(described)
    assert track.href in bundle.read("playlist_t1.m3u8").decode()
    master = bundle.read(MASTER_PLAYLIST).decode()
    assert 'TYPE=SUBTITLES,GROUP-ID="text",NAME="English",LANGUAGE="en"' in master
    assert all('SUBTITLES="text"' in line for line in master.splitlines() if line.startswith("#EXT-X-STREAM-INF"))


def test_subtitles_that_are_none_are_not_published(tiny_bundle: TinyBundle) -> None:
    before = (tiny_bundle.root / MANIFEST).read_bytes()
    with pytest.raises(BrokenBundleError, match="is not WebVTT"):
        with_subtitles(tiny_bundle, b"1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    assert (tiny_bundle.root / MANIFEST).read_bytes() == before


def test_broken_missing_and_unlisted_subtitles_are_found(tiny_bundle: TinyBundle) -> None:
    track = with_subtitles(tiny_bundle)
    path = tiny_bundle.root / track.href
    path.write_bytes(SUBTITLES + b"more\n")
    assert ["is not named by its content" in problem for problem in verify_bundle(tiny_bundle.root).problems] == [True]
    path.rename(path.with_name("other.vtt"))
    problems = verify_bundle(tiny_bundle.root).problems
    assert any(f"{track.href}: " in problem for problem in problems)
    assert "text/other.vtt is not in the manifest" in problems


def test_a_missing_model_is_one_problem(tiny_bundle: TinyBundle) -> None:
    for path in (tiny_bundle.root / "models").iterdir():
        path.unlink()
    problems = verify_bundle(tiny_bundle.root).problems
    assert len(problems) == 2 and len(set(problems)) == 2


def test_no_output_takes_the_place_of_another_file(tmp_path: Path) -> None:
    film, report = tmp_path / "film.mp4", tmp_path / "report.html"
    check_distinct([report, tmp_path / "r.json"], [film])
    with pytest.raises(OverwritesError, match="is an input"):
        check_distinct([tmp_path / "." / "film.mp4"], [film])
    with pytest.raises(OverwritesError, match="written twice"):
        check_distinct([report, tmp_path / "x" / ".." / "report.html"])


def test_a_folder_of_bundles_is_told_from_a_bundle(tiny_bundle: TinyBundle) -> None:
    with pytest.raises(BrokenBundleError, match=r"it contains bundles; name one, such as .*bundle$"):
        open_bundle(tiny_bundle.root.parent)
