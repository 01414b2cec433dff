"""One look at a whole source: packets, first picture, key frames; on files that ffmpeg makes here."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from media.errors import UnreadableSourceError
from media.source.scan import Scan, scan
from media.source.timeline import has_presentation_times

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Numbered = Callable[..., str]

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "12", "-x264-params", "b-adapt=0:scenecut=0")
AAC = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=2", "-c:a", "aac")


def times(found: Scan) -> list[Fraction]:
    return [time for time, _ in found.shown()]


def assert_even(found: Scan, frames: int, step_s: Fraction, tolerance_s: Fraction = Fraction(0)) -> None:
    assert len(times(found)) == frames
    assert all(abs(later - earlier - step_s) <= tolerance_s for earlier, later in pairwise(times(found)))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", X264),
        ("mkv", X264),
        ("ts", X264),
        ("flv", X264),
        ("avi", X264),
        ("h264", X264),
        ("avi", ("-c:v", "mpeg4", "-bf", "2")),
        ("m4v", ("-c:v", "mpeg4", "-bf", "2")),
        ("mpg", ("-c:v", "mpeg2video", "-bf", "2")),
        ("mxf", ("-c:v", "mpeg2video", "-bf", "2")),
        ("y4m", ()),
        ("nut", ("-c:v", "ffv1")),
        ("webm", ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16")),
        ("webm", ("-c:v", "libvpx-vp9", "-cpu-used", "5", "-auto-alt-ref", "1", "-lag-in-frames", "16")),
        ("webm", ("-c:v", "libsvtav1", "-preset", "12")),
        ("ivf", ("-c:v", "libvpx-vp9", "-cpu-used", "5", "-auto-alt-ref", "1", "-lag-in-frames", "16")),
        ("ogv", ("-c:v", "libtheora")),
        ("wmv", ("-c:v", "wmv2")),
        ("mjpeg", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
    ],
)
def test_every_container_has_all_its_pictures_one_step_apart(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path, suffix: str, codec: tuple[str, ...]
) -> None:
    path = make_video(tmp_path / f"film.{suffix}", "-f", "lavfi", "-i", numbered("25", 50), *codec)
    found = scan(path, 0, ())
    assert_even(found, 50, Fraction(1, 25), Fraction(1, 500))
    first = found.looks[0]
    assert (first.width, first.height, first.sar, first.interlaced) == (128, 64, 1, False)


def test_key_frames_are_looked_at_over_the_whole_length(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path
) -> None:
    path = make_video(tmp_path / "film.mp4", "-f", "lavfi", "-i", numbered("24", 240), *X264)
    found = scan(path, 0, ())
    places = sorted(found.shown()[0][0] + look.packet / Fraction(24) for look in found.looks)
    assert all(found.picture.keys[look.packet] for look in found.looks)
    assert all(later - earlier <= Fraction(1) for earlier, later in pairwise([*places, Fraction(10)]))


def test_invisible_frames_of_vp9_in_packets_of_their_own_are_not_pictures(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    film = ("-f", "lavfi", "-i", "mandelbrot=size=64x64:rate=25,trim=end_frame=60,format=yuv420p", "-c:v", "libvpx-vp9")
    options = ("-cpu-used", "5", "-auto-alt-ref", "1", "-lag-in-frames", "25", "-b:v", "200k")
    log = ("-passlogfile", str(tmp_path / "passes"))  # only two passes make such frames
    make_video(tmp_path / "first.webm", *film, *options, "-pass", "1", *log)
    joined = make_video(tmp_path / "joined.webm", *film, *options, "-pass", "2", *log)
    split = make_video(tmp_path / "split.nut", "-i", str(joined), "-c", "copy", "-bsf:v", "vp9_superframe_split")
    found = scan(split, 0, ())
    if len(found.picture) == 60:
        pytest.skip("this libvpx made no invisible frames, which it decides by itself")
    assert len(times(found)) == 60


def test_a_recording_begins_at_the_first_picture_that_decodes(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path
) -> None:
    """A recorder that is switched on in the middle of a group of pictures writes such a file."""
    whole = make_video(
        tmp_path / "whole.ts",
        *("-f", "lavfi", "-i", numbered("25", 75), *AAC, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30"),
    )
    data = whole.read_bytes()
    late = tmp_path / "late.ts"
    late.write_bytes(data[188 * (len(data) // 188 // 6) + 77 :])
    found = scan(late, 0, (1,))
    assert found.first_packet > 0
    assert found.picture.keys[found.first_packet]
    assert_even(found, 45, Fraction(1, 25))


def test_field_pictures_are_counted_as_frames(make_video: MakeVideo, tmp_path: Path, numbered: Numbered) -> None:
    path = make_video(
        tmp_path / "fields.mkv",
        *("-f", "lavfi", "-i", numbered("50", 100) + ",tinterlace=interleave_top"),
        *("-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-q:v", "2"),
    )
    assert_even(scan(path, 0, ()), 50, Fraction(1, 25), Fraction(1, 500))


def test_avi_and_raw_streams_have_no_presentation_times(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path
) -> None:
    for suffix in ("avi", "h264"):
        path = make_video(tmp_path / f"film.{suffix}", "-f", "lavfi", "-i", numbered("24", 48), *X264)
        assert not has_presentation_times(scan(path, 0, ()).picture)


def test_sound_and_picture_share_one_axis(make_video: MakeVideo, numbered: Numbered, tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "film.ts",
        *("-f", "lavfi", "-i", numbered("25", 50), "-itsoffset", "0.6", *AAC, *X264),
    )
    found = scan(path, 0, (1,))
    sound = found.timeline.times_s[1][0]
    assert sound is not None
    assert abs(sound - times(found)[0] - Fraction(3, 5)) < Fraction(1, 40)  # less what the encoder puts first


def test_a_file_that_is_cut_off_ends_with_its_last_whole_picture(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path
) -> None:
    whole = make_video(
        tmp_path / "whole.mp4",
        *("-f", "lavfi", "-i", numbered("25", 50), "-c:v", "libx264", "-g", "10", "-movflags", "+faststart"),
    )
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    found = scan(cut, 0, ())
    assert 0 < len(times(found)) < len(found.picture) < 50


def test_a_stream_of_which_nothing_decodes_is_refused(
    make_video: MakeVideo, numbered: Numbered, tmp_path: Path
) -> None:
    path = make_video(
        tmp_path / "noise.mkv",
        "-f",
        "lavfi",
        "-i",
        numbered("25", 30),
        "-c:v",
        "libvpx-vp9",
        "-bsf:v",
        "noise=amount=1",
    )
    with pytest.raises(UnreadableSourceError, match="none of its vp9 frames decodes"):
        scan(path, 0, ())
