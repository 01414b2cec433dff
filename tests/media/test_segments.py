"""Whatever the bytes of a segment say, a decoder of frames or of sound gets a stream or the one error it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.errors import UndecodableSegmentError
from media.frames import decode_segment
from media.programs import find_program, run
from media.segments import audio_of_segment, video_of_segment

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES_BYTES = 1600
"""Length of the start of a segment: its tables and the first samples, which a wrong byte hurts most."""


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two pictures of 64x36 in H.264 and 80 ms of AAC, fragmented, the tables first."""
    path = tmp_path_factory.mktemp("segment") / "tiny.mp4"
    video = ["-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=0.08"]
    audio = ["-f", "lavfi", "-i", "sine=duration=0.08"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    options = ["-movflags", "empty_moov+default_base_moof+frag_keyframe", str(path)]
    run([str(find_program("ffmpeg")), "-v", "error", *video, *audio, *codecs, *options], deadline_s=60)
    return path.read_bytes()


def frames_of_video(data: bytes) -> int:
    return len(list(decode_segment(data, b"")))


def frames_of_audio(data: bytes) -> int:
    with audio_of_segment(data) as (container, stream):
        return len(list(container.decode(stream)))


def read(data: bytes) -> tuple[int, int]:
    return frames_of_video(data), frames_of_audio(data)


def test_both_tracks_are_found(segment: bytes) -> None:
    assert read(segment)[0] == 2
    assert read(segment)[1] > 0


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ((b"avc1",), "unknown codec"),
        ((b"avcC",), "does not decode"),
        ((b"mp4a", b"esds"), "unknown codec"),
        ((b"vide", b"avc1"), "no video track"),
        ((b"soun", b"mp4a"), "no audio track"),
        ((b"moov",), "does not decode"),
    ],
)
def test_strange_boxes_are_one_kind_of_error(segment: bytes, boxes: tuple[bytes, ...], said: str) -> None:
    for box in boxes:
        assert box in segment
        segment = segment.replace(box, b"zzzz")
    with pytest.raises(UndecodableSegmentError, match=said):
        read(segment)


def test_a_track_may_have_any_name(segment: bytes) -> None:
    """Names are Latin-1 or worse in files of old tools, and of no interest."""
    assert b"VideoHandler" in segment
    assert read(segment.replace(b"VideoHandler", b"Vid\xe9oHandler")) == read(segment)


def test_what_is_no_segment_is_said() -> None:
    for opened in (video_of_segment(b""), audio_of_segment(b"nonsense")):
        with pytest.raises(UndecodableSegmentError, match="segment"), opened:
            pass


@pytest.mark.parametrize("frames_of", [frames_of_video, frames_of_audio])
@settings(max_examples=150, deadline=None)
@given(wrong=st.dictionaries(st.integers(0, TABLES_BYTES - 1), st.integers(0, 255), min_size=1, max_size=4))
def test_wrong_bytes_anywhere_are_one_kind_of_error(
    segment: bytes, frames_of: Callable[[bytes], int], wrong: dict[int, int]
) -> None:
    damaged = bytearray(segment)
    for index, byte in wrong.items():
        damaged[index] = byte
    try:
        frames_of(bytes(damaged))
    except UndecodableSegmentError as error:
        assert "segment" in str(error)
