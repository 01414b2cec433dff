"""Sound of a source becomes AdaptationSets that play it in time, on generated media."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.bundle import open_bundle, read_json
from manifests.names import PROVENANCE
from manifests.verify import verify_bundle
from packager.cli import main
from packager.sound import encoding
from packager.sound.encoding import Joiner

if TYPE_CHECKING:
    from manifests.model import AdaptationSet
    from media.sound.placement import Samples
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Package = Callable[..., Path]

RATE = 48_000
BLACK = ("-f", "lavfi", "-i", "color=black:size=64x64:rate=25:duration=3")
CLICKS = ("-f", "lavfi", "-i", "aevalsrc='0.7*sin(2*PI*1000*t)*lt(mod(t,1),0.05)':s=48000:d=3")
TONE = ("-f", "lavfi", "-i", "sine=440:d=3:r=48000")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "10")
SMALL = ("--rungs", "64@crf40")


def sound_of(bundle: Path) -> dict[str, Samples]:
    """Decodes each representation of sound to samples, (n, channels), by its id."""
    opened = open_bundle(bundle)
    assert verify_bundle(bundle).problems == ()
    found = {}
    for r in opened.presentation.audio:
        path = bundle.parent / f"{r.id}.mp4"
        path.write_bytes(b"".join(map(opened.read, [r.init_href, *(s.href for s in r.segments)])))
        with av.open(str(path)) as container:
            found[r.id] = np.concatenate([frame.to_ndarray().T for frame in container.decode(audio=0)])
            assert (
                opened.presentation.duration_s * RATE <= len(found[r.id]) < opened.presentation.duration_s * RATE + 1024
            )
    return found


def sets_of(bundle: Path) -> list[AdaptationSet]:
    return [s for s in open_bundle(bundle).presentation.adaptation_sets if s.content_type == "audio"]


def clicks_s(samples: Samples) -> list[float]:
    loud = np.flatnonzero(np.abs(samples).max(axis=1) > 0.2)
    first = np.concatenate([[True], np.diff(loud) > RATE // 4])[: len(loud)]
    return [float(at) / RATE for at in loud[first]]


def test_every_language_is_a_set_with_its_name(make_video: MakeVideo, tmp_path: Path, package: Package) -> None:
    film = make_video(
        tmp_path / "film.mkv",
        *(*BLACK, *CLICKS, *TONE, "-map", "0", "-map", "1", "-map", "2", "-map", "2", *MPEG2, "-c:a", "flac"),
        *("-metadata:s:a:0", "language=fre", "-metadata:s:a:1", "language=eng", "-metadata:s:a:2", "language=eng"),
        *("-metadata:s:a:2", "title=Director speaks", "-disposition:a:0", "0", "-disposition:a:1", "default"),
        *("-disposition:a:2", "comment"),
    )
    bundle = package(film, *SMALL)
    assert [(s.language, s.label, s.role, s.representations[0].id) for s in sets_of(bundle)] == [
        ("en", "English", "main", "a128-en"),
        ("fr", "Français", "alternate", "a128-fr"),
        ("en", "Director speaks", "commentary", "a128-en-2"),
    ]
    sound = sound_of(bundle)
    assert np.allclose(clicks_s(sound["a128-fr"])[1:], [1, 2], atol=0.003)
    assert clicks_s(sound["a128-en"]) == [] and np.abs(sound["a128-en"]).max() > 0.1
    assert set(read_json(bundle, PROVENANCE)["packaging"]["sha256"]) == {"v64", *sound}


def test_5_1_stands_beside_a_stereo_mix_in_which_the_centre_is_heard(
    make_video: MakeVideo, tmp_path: Path, package: Package
) -> None:
    surround = ("-filter_complex", "[1]pan=5.1|FC=c0|BL=0.5*c0[a]", "-map", "0", "-map", "[a]")
    film = make_video(tmp_path / "film.mkv", *BLACK, *CLICKS, *surround, *MPEG2, "-c:a", "flac")
    bundle = package(film, *SMALL)
    sound = sound_of(bundle)
    assert {name: samples.shape[1] for name, samples in sound.items()} == {"a128": 2, "a384-51": 6}
    for samples in sound.values():
        assert np.allclose(clicks_s(samples)[1:], [1, 2], atol=0.003)
    peaks = np.abs(sound["a384-51"][RATE:]).max(axis=0)
    assert np.allclose(peaks, [0, 0, 0.7, 0, 0.35, 0], atol=0.1)
    left, right = np.abs(sound["a128"][RATE:]).max(axis=0)
    assert left > right > 0.15


def test_two_mono_tracks_of_a_camera_are_left_and_right(
    make_video: MakeVideo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = ("-map", "0", "-map", "1", "-map", "2", "-c:a", "pcm_s16le", "-ac", "1")
    film = make_video(tmp_path / "film.mxf", *BLACK, *CLICKS, *TONE, *maps, *MPEG2)
    assert main([str(film), "-o", str(tmp_path / "bundle"), "--preset", "ultrafast", *SMALL]) == 0
    assert "taken for left and right" in capsys.readouterr().err
    [samples] = sound_of(tmp_path / "bundle").values()
    assert np.allclose(clicks_s(samples[:, :1])[1:], [1, 2], atol=0.003)
    assert clicks_s(samples[:, 1:]) == [] and np.abs(samples[:, 1]).max() > 0.1


@pytest.mark.parametrize("late", ["sound", "picture"])
@pytest.mark.parametrize("suffix", ["ts", "vob", "mkv", "mp4"])
def test_streams_that_do_not_begin_together_stay_in_time(
    make_video: MakeVideo, tmp_path: Path, package: Package, late: str, suffix: str
) -> None:
    whole = make_video(tmp_path / f"whole.{suffix}", *BLACK, *CLICKS, *MPEG2, "-c:a", "ac3")
    offset = {"sound": ("0", "0.6"), "picture": ("0.6", "0")}[late]
    inputs = [word for offset_s in offset for word in ("-itsoffset", offset_s, "-i", str(whole))]
    film = make_video(tmp_path / f"film.{suffix}", *inputs, "-map", "0:v", "-map", "1:a", "-c", "copy")
    [samples] = sound_of(package(film, *SMALL)).values()
    wanted = [0.6, 1.6, 2.6] if late == "sound" else [0.4, 1.4]
    assert np.allclose(clicks_s(samples), wanted, atol=0.012)


def two_programmes(make_video: MakeVideo, path: Path) -> Path:
    """Programme 1: small, a tone. Programme 2: twice as large, clicks."""
    return make_video(
        path,
        *(*BLACK, *TONE, *CLICKS, "-filter_complex", "[0]split[a][b];[b]scale=128:128[c]"),
        *("-map", "[a]", "-map", "1", "-map", "[c]", "-map", "2", *MPEG2, "-c:a", "mp2"),
        *("-program", "title=a:st=0:st=1", "-program", "title=b:st=2:st=3", "-f", "mpegts"),
    )


def test_of_several_programmes_sound_is_that_of_the_picture(
    make_video: MakeVideo, tmp_path: Path, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    film = two_programmes(make_video, tmp_path / "film.ts")
    [samples] = sound_of(package(film, "--rungs", "128@crf40")).values()
    assert len(clicks_s(samples)) == 3
    assert "this is the picture and the sound of 2, --program chooses another: 1" in capsys.readouterr().err
    bundle = package(film, *SMALL, "--program", "1", name="one")
    [samples] = sound_of(bundle).values()
    assert clicks_s(samples) == []
    assert open_bundle(bundle).presentation.video[0].video.width == 64  # type: ignore[union-attr]


def test_a_programme_that_is_not_there_is_said(
    make_video: MakeVideo, tmp_path: Path, capsys: pytest.CaptureFixture[str], testsrc_video: Path
) -> None:
    film = two_programmes(make_video, tmp_path / "film.ts")
    for source, said in ((film, "it has 1, 2"), (testsrc_video, "it is not a transport stream with programmes")):
        assert main([str(source), "-o", str(tmp_path / "b"), "-q", "--program", "5"]) == 1
        assert f"has no programme 5; {said}" in capsys.readouterr().err


def test_lost_sound_is_said_with_its_place_and_length(
    make_video: MakeVideo, tmp_path: Path, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_video(tmp_path / "whole.mkv", *BLACK, *CLICKS, *MPEG2, "-c:a", "aac")
    drop = ("-c", "copy", "-bsf:a", "noise=drop='between(n,60,70)'")
    film = make_video(tmp_path / "film.mkv", "-i", str(whole), *drop)
    [samples] = sound_of(package(film, *SMALL)).values()
    assert np.allclose(clicks_s(samples)[1:], [1, 2], atol=0.003)
    said = "audio 1 (aac): 0.23 s of sound are missing or do not decode, in one place, first at 1.26 s"
    assert said in capsys.readouterr().err


def test_one_of_two_streams_that_does_not_decode_is_left_out(
    make_video: MakeVideo, tmp_path: Path, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    film = make_video(
        tmp_path / "film.mkv",
        *(*BLACK, *CLICKS, *TONE, "-map", "0", "-map", "1", "-map", "2", *MPEG2, "-c:a:0", "flac", "-c:a:1", "aac"),
    )
    film.write_bytes(film.read_bytes().replace(b"A_FLAC", b"A_DTS\0"))
    bundle = package(film, *SMALL)
    [only] = sets_of(bundle)
    assert (only.representations[0].id, only.role) == ("a128-und-2", "main")
    assert "audio 1 could not be kept (dca: not one of its packets decodes); it is left out" in capsys.readouterr().err
    sound_of(bundle)


def test_sound_of_another_part_is_said_to_be_none(
    make_video: MakeVideo, tmp_path: Path, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=0.5")
    film = make_video(tmp_path / "film.mkv", *BLACK, *sound, *MPEG2, "-c:a", "flac")
    assert sets_of(package(film, *SMALL, "--start", "2")) == []
    assert "(flac: has no sound in this part); the bundle is silent" in capsys.readouterr().err


def test_a_part_of_a_film_has_the_sound_of_that_part(make_video: MakeVideo, tmp_path: Path, package: Package) -> None:
    film = make_video(tmp_path / "film.mkv", *BLACK, *CLICKS, *MPEG2, "-c:a", "aac")
    [samples] = sound_of(package(film, *SMALL, "--start", "0.8", "--duration", "1.5")).values()
    assert np.allclose(clicks_s(samples), [0.2, 1.2], atol=0.003)


def test_sound_is_chosen_and_another_choice_is_another_bundle(
    make_video: MakeVideo, tmp_path: Path, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    film = make_video(
        tmp_path / "film.mkv",
        *(*BLACK, *CLICKS, *TONE, "-map", "0", "-map", "1", "-map", "2", *MPEG2, "-c:a", "flac"),
        *("-metadata:s:a:0", "language=fre", "-metadata:s:a:1", "language=eng"),
    )
    bundle = package(film, *SMALL, "--audio", "french")
    assert [(s.language, s.representations[0].id) for s in sets_of(bundle)] == [("fr", "a128")]
    assert package(film, *SMALL, "--audio", "1") == bundle, "the same, in other words"
    options = [str(film), "-o", str(bundle), "--preset", "ultrafast", "-q", *SMALL]
    assert main([*options, "--audio", "none"]) == 1
    assert "made otherwise (--audio)" in capsys.readouterr().err
    assert main([*options, "--audio", "de"]) == 1
    assert "has no sound in 'de'; it has audio 1 (flac, fr), audio 2 (flac, en)" in capsys.readouterr().err
    assert sets_of(package(film, *SMALL, "--audio", "none", name="silent")) == []
    with pytest.raises(SystemExit) as caught:
        main([*options, "--audio", "klingonese"])
    assert caught.value.code == 2


def test_warnings_about_sound_survive_a_run_that_is_stopped_later(
    make_video: MakeVideo,
    tmp_path: Path,
    package: Package,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = make_video(tmp_path / "film.mkv", *BLACK, *CLICKS, *MPEG2, "-c:a", "flac")
    film.write_bytes(film.read_bytes().replace(b"A_FLAC", b"A_DTS\0"))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("packager.pipeline.publish", stop)
        assert main([str(film), "-o", str(tmp_path / "bundle"), "-q", "--preset", "ultrafast", *SMALL]) == 130
    monkeypatch.setattr("packager.sound.encoding.SoundReader", None)
    capsys.readouterr()
    package(film, *SMALL)
    assert "the audio could not be kept" in capsys.readouterr().err


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3000)), max_size=40))
@settings(deadline=None)
def test_joined_streams_keep_step(blocks: list[tuple[int, int]]) -> None:
    """Whatever order they come in, sample n of each stands beside sample n of the others."""
    joiner, counts = Joiner(3), [0, 0, 0]
    joined = []
    for place, size in blocks:
        block = np.arange(counts[place], counts[place] + size, dtype=np.float32)[:, None] + 1
        counts[place] += size
        joined.append(joiner.add(place, block))
    line = np.concatenate([*joined, joiner.rest()])
    assert line.shape == (max(counts), 3)
    numbers = np.arange(max(counts)) + 1
    for place, count in enumerate(counts):
        assert np.array_equal(line[:count, place], numbers[:count])
        assert not line[count:, place].any()


def test_a_stream_that_comes_much_later_in_the_file_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MAX_AHEAD", 2000)
    monkeypatch.setattr(encoding, "CHUNK", 100)
    joiner, ones = Joiner(2), np.ones((1000, 1), np.float32)
    line = [joiner.add(0, ones) for _ in range(5)] + [joiner.add(1, ones) for _ in range(5)]
    whole = np.concatenate([*line, joiner.rest()])
    assert whole.shape == (5000, 2)
    assert whole[:, 0].all()
    assert not whole[:3000, 1].any() and whole[3000:, 1].all()
