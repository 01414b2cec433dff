"""Outputs hold exactly the frames they were given, when they were due, under their final names only when whole."""

from __future__ import annotations

import os
import stat
import threading
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from media.colour.bgr import bgr_of_frame
from media.errors import UndecodableSegmentError
from media.frames import Frame
from player.errors import SinkError
from player.sinks.pictures import PictureFolder
from player.sinks.video_file import VideoFile
from player.superres.output import OutputFormat

if TYPE_CHECKING:
    from player.sinks import Sink

OUTPUT = OutputFormat(64, 36, Fraction(30000, 1001), Fraction(1, 30000), Fraction(4, 3))


def noise(index: int) -> Frame:
    """A frame that no lossy codec could keep."""
    random = np.random.default_rng(index)
    y, u, v = (random.integers(0, 256, shape, np.uint8) for shape in ((36, 64), (18, 32), (18, 32)))
    return Frame(y, u, v, index / OUTPUT.frame_rate)


def stored(path: Path, frames: list[Frame]) -> None:
    sink = VideoFile(path)
    sink.open(OUTPUT, None)
    for frame in frames:
        sink.write(frame)
    sink.close()


def read_back(path: Path) -> list[Frame]:
    found = []
    with av.open(str(path)) as container:
        for decoded in container.decode(video=0):
            planes = [
                np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].copy() for p in decoded.planes
            ]
            assert decoded.pts is not None and decoded.time_base is not None
            found.append(Frame(*planes, pts_s=decoded.pts * Fraction(decoded.time_base)))
    return found


def test_mkv_is_lossless_frame_for_frame(tmp_path: Path) -> None:
    frames = [noise(index) for index in range(9)]
    stored(tmp_path / "x.mkv", frames)
    back = read_back(tmp_path / "x.mkv")
    assert [frame.i420() for frame in back] == [frame.i420() for frame in frames]
    assert all(abs(a.pts_s - b.pts_s) <= Fraction(1, 2000) for a, b in zip(back, frames, strict=True))


def test_y4m_is_lossless_and_takes_no_sound(tmp_path: Path, play_bundle_master: Path) -> None:
    frames = [noise(index) for index in range(9)]
    sink = VideoFile(tmp_path / "x.y4m")
    sink.open(OUTPUT, (play_bundle_master / "audio/a1/init.mp4").read_bytes())
    sink.sound(b"", b"not looked at")
    for frame in frames:
        sink.write(frame)
    sink.close()
    back = read_back(tmp_path / "x.y4m")
    assert [frame.i420() for frame in back] == [frame.i420() for frame in frames]
    rate = OUTPUT.frame_rate
    assert f" F{rate.numerator}:{rate.denominator} ".encode() in (tmp_path / "x.y4m").read_bytes()[:80]


def test_mp4_keeps_every_time_stamp_exactly_gaps_included(tmp_path: Path) -> None:
    frames = [noise(index) for index in (*range(5), *range(20, 26))]
    stored(tmp_path / "x.mp4", frames)
    assert [frame.pts_s for frame in read_back(tmp_path / "x.mp4")] == [frame.pts_s for frame in frames]


@pytest.mark.parametrize("name", ["x.mkv", "x.mp4", "X.MP4"])
def test_colour_shape_and_rate_are_written(tmp_path: Path, name: str) -> None:
    stored(tmp_path / name, [noise(index) for index in range(3)])
    with av.open(str(tmp_path / name)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert name == "x.mkv" or context.sample_aspect_ratio == Fraction(4, 3)
        assert context.pix_fmt == "yuv420p"


@pytest.mark.parametrize("name", ["x.mkv", "x.mp4", "x.y4m"])
def test_the_final_name_appears_at_the_end(tmp_path: Path, name: str) -> None:
    sink = VideoFile(tmp_path / name)
    sink.open(OUTPUT, None)
    sink.write(noise(0))
    assert not (tmp_path / name).exists()
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("size", [(2, 2), (2, 4), (320, 2), (18, 10)])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".y4m"])
def test_the_smallest_pictures_are_written(tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    (width, height), path = size, tmp_path / f"x{suffix}"
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    frame = Frame(np.full((height, width), 99, np.uint8), chroma, chroma, Fraction(0))
    sink = VideoFile(path)
    sink.open(OutputFormat(width, height, Fraction(24), Fraction(1, 24), Fraction(1)), None)
    sink.write(frame)
    sink.close()
    [back] = read_back(path)
    assert (back.width, back.height) == size and abs(int(back.y[0, 0]) - 99) <= 1


def test_a_size_that_the_lossless_encoder_does_not_take_is_said(tmp_path: Path) -> None:
    sink = VideoFile(tmp_path / "x.mkv")
    with pytest.raises(SinkError, match=r"ffv1 takes no pictures of 2x320; name a \.y4m file"):
        sink.open(OutputFormat(2, 320, Fraction(24), Fraction(1, 24), Fraction(1)), None)
    sink.close()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["x.mp4", "x.mkv", "x.y4m", "pipe"])
def test_a_pipe_gets_every_frame_and_stays_a_pipe(tmp_path: Path, play_bundle_master: Path, name: str) -> None:
    """A pipe cannot be gone back in: an MP4 goes in fragments. Without an ending that says otherwise: Matroska."""
    folder = play_bundle_master / "audio/a1"
    init, *segments = (path.read_bytes() for path in (folder / "init.mp4", *sorted(folder.glob("*.m4s"))))
    path, copy = tmp_path / name, tmp_path / f"copy{Path(name).suffix or '.mkv'}"
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: copy.write_bytes(path.read_bytes()), daemon=True)
    reader.start()
    assert written(path, init, segments) == []
    reader.join(30)
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert sorted(tmp_path.iterdir()) == sorted([path, copy])
    plain = tmp_path / f"plain{copy.suffix}"
    assert written(plain, init, segments) == []
    assert [frame.pts_s for frame in read_back(copy)] == [frame.pts_s for frame in read_back(plain)]
    if copy.suffix != ".y4m":
        assert heard(copy) == heard(plain) != []


