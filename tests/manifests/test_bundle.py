"""Opening a bundle: what the manifest lists is read, and nothing else."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest

from manifests.bundle import ListedFile, open_bundle, publish_manifest
from manifests.errors import BrokenBundleError, MalformedManifestError
from manifests.files import publish_file
from manifests.model import TextTrack
from manifests.names import MANIFEST, MASTER_PLAYLIST, POSTER, PROVENANCE, QUALITY, model_href, text_href
from manifests.verify import verify_bundle
from neudash.inspect.describe import as_text, describe
from tests.support.paths import tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tiny_bundle import TinyBundle


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


def test_a_folder_of_bundles_is_told_from_a_bundle(tiny_bundle: TinyBundle) -> None:
    with pytest.raises(BrokenBundleError, match=r"it contains bundles; name one, such as .*bundle$"):
        open_bundle(tiny_bundle.root.parent)
