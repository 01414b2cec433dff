"""Decoded frames: exact copies of the planes, bounded, with an error of our own for what does not decode."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from manifests.bundle import open_bundle
from media.errors import UndecodableSegmentError
from media.frames import Frame, decode_segment, frame_from_i420, resize_frame
from media.programs import find_program, run

if TYPE_CHECKING:
    from pathlib import Path


def frame(width: int = 16, height: int = 8) -> Frame:
    random = np.random.default_rng(0)
    data = random.integers(16, 236, width * height * 3 // 2, dtype=np.uint8).tobytes()
    return frame_from_i420(data, width, height, Fraction(1, 24))


def test_planes_and_bytes_are_each_others_inverse() -> None:
    picture = frame()
    assert (picture.width, picture.height) == (16, 8)
    assert picture.u.shape == picture.v.shape == (4, 8)
    again = frame_from_i420(picture.i420(), 16, 8, picture.pts_s)
    np.testing.assert_array_equal(again.y, picture.y)
    np.testing.assert_array_equal(again.v, picture.v)
    with pytest.raises(ValueError, match="16x10"):
        frame_from_i420(picture.i420(), 16, 10, picture.pts_s)


def test_a_segment_decodes_to_what_ffmpeg_makes_of_it(packaged_bundle: Path, tmp_path: Path) -> None:
    """Each segment by itself, from its init segment: plane for plane, and in Period time."""
    bundle = open_bundle(packaged_bundle)
    representation = bundle.presentation.video[0]
    init = bundle.read(representation.init_href)
    position = 0
    for segment in representation.segments:
        media = bundle.read(segment.href)
        (tmp_path / "segment.mp4").write_bytes(init + media)
        arguments = ["-v", "error", "-i", str(tmp_path / "segment.mp4"), "-f", "rawvideo", "-fps_mode", "passthrough"]
        expected = run([str(find_program("ffmpeg")), *arguments, "pipe:1"], deadline_s=60)
        frames = list(decode_segment(init, media))
        assert b"".join(f.i420() for f in frames) == expected
        for decoded in frames:
            assert decoded.pts_s == position / representation.video.frame_rate
            position += 1


def test_fit_keeps_a_frame_of_that_size_and_scales_any_other() -> None:
    picture = frame(64, 36)
    assert resize_frame(picture, 64, 36) is picture
    scaled = resize_frame(picture, 96, 54)
    assert (scaled.width, scaled.height, scaled.u.shape) == (96, 54, (27, 48))
    assert scaled.pts_s == picture.pts_s
    assert abs(scaled.y.mean() - picture.y.mean()) < 3


@pytest.mark.parametrize("damage", ["empty", "no media", "noise", "no init"])
def test_what_does_not_decode_is_one_kind_of_error(packaged_bundle: Path, damage: str) -> None:
    bundle = open_bundle(packaged_bundle)
    representation = bundle.presentation.video[0]
    init = bundle.read(representation.init_href)
    media = bundle.read(representation.segments[0].href)
    init, media = {"empty": (b"", b""), "no media": (init, b""), "noise": (init, bytes(500)), "no init": (b"", media)}[
        damage
    ]
    try:
        assert list(decode_segment(init, media)) == []
    except UndecodableSegmentError as error:
        assert "segment" in str(error)


def test_a_picture_of_absurd_size_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    """200 kB claim 8192x8192: 100 MB a frame, several frames deep."""
    path = tmp_path / "huge.mp4"
    source = ["-f", "lavfi", "-i", "color=size=8192x8192:rate=1:duration=1", "-c:v", "libx264", "-preset", "ultrafast"]
    options = ["-pix_fmt", "yuv420p", "-movflags", "frag_keyframe+empty_moov", str(path)]
    run([str(find_program("ffmpeg")), "-v", "error", *source, *options], deadline_s=60)
    with pytest.raises(UndecodableSegmentError):
        list(decode_segment(b"", path.read_bytes()))
