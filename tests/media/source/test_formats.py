"""Messages about files that are not opened: one sentence that names their kind."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from media.errors import UnreadableSourceError
from media.source.formats import CONTAINERS, accepted, reason_not_opened
from media.source.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.media import MakeVideo


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.mp4", b"\0" * 100)
    return buffer.getvalue()


KINDS = {
    "a playlist": (b"#EXTM3U\n#EXT-X-VERSION:3\nfilm.ts\n", "an HLS playlist"),
    "a list for concatenation": (b"ffconcat version 1.0\nfile a.mp4\n", "a list of other files"),
    "a DASH manifest": (b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>", "a DASH manifest"),
    "XML": (b"<?xml version='1.0'?><a/>", "an XML file"),
    "SDP": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "an SDP description"),
    "an archive": (zipped(), "a ZIP archive; unpack it"),
    "gzip": (gzip.compress(b"a film"), "a gzip archive; unpack it"),
    "a document": (b"%PDF-1.7\n", "a PDF file"),
    "an animation of the web": (b"RIFF\x24\0\0\0WEBPVP8X" + bytes(40), "a WebP animation"),
    "text": (b"Good morning,\n\tthis is no film.\n", "a text, not a video"),
    "an MP4 without its index": (b"\0\0\0\x20ftypisom" + bytes(100), "damaged or incomplete"),
    "a Matroska without its rest": (b"\x1aE\xdf\xa3" + bytes(20), "damaged or incomplete"),
    "noise": (bytes(range(0x80, 0x100)), "damaged, or of a format that is not accepted"),
    "zeros": (bytes(1000), "damaged, or of a format that is not accepted"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_not_opened_is_called_what_it_is(tmp_path: Path, kind: str) -> None:
    data, expected = KINDS[kind]
    path = tmp_path / "holiday.mp4"
    path.write_bytes(data)
    with pytest.raises(UnreadableSourceError) as caught:
        probe(path)
    assert str(caught.value).startswith("'holiday.mp4' is ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tiff"])
def test_a_picture_is_called_a_picture(make_video: MakeVideo, tmp_path: Path, suffix: str) -> None:
    still = make_video(
        tmp_path / f"still.{suffix}", "-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1"
    ).rename(tmp_path / "still.mp4")
    assert "a picture (" in reason_not_opened(still)


def test_animations_that_are_not_accepted_name_a_format_that_is(make_video: MakeVideo, tmp_path: Path) -> None:
    webp = make_video(
        tmp_path / "cat.webp",
        *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=0.5", "-c:v", "libwebp_anim"),
    )
    with pytest.raises(
        UnreadableSourceError, match=r"'cat\.webp' is a WebP animation .* convert it to GIF, APNG or MP4"
    ):
        probe(webp)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert reason_not_opened(tmp_path / "gone.mp4") == "cannot be read: No such file or directory"


def test_no_container_that_names_other_files_is_accepted() -> None:
    names = accepted().split(",")
    assert not {"hls", "concat", "sdp", "dash", "image2", "rtsp", "tee", "lavfi", "webm_dash_manifest"} & set(names)
    assert len(names) == len(set(names))
    assert all(people for people in CONTAINERS.values())


RAW = {
    "gif": ("gif", "gif"),
    "apng": ("apng", "apng"),
    "mjpeg": ("mjpeg", "mjpeg"),
    "y4m": ("rawvideo", "yuv4mpegpipe"),
    "m4v": ("mpeg4", "m4v"),
    "h264": ("libx264", "h264"),
    "ivf": ("libvpx-vp9", "ivf"),
    "mxf": ("mpeg2video", "mxf"),
    "wtv": ("mpeg2video", "wtv"),
    "asf": ("wmv2", "asf"),
    "flv": ("flv", "flv"),
    "nut": ("mpeg4", "nut"),
    "vob": ("mpeg2video", "vob"),
    "ogv": ("libtheora", "ogg"),
    "3gp": ("mpeg4", "3gp"),
    "rm": ("rv20", "rm"),
}


@pytest.mark.parametrize("suffix", RAW)
def test_the_containers_of_the_list_are_opened(make_video: MakeVideo, tmp_path: Path, suffix: str) -> None:
    codec, muxer = RAW[suffix]
    source = make_video(
        tmp_path / f"film.{suffix}",
        *("-f", "lavfi", "-i", "testsrc2=size=176x144:rate=25:duration=0.4"),
        *("-pix_fmt", "yuvj420p" if codec == "mjpeg" else "rgb8" if codec == "gif" else "yuv420p"),
        *(() if codec == "apng" else ("-strict", "-1", "-c:v", codec)),
        *("-f", muxer),
    )
    assert probe(source).video.width == 176
