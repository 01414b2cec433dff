"""Files under a video's name that would have ffmpeg read other files or the network."""

from __future__ import annotations

import subprocess
import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import av
import pytest

from media.colour.conversion import Colour
from media.errors import MediaError
from media.programs import find_program, run, source_options, source_url
from media.source.reference import reference_frames
from media.source.treatment import SourceTreatment
from packager.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def canary(tmp_path_factory: pytest.TempPathFactory, silent_video: Path) -> Path:
    """A good video in a place that no hostile file may lead to."""
    path = tmp_path_factory.mktemp("secret") / "canary.mp4"
    path.write_bytes(silent_video.read_bytes())
    return path


@pytest.fixture
def web(canary: Path) -> Iterator[tuple[str, list[str]]]:
    """A server of the canary: its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(canary.read_bytes())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/canary.mp4", asked
    server.shutdown()
    thread.join()
    server.server_close()


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\n{}\n#EXT-X-ENDLIST\n"
MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 15004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)

HOSTILE = {
    "playlist of a URL": (PLAYLIST, "{url}", "an HLS playlist"),
    "playlist of a file URL": (PLAYLIST, "file://{path}", "an HLS playlist"),
    "playlist of a relative path": (PLAYLIST, "{relative}", "an HLS playlist"),
    "playlist of a concatenation": (PLAYLIST, "concat:{path}|{path}", "an HLS playlist"),
    "playlist of a part of a file": (PLAYLIST, "subfile,,start,0,end,0,,:{path}", "an HLS playlist"),
    "ffconcat of a relative path": ("ffconcat version 1.0\nfile '{}'\n", "{relative}", "a list of other files"),
    "ffconcat of a file URL": ("ffconcat version 1.0\nfile '{}'\n", "file:{path}", "a list of other files"),
    "session description": (SDP, "", "an SDP description"),
    "DASH manifest": (MPD, "file://{path}", "an XML file, not a video"),
}
"""The file, what it leads to, and what it is said to be."""


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest, tmp_path: Path, canary: Path, web: tuple[str, list[str]]) -> Path:
    frame, target, _ = HOSTILE[request.param]
    relative = _relative(canary, tmp_path)
    path = tmp_path / "holiday.mp4"
    path.write_text(frame.format(target.format(url=web[0], path=canary, relative=relative)))
    return path


def _relative(path: Path, folder: Path) -> str:
    """A relative path from `folder` to `path`; ffconcat allows no `..`, hence by a link."""
    link = folder / "linked"
    link.symlink_to(path.parent)
    return f"linked/{path.name}"


def test_a_hostile_file_is_refused_in_one_line_that_names_its_kind(
    request: pytest.FixtureRequest,
    hostile: Path,
    tmp_path: Path,
    web: tuple[str, list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([str(hostile), "-o", str(tmp_path / "bundle"), "--preset", "ultrafast", "-q"]) == 1
    error = capsys.readouterr().err.strip()
    _, _, kind = HOSTILE[request.node.callspec.params["hostile"]]
    assert error.startswith(f"neudash package: 'holiday.mp4' is {kind}")
    assert "\n" not in error
    assert not (tmp_path / "bundle").exists()
    assert web[1] == []


def test_ffmpeg_itself_refuses_it_with_our_options(hostile: Path, web: tuple[str, list[str]]) -> None:
    with pytest.raises(MediaError):
        decode_by_ffmpeg(hostile)
    assert web[1] == []


def test_the_reader_of_frames_refuses_it_too(hostile: Path, web: tuple[str, list[str]]) -> None:
    treatment = SourceTreatment(0, Fraction(25), Fraction(0), None, "progressive", Colour())
    with pytest.raises((MediaError, av.FFmpegError)):
        list(reference_frames(hostile, treatment, 64, 64))
    assert web[1] == []


def test_a_good_file_passes_the_same_options(canary: Path) -> None:
    decode_by_ffmpeg(canary)


def decode_by_ffmpeg(path: Path) -> None:
    """Decodes as the packager decodes subtitles and sound, and describes a source. Raises ProgramFailedError."""
    options = [part for name, value in source_options().items() for part in (f"-{name}", value)]
    command = [str(find_program("ffmpeg")), "-v", "error", *options, "-i", source_url(path), "-f", "null", "-"]
    run(command, deadline_s=60)


def test_without_them_ffmpeg_reads_the_canary(tmp_path: Path, canary: Path) -> None:
    """Else the tests above would prove nothing."""
    leak = tmp_path / "holiday.mp4"
    leak.write_text(f"ffconcat version 1.0\nfile '{_relative(canary, tmp_path)}'\n")
    command = [str(find_program("ffmpeg")), "-nostdin", "-v", "error", "-i", str(leak), "-f", "framehash", "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stdout.count(b"\n0,") > 40