def test_a_reader_that_leaves_ends_the_file_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.y4m"
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: path.open("rb").close(), daemon=True)
    reader.start()
    sink = VideoFile(path)
    with pytest.raises(SinkError, match=r"x\.y4m cannot be written: Broken pipe"):
        sink.open(OUTPUT, None)
        for index in range(100):
            sink.write(noise(index))
    sink.close()


@pytest.mark.parametrize("name", ["x.mkv", "x.mp4"])
def test_the_target_of_a_link_gets_the_frames(tmp_path: Path, name: str) -> None:
    link, target = tmp_path / name, tmp_path / "sub" / "target"
    link.symlink_to(target)
    stored(link, [noise(index) for index in range(3)])
    assert link.is_symlink() and len(read_back(target)) == 3
    assert [*target.parent.iterdir()] == [target]


@pytest.mark.parametrize("opened", [False, True])
def test_without_a_frame_there_is_no_file(tmp_path: Path, opened: bool) -> None:
    sink = VideoFile(tmp_path / "x.mp4")
    if opened:
        sink.open(OUTPUT, None)
    sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [lambda p: VideoFile(p / "x.mkv"), lambda p: PictureFolder(p / "x")])
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, make: object) -> None:
    (tmp_path / "file").write_text("in the way")
    sink: Sink = make(tmp_path / "file")  # type: ignore[operator]  # both make a sink
    with pytest.raises(SinkError, match="cannot be"):
        sink.open(OUTPUT, None)
    sink.close()


def test_a_broken_audio_segment_is_told_from_a_full_disk(tmp_path: Path, play_bundle_master: Path) -> None:
    init = (play_bundle_master / "audio/a1/init.mp4").read_bytes()
    sink = VideoFile(tmp_path / "x.mp4")
    sink.open(OUTPUT, init)
    with pytest.raises(UndecodableSegmentError):
        sink.sound(b"nonsense", b"more of it")
    sink.close()


def heard(path: Path) -> list[int]:
    """Time stamps of the audio packets of a file."""
    with av.open(str(path)) as container:
        return [packet.dts for packet in container.demux(audio=0) if packet.dts is not None]


def written(path: Path, init: bytes, segments: list[bytes]) -> list[str]:
    """A file of a few frames and these segments of audio; what was said of them."""
    sink, said = VideoFile(path), []
    sink.open(OUTPUT, init)
    for index in range(3):
        sink.write(noise(index))
    for segment in segments:
        try:
            sink.sound(init, segment)
        except UndecodableSegmentError as error:
            said.append(str(error))
    sink.close()
    return said


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_audio_that_comes_again_is_left_out_and_said_once(
    tmp_path: Path, play_bundle_master: Path, suffix: str
) -> None:
    folder = play_bundle_master / "audio/a1"
    init, *segments = (path.read_bytes() for path in (folder / "init.mp4", *sorted(folder.glob("*.m4s"))))
    whole, twice = tmp_path / f"whole{suffix}", tmp_path / f"twice{suffix}"
    assert written(whole, init, segments) == []
    [said] = written(twice, init, [segments[0], segments[0], *segments[:2], *segments[1:]])
    assert "follow" in said
    assert heard(twice) == heard(whole)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("damage", ["noise", "unknown", "video", "another codec", "no rate"])
def test_audio_that_no_file_can_hold_costs_the_audio_alone(
    tmp_path: Path, play_bundle_master: Path, damage: str, suffix: str
) -> None:
    init = (play_bundle_master / "audio/a1/init.mp4").read_bytes()
    media = (play_bundle_master / "audio/a1/00001.m4s").read_bytes()
    rate_at = init.index(b"mp4a") + 28
    broken = {
        "noise": b"nonsense",
        "unknown": init.replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz"),
        "video": (play_bundle_master / "video/v90/init.mp4").read_bytes(),
        "another codec": init.replace(b"mp4a", b"ulaw").replace(b"esds", b"zzzz"),
        "no rate": (init[:rate_at] + bytes(4) + init[rate_at + 4 :]).replace(b"esds", b"zzzz"),
    }[damage]
    path = tmp_path / f"x{suffix}"
    said = written(path, broken, [media, media])
    assert len(said) == 1 or (damage, suffix) == ("another codec", ".mkv"), "once"
    assert len(read_back(path)) == 3
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_pictures_are_numbered_and_lossless(tmp_path: Path) -> None:
    sink = PictureFolder(tmp_path / "pictures")
    sink.open(OUTPUT, None)
    frames = [noise(index) for index in range(3)]
    for frame in frames:
        sink.write(frame)
    sink.close()
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["frame-000001.png", "frame-000002.png", "frame-000003.png"]
    for name, frame in zip(names, frames, strict=True):
        picture = cv2.imread(str(tmp_path / "pictures" / name))
        assert picture is not None
        assert np.array_equal(picture, bgr_of_frame(frame))


def test_pictures_are_never_mixed_with_those_of_another_session(tmp_path: Path) -> None:
    (tmp_path / "frame-000007.png").write_bytes(b"")
    with pytest.raises(SinkError, match=r"already holds frame-000007\.png"):
        PictureFolder(tmp_path).open(OUTPUT, None)
