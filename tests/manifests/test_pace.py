"""Frames and sound that do not last as they should: a player shows them as stalls and drift, `verify` names them.

Each broken file is made by ffmpeg as the packager once made it: frames squeezed together, sound cut into crumbs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg
import pytest

from manifests.bundle import publish_manifest
from manifests.checks import presentation_problems
from manifests.errors import BrokenBundleError
from manifests.hls.write import I_FRAME_STREAM
from manifests.measure import MeasuredMedia, MeasuredSegment
from manifests.model import AdaptationSet, Presentation, VideoFormat
from manifests.mp4.fragments import ByteRange, FragmentInfo, read_fragment, read_init
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST
from manifests.pace import pace_problems
from manifests.verify import verify_bundle
from tests.support.presentations import R, measured_segments, rung_of, series_of, with_series

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tiny_bundle import TinyBundle

X264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 30 -sc_threshold 0 -bf 0"

SQUEEZED = "settb=1/15360,setpts='if(lt(N,30),N*512,if(lt(N,45),29*512+N-29,N*512))'"


def segmented(folder: Path, arguments: str) -> None:
    """Cut what ffmpeg makes of these arguments into segments of a second, as they come, good or not."""
    folder.mkdir(parents=True)
    output = "-f dash -seg_duration 1 -use_template 1 -use_timeline 1 -init_seg_name init.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *f"-v error -nostdin -f lavfi {arguments} {output}".split()]
    subprocess.run([*command, "-media_seg_name", "$Number%05d$.m4s", str(folder / "x.mpd")], check=True, timeout=60)
    (folder / "x.mpd").unlink()


def measured(root: Path, r: R, kind: str) -> R:
    """`r` with codec, clock and segments as they lie in the folder of its id."""
    folder = root / kind / r.id
    init = read_init((folder / "init.mp4").read_bytes())
    found = [read_fragment(path.read_bytes(), init) for path in sorted(folder.glob("*.m4s"))]
    series = series_of(r.id, init.timescale, kind)
    segments = measured_segments(series, [(f.start_ticks, f.duration_ticks) for f in found])
    return replace(r, codecs=init.codecs, segments=segments)


def with_rung(bundle: Any, root: Path, arguments: str, **video: Any) -> Presentation:
    """A bundle at `root` of the tiny bundle's sound and of one rung that ffmpeg makes."""
    shutil.copytree(bundle.root, root, dirs_exist_ok=True)
    shutil.rmtree(root / "video")
    (root / "video").mkdir()
    segmented(root / "video" / "low", arguments)
    p = bundle.presentation
    low = measured(root, p.video[0], "video")
    low = replace(low, video=replace(low.video, **video), model_tracks=())
    sets = (replace(p.adaptation_sets[0], representations=(low,)), *p.adaptation_sets[1:])
    end = max(s.end_s for s in low.segments)
    return replace(p, adaptation_sets=sets, duration_s=end)


def with_sound(bundle: Any, root: Path, arguments: str) -> Presentation:
    """The same with the tiny bundle's rungs and other sound."""
    shutil.copytree(bundle.root, root, dirs_exist_ok=True)
    shutil.rmtree(root / "audio")
    segmented(root / "audio" / "sound", arguments)
    p = bundle.presentation
    *video, audio = p.adaptation_sets
    return replace(p, adaptation_sets=(*video, replace(audio, representations=(measured(root, p.audio[0], "audio"),))))


def problems_of(root: Path, p: Presentation) -> tuple[str, ...]:
    """Returns the problems that `verify` finds in the bundle; its playlists are left out of it."""
    (root / MANIFEST).write_bytes(write_mpd(p))
    return tuple(text for text in verify_bundle(root).problems if ".m3u8" not in text)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (  # a size that changed in mid-stream made ffmpeg count from 0 again, a tick apart
            f"-i testsrc2=s=64x36:r=30:d=2 -vf {SQUEEZED} -enc_time_base 1/15360 -fps_mode passthrough {X264}",
            r"frames of segment \d last from 1 to \d+ ticks, each lasts 512 at 30 fps: the picture would stall or jump",
        ),
        (  # frames left out, the time kept
            f"-i testsrc2=s=64x36:r=30:d=2 -vf select='not(between(n,40,44))' -fps_mode passthrough {X264}",
            r"frames of segment 2 last from 512 to 3072 ticks, each lasts 512 at 30 fps: .*",
        ),
        (  # steady, but at another rate than the manifest states
            f"-i testsrc2=s=64x36:r=25:d=2 {X264}",
            r"frames of segment 1 last 512 ticks, each lasts 426\.667 at 30 fps: .*",
        ),
    ],
)
def test_frames_that_do_not_last_as_the_rate_says_are_a_problem(
    published_bundle: TinyBundle, tmp_path: Path, arguments: str, problem: str
) -> None:
    p = with_rung(published_bundle, tmp_path, arguments)
    found = [text for text in problems_of(tmp_path, p) if "sound" not in text]
    assert len(found) == 1 and re.fullmatch(f"low: {problem}", found[0])
    with pytest.raises(BrokenBundleError, match=r"low: frames of segment|sound: the sound ends"):
        publish_manifest(tmp_path, p)


