"""The probe, on generated media whose properties are known."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from media.errors import UnreadableSourceError
from media.source.probe import SubtitleInfo, probe

if TYPE_CHECKING:
    from tests.support.media import MakeVideo


def test_a_plain_video(testsrc_video: Path) -> None:
    info = probe(testsrc_video)
    video = info.video
    assert (video.width, video.height, video.sar, video.turn, video.turn_is_exact) == (320, 180, 1, "none", True)
    assert (set(video.named_rates), video.frames, video.duration_s, video.crop) == ({24}, 96, 4, None)
    assert (video.matrix, video.full_range) == ("bt709", False)
    [audio] = info.audio
    assert (audio.codec, audio.sample_rate_hz, audio.channels) == ("aac", 48000, ("FL", "FR"))


def test_what_the_probe_says_is_json(testsrc_video: Path) -> None:
    value = json.loads(json.dumps(probe(testsrc_video).to_json()))
    assert value["video"]["named_rates"][0] == "24"


def test_no_audio_is_said(silent_video: Path) -> None:
    assert probe(silent_video).audio == ()


def test_subtitles_and_what_will_be_left_out_are_named(
    testsrc_video: Path, make_video: MakeVideo, tmp_path: Path
) -> None:
    (tmp_path / "said.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nGood morning.\n")
    film = make_video(
        tmp_path / "film.mkv",
        *("-i", str(testsrc_video), "-i", str(tmp_path / "said.srt")),
        *("-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1", "-map", "0:v", "-c", "copy"),
        *("-metadata:s:a:1", "language=fra", "-metadata:s:s:0", "language=eng"),
    )
    assert probe(film).subtitles == (SubtitleInfo(3, "srt", "eng"),)
    assert [(audio.index, audio.language) for audio in probe(film).audio] == [(1, None), (2, "fr")]
    assert probe(film).others == ("video 4 (h264)",)
    assert probe(testsrc_video).others == ()


def test_size_as_displayed_is_turned_and_stretched(make_video: MakeVideo, tmp_path: Path) -> None:
    flat = make_video(
        tmp_path / "flat.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=180x144:duration=0.2", "-vf", "setsar=4/3", "-pix_fmt", "yuv420p"),
    )
    assert probe(flat).video.display_size == (240, 144)
    try:
        turned = make_video(tmp_path / "turned.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy")
    except subprocess.CalledProcessError:
        pytest.skip("this ffmpeg is older than 6 and cannot write a rotation")
    assert probe(turned).video.display_size == (144, 240)


def test_a_narrow_sample_makes_the_picture_taller(make_video: MakeVideo, tmp_path: Path) -> None:
    tall = make_video(
        tmp_path / "tall.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=160x120:duration=0.2", "-vf", "setsar=1/2", "-pix_fmt", "yuv420p"),
    )
    assert probe(tall).video.display_size == (160, 240)


def test_cover_art_is_no_video(make_video: MakeVideo, tmp_path: Path) -> None:
    cover = make_video(tmp_path / "cover.png", "-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1")
    song = make_video(
        tmp_path / "song.m4a",
        *("-f", "lavfi", "-i", "sine=duration=0.3", "-i", str(cover), "-map", "0", "-map", "1"),
        *("-c:v", "png", "-disposition:v:0", "attached_pic"),
    )
    with pytest.raises(UnreadableSourceError, match="no video stream"):
        probe(song)


def test_a_picture_too_large_is_refused(make_video: MakeVideo, tmp_path: Path) -> None:
    large = make_video(
        tmp_path / "large.mkv", "-f", "lavfi", "-i", "color=size=8192x4400", "-frames:v", "1", "-c:v", "ffv1"
    )
    with pytest.raises(UnreadableSourceError, match="larger than 8K"):
        probe(large)


def test_a_picture_of_a_claimed_size_is_not_allocated(tmp_path: Path) -> None:
    claim = (60000).to_bytes(2, "little") * 2
    frame = b"\x2c" + bytes(4) + claim + b"\x00\x02\x02\x4c\x01\x00"
    bomb = tmp_path / "bomb.gif"
    bomb.write_bytes(b"GIF89a" + claim + b"\x80\x00\x00" + bytes(6) + frame + b";")
    with pytest.raises(UnreadableSourceError):
        probe(bomb)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_what_never_ends_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", Path("/dev/zero"), tmp_path):
        with pytest.raises(UnreadableSourceError, match=r"not a regular file|is a folder"):
            probe(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="does not exist"):
        probe(tmp_path / "none.mp4")


@pytest.mark.parametrize("name", ["-i.mp4", "http:x.mp4", "a:b?c#d.mp4", "new\nline.mp4", "it's %03d.mp4", "ü☃.mp4"])
def test_any_name_will_do(silent_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(silent_video.read_bytes())
    assert probe(Path(name)).video.frames == 45
