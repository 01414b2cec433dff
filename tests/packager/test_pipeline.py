"""The way from a video to a bundle, on generated media."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from manifests.bundle import open_bundle, read_json
from manifests.names import PROVENANCE
from manifests.verify import verify_bundle
from media.frames import Frame
from media.source.probe import probe
from media.source.reference import reference_frames
from media.source.treatment import SourceTreatment
from packager.encode import audio_arguments, poster_arguments

if TYPE_CHECKING:
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Package = Callable[..., Path]
Decoded = Callable[[Path, str], list[list[Frame]]]


def flat(segments: list[list[Frame]]) -> list[Frame]:
    return [frame for segment in segments for frame in segment]


def assert_same(ours: list[Frame], theirs: list[Frame]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.pts_s == b.pts_s
        assert all(np.array_equal(getattr(a, plane), getattr(b, plane)) for plane in "yuv")


def references(bundle: Path, source: Path, rung: str) -> list[Frame]:
    treatment = SourceTreatment.from_json(read_json(bundle, PROVENANCE)["treatment"])
    [r] = [r for r in open_bundle(bundle).presentation.video if r.id == rung]
    return list(reference_frames(source, treatment, r.video.width, r.video.height))


def test_a_bundle_opens_and_lists_every_file_it_has(packaged_bundle: Path) -> None:
    bundle = open_bundle(packaged_bundle)
    there = {p.relative_to(packaged_bundle).as_posix() for p in packaged_bundle.rglob("*") if p.is_file()}
    assert set(bundle.files()) == there
    assert [(r.id, r.video.width if r.video else 0) for r in bundle.presentation.video] == [("v90", 160), ("v180", 320)]
    assert bundle.presentation.duration_s == 4
    assert {len(r.segments) for r in bundle.presentation.video} == {4}
    assert (packaged_bundle / "poster.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_bandwidth_is_that_of_the_largest_segment(packaged_bundle: Path) -> None:
    for r in open_bundle(packaged_bundle).presentation.video:
        sizes = [path.stat().st_size for path in packaged_bundle.glob(f"video/{r.id}-*/*.m4s")]
        assert r.bandwidth_bps == 8 * max(sizes)


def test_video_is_tagged(packaged_bundle: Path, tmp_path: Path) -> None:
    (init,) = packaged_bundle.glob("video/v90-*/init.mp4")
    joined = tmp_path / "joined.mp4"
    joined.write_bytes(init.read_bytes() + (init.parent / "00001.m4s").read_bytes())
    video = probe(joined).video
    assert (video.matrix, video.transfer, video.full_range, video.pixel_format) == ("bt709", 1, False, "yuv420p")


def test_lossless_rungs_are_the_reference_frames(testsrc_video: Path, package: Package, decoded: Decoded) -> None:
    bundle = package(testsrc_video, "--rungs", "90@crf0,180@crf0", "--start", "0.5", "--duration", "2")
    for rung in ("v90", "v180"):
        assert_same(flat(decoded(bundle, rung)), references(bundle, testsrc_video, rung))


def test_so_they_are_for_a_varying_rate(
    make_video: MakeVideo, tmp_path: Path, package: Package, decoded: Decoded
) -> None:
    uneven = make_video(
        tmp_path / "uneven.mkv",
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30:duration=3"),
        *("-vf", "select='lt(n,20)+gt(random(1),0.6)'", "-fps_mode", "passthrough", "-c:v", "ffv1"),
    )
    bundle = package(uneven, "--rungs", "90@crf0", "--segment-seconds", "1")
    assert_same(flat(decoded(bundle, "v90")), references(bundle, uneven, "v90"))


@pytest.mark.parametrize(("rate", "frames"), [("30000/1001", 61), ("24", 1), ("25/2", 20), ("17", 40)])
def test_a_constant_rate_keeps_every_frame(
    make_video: MakeVideo, tmp_path: Path, package: Package, rate: str, frames: int
) -> None:
    for suffix in ("mp4", "mkv", "ts"):  # exact time, milliseconds, a clock that does not begin at nought
        if suffix == "ts" and frames == 1:
            continue  # one frame in a transport stream has no rate
        source = make_video(
            tmp_path / f"source.{suffix}",
            *("-f", "lavfi", "-i", f"testsrc2=size=64x64:rate={rate}", "-frames:v", str(frames)),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2"),
        )
        bundle = package(source, "--rungs", "64@crf40", name=suffix)
        [r] = open_bundle(bundle).presentation.video
        assert r.duration_s * r.video.frame_rate == frames


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_film_has_a_poster(make_video: MakeVideo, tmp_path: Path, package: Package, frames: int) -> None:
    source = make_video(
        tmp_path / "short.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=30000/1001", "-frames:v", str(frames)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    )
    assert (package(source, "--rungs", "64@crf40") / "poster.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_an_empty_poster_is_not_published(
    silent_video: Path, tmp_path: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ffmpeg calls it a success where there is no picture at that time."""
    beyond = partial(poster_arguments, at_s=Fraction(100))
    monkeypatch.setattr("packager.pipeline.poster_arguments", lambda track, at_s: beyond(track))
    with pytest.raises(AssertionError, match="poster"):
        package(silent_video, "--rungs", "144@crf40")
    assert not (tmp_path / "bundle" / "manifest.mpd").exists()


def test_the_fixed_ladder_halves_the_source(silent_video: Path, package: Package) -> None:
    presentation = open_bundle(package(silent_video, "--rungs", "fixed")).presentation
    assert [r.id for r in presentation.video] == ["v144"]
    assert presentation.audio == ()