def test_rungs_with_the_same_fault_are_named_in_one_sentence(published_bundle: TinyBundle, tmp_path: Path) -> None:
    p = with_rung(published_bundle, tmp_path, f"-i testsrc2=s=64x36:r=25:d=2 {X264}")
    shutil.copytree(tmp_path / "video" / "low", tmp_path / "video" / "high")
    [low] = p.video
    video = replace(
        p.adaptation_sets[0],
        representations=(low, with_series(replace(low, id="high"), **vars(series_of("high", low.timescale)))),
    )
    found = problems_of(tmp_path, replace(p, adaptation_sets=(video, *p.adaptation_sets[1:])))
    assert [text.partition(":")[0] for text in found] == ["low, high"]


def of_milliseconds(frames: int, shortest: int, longest: int, duration_ticks: int) -> list[str]:
    """The problems of one segment of a rung of 30 fps whose clock counts milliseconds."""
    info = FragmentInfo(0, duration_ticks, frames, True, shortest, longest, longest, ByteRange(0, 1))
    r = rung_of("low", VideoFormat(64, 36, Fraction(30)), [duration_ticks], 1000)
    p = Presentation(Fraction(9), (AdaptationSet("1", "video", "video/mp4", (r,)),))
    media = MeasuredMedia(None, (MeasuredSegment(r.segments[0], "1.m4s", 1, info),), ())
    return list(pace_problems(p, {"low": media}))


def test_a_clock_too_coarse_for_the_rate_is_no_fault_of_the_frames() -> None:
    assert of_milliseconds(60, 33, 34, 2000) == []
    assert of_milliseconds(60, 32, 34, 2000) != []
    assert of_milliseconds(60, 33, 35, 2000) != []


def test_a_segment_with_frames_too_many_for_its_time_is_a_problem() -> None:
    """Each frame of 33 ms is a thirtieth of a second to within rounding, but 60 of them are not two seconds."""
    [problem] = of_milliseconds(60, 33, 33, 1980)
    assert problem == "low: segment 1 has 60 frames, at 30 fps 59 fit into its duration"


def test_one_frame_is_a_title(published_bundle: TinyBundle, tmp_path: Path) -> None:
    p = with_rung(published_bundle, tmp_path, f"-i testsrc2=s=64x36:r=30 -frames:v 1 {X264}")
    only = replace(p, adaptation_sets=p.adaptation_sets[:1])
    shutil.rmtree(tmp_path / "audio")
    assert problems_of(tmp_path, only) == ()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            "-i sine=d=2:r=48000 -af aselect='not(between(t,1.2,1.5))' -ac 2 -c:a aac",
            r"sound: sound samples of segment \d last from \d+ to \d+ ticks, a frame of mp4a\.40\.2 lasts 1024: "
            r"the sound would break off or drift",
        ),
        ("-i sine=d=1.5:r=48000 -ac 2 -c:a aac", r"sound: the sound ends 0\.4\d\d s before the picture, .*"),
        ("-i sine=d=3:r=48000 -ac 2 -c:a aac", r"sound: the sound ends 1\.0\d\d s after the picture, .*"),
    ],
)
def test_sound_that_breaks_off_or_does_not_cover_the_picture_is_a_problem(
    published_bundle: TinyBundle, tmp_path: Path, arguments: str, problem: str
) -> None:
    p = with_sound(published_bundle, tmp_path, arguments)
    found = problems_of(tmp_path, p)
    assert len(found) == 1 and re.fullmatch(problem, found[0])
    with pytest.raises(BrokenBundleError, match="sound: "):
        publish_manifest(tmp_path, p)