@pytest.mark.parametrize("late", ["audio", "video"])
def test_sound_stays_with_its_picture(
    make_video: MakeVideo, tmp_path: Path, package: Package, decoded: Decoded, late: str
) -> None:
    # A white flash and a beep at the same moment, 1 s into one stream, 0.68 s into the one that begins 0.32 s later.
    flash, beep = (1.0, 0.68) if late == "audio" else (0.68, 1.0)
    offset = {"audio": ((), ("-itsoffset", "0.32")), "video": (("-itsoffset", "0.32"), ())}[late]
    source = make_video(
        tmp_path / "source.mkv",
        *offset[0],
        *(
            "-f",
            "lavfi",
            "-i",
            f"color=black:size=64x64:rate=25:duration=2,geq=lum='if(gte(T,{flash - 0.02}),235,16)':cb=128:cr=128",
        ),
        *offset[1],
        *("-f", "lavfi", "-i", f"aevalsrc='if(gte(t,{beep}),sin(2800*t),0)':sample_rate=44100:duration=2"),
        *("-c:v", "ffv1", "-c:a", "pcm_s16le"),
    )
    bundle = package(source, "--rungs", "64@crf20", "--segment-seconds", "1")
    [rung] = [r.id for r in open_bundle(bundle).presentation.video]
    flash_s = next(f.pts_s for segment in decoded(bundle, rung) for f in segment if f.y.mean() > 128)
    assert abs(float(flash_s) - first_sound_s(bundle)) < 0.002


def first_sound_s(bundle: Path) -> float:
    joined = bundle.parent / "joined.mp4"
    parts = [*bundle.glob("audio/a128-*/init.mp4"), *sorted(bundle.glob("audio/a128-*/*.m4s"))]
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with av.open(str(joined)) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return float(np.argmax(np.abs(samples) > 0.3)) / 48000


def test_audio_covers_the_video_and_hardly_more(packaged_bundle: Path) -> None:
    presentation = open_bundle(packaged_bundle).presentation
    [audio] = presentation.audio
    assert presentation.duration_s <= audio.duration_s < presentation.duration_s + Fraction(1024, 48000)
    assert len(audio.segments) <= len(presentation.video[0].segments)


def test_audio_that_ends_early_is_filled_with_silence(make_video: MakeVideo, tmp_path: Path, package: Package) -> None:
    source = make_video(
        tmp_path / "source.mkv",
        *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=2", "-f", "lavfi", "-i", "sine=duration=0.5"),
        *("-c:v", "ffv1", "-c:a", "flac"),
    )
    [audio] = open_bundle(package(source, "--rungs", "64@crf30")).presentation.audio
    assert audio.duration_s >= 2


@pytest.fixture
def with_sound(make_video: MakeVideo, tmp_path: Path) -> Path:
    """ffmpeg's test pattern, 64x64, 25 frames a second, 2 s, FFV1; a tone in FLAC."""
    return make_video(
        tmp_path / "with_sound.mkv",
        *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=2", "-f", "lavfi", "-i", "sine=duration=2"),
        *("-c:v", "ffv1", "-c:a", "flac"),
    )


def test_sound_that_does_not_decode_is_left_out_and_said(
    with_sound: Path, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    with_sound.write_bytes(with_sound.read_bytes().replace(b"A_FLAC", b"A_DTS\0"))
    assert open_bundle(package(with_sound, "--rungs", "64@crf30")).presentation.audio == ()
    assert "the audio could not be kept (dca: " in capsys.readouterr().err


def test_sound_that_cannot_be_written_ends_the_run_which_goes_on_later(
    with_sound: Path, tmp_path: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no reason for a film to be silent for ever."""
    real = audio_arguments

    def nowhere(channels: int, bps: int, path: Path) -> list[str]:
        return real(channels, bps, path.parent / "gone" / path.name)

    monkeypatch.setattr("packager.sound.encoding.audio_arguments", nowhere)
    with pytest.raises(AssertionError, match="neudash package: ffmpeg ended with status"):
        package(with_sound, "--rungs", "64@crf30")
    assert list((tmp_path / "bundle").glob(".work/*/v64.mp4"))
    monkeypatch.undo()
    assert open_bundle(package(with_sound, "--rungs", "64@crf30")).presentation.audio


def test_provenance_tells_what_it_takes_to_do_it_again(packaged_bundle: Path, testsrc_video: Path) -> None:
    value = read_json(packaged_bundle, PROVENANCE)
    assert value["source"]["name"] == "testsrc.mp4"
    assert len(value["source"]["sha256"]) == 64
    assert value["source"]["probe"] == json.loads(json.dumps(probe(testsrc_video).to_json()))
    assert value["packaging"]["settings"]["rungs"][0] == {"id": "v90", "width": 160, "height": 90, "rate": "crf30"}
    assert value["packaging"]["tools"]["ffmpeg"].startswith("ffmpeg version")
    assert str(testsrc_video.parent) not in json.dumps(value)


def test_names_with_a_meaning_to_other_programs_do_no_harm(
    silent_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packager.cli import main

    monkeypatch.chdir(tmp_path)
    Path("-i a:b#c %03d.mp4").write_bytes(silent_video.read_bytes())
    options = ["--rungs", "144@crf40", "--preset", "ultrafast", "-q"]
    assert main([*options, "-o", "out:put#1 %d", "--", "-i a:b#c %03d.mp4"]) == 0
    assert open_bundle(tmp_path / "out:put#1 %d").presentation.title == "-i a:b#c %03d"


def test_a_bit_that_was_lost_is_found(packaged_bundle: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(packaged_bundle, bundle)
    assert verify_bundle(bundle).problems == ()
    segment = next(bundle.glob("video/v90-*/00002.m4s"))
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    segment.write_bytes(data)
    assert verify_bundle(bundle).problems == ("v90: its segments are not byte for byte those that were packaged",)