def test_sound_that_starts_late_is_a_problem(published_bundle: TinyBundle) -> None:
    """The gap would be silence in one player and a shift in the next."""
    *video, audio = published_bundle.presentation.adaptation_sets
    [r] = audio.representations
    late = replace(r, segments=tuple(replace(s, start_ticks=s.start_ticks + 24000) for s in r.segments))
    p = replace(published_bundle.presentation, adaptation_sets=(*video, replace(audio, representations=(late,))))
    assert "sound: the sound starts 0.500 s after the picture" in list(presentation_problems(p))


@pytest.mark.parametrize("codec", ["ac3", "eac3", "aac -ac 6 -ar 44100"])
def test_whole_frames_of_every_codec_are_sound(published_bundle: TinyBundle, tmp_path: Path, codec: str) -> None:
    """Dolby's are of 1536 samples; what an encoder cuts off its last one is no fault."""
    p = with_sound(published_bundle, tmp_path, f"-i aevalsrc=0.1*sin(600*t)|0:d=1.98:s=48000 -c:a {codec}")
    init = read_init((tmp_path / "audio/sound/init.mp4").read_bytes())
    [r] = p.audio
    r = replace(r, audio=replace(r.audio, channels=init.channels, sample_rate_hz=init.sample_rate_hz))
    sets = (p.adaptation_sets[0], AdaptationSet("2", "audio", "audio/mp4", (r,)))
    assert problems_of(tmp_path, replace(p, adaptation_sets=sets)) == ()


def earlier_playlists(root: Path) -> None:
    """Playlists as versions before this one wrote them: no I-frames, names by id, other attributes."""
    for path in root.glob("*~iframes.m3u8"):
        path.unlink()
    master = root / "master.m3u8"
    lines = [line for line in master.read_text().splitlines() if not line.startswith(I_FRAME_STREAM)]
    text = "\n".join(lines).replace(",CLOSED-CAPTIONS=NONE", "").replace("VIDEO-RANGE=SDR,", "")
    master.write_text(re.sub('NAME="[^"]*"', 'NAME="sound"', text) + "\n")
    for path in root.glob("playlist_*.m3u8"):
        path.write_text(re.sub(r"TARGETDURATION:\d+", "TARGETDURATION:1", path.read_text()))


def test_playlists_of_an_earlier_version_are_sound(tiny_bundle: TinyBundle) -> None:
    earlier_playlists(tiny_bundle.root)
    assert verify_bundle(tiny_bundle.root).problems == ()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("playlist_low.m3u8", "#EXTINF:1.000000", "#EXTINF:1.100000"),
        ("playlist_low.m3u8", "00002.m4s", "00001.m4s"),
        ("playlist_high.m3u8", "init.mp4", "00001.m4s"),
        ("playlist_low.m3u8", "#EXT-X-ENDLIST", ""),
        ("master.m3u8", "playlist_low.m3u8", "playlist_high.m3u8"),
        ("master.m3u8", 'URI="playlist_sound.m3u8"', 'URI="playlist_low.m3u8"'),
    ],
)
def test_playlists_of_an_earlier_version_must_list_what_is_played(
    tiny_bundle: TinyBundle, name: str, old: str, new: str
) -> None:
    earlier_playlists(tiny_bundle.root)
    path = tiny_bundle.root / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert verify_bundle(tiny_bundle.root).problems == (f"{name} does not match the manifest",)


def test_a_missing_playlist_of_i_frames_is_a_problem_if_the_master_names_one(tiny_bundle: TinyBundle) -> None:
    (tiny_bundle.root / "playlist_low~iframes.m3u8").unlink()
    assert verify_bundle(tiny_bundle.root).problems == ("playlist_low~iframes.m3u8 is missing",)


def test_the_frame_rate_may_be_any_fraction(published_bundle: TinyBundle, tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    arguments = f"-i testsrc2=s=64x36:r=30000/1001:d=2.002 {X264}"
    p = with_rung(published_bundle, tmp_path, arguments, frame_rate=rate)
    assert p.video[0].video == VideoFormat(64, 36, rate)
    assert problems_of(tmp_path, p) == ()
