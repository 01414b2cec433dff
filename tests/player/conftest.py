"""A tiny real bundle (H.264 and AAC by ffmpeg, models of random weights), and a real server that can misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import hashlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.model import (
    AdaptationSet,
    AudioFormat,
    AudioRepresentation,
    ModelFile,
    ModelTrack,
    Presentation,
    Segment,
    VideoFormat,
    VideoRepresentation,
)
from manifests.mp4.fragments import read_fragment, read_init
from manifests.names import MANIFEST, model_href
from manifests.networks import NetworkSpec
from manifests.weights import CodedLayer, CodedModel, encode_model
from media.programs import find_program
from tests.support.presentations import measured_segments, series_of

SPEC = NetworkSpec(scale=2, width=4, depth=1)
FRAMES_PER_SEGMENT = 12
SEGMENT_COUNT = 4
USES = (1, 2, None, 1)
"""Segment by segment: full weights, an update to them, plain upscaling, the full weights again."""
BEEP_S = 1.0
"""When the only sound of the bundle begins."""
LOW, HIGH = "v90", "v180"


def coded_model(seed: int, spec: NetworkSpec = SPEC, base_sha256: str | None = None) -> bytes:
    """An `.ndm` file of small random weights: it changes a picture visibly but not wildly."""
    random = np.random.default_rng(seed)
    layers = tuple(
        CodedLayer(
            6,
            random.integers(-32, 32, (3, 3, cin, cout)).astype(np.int8),
            np.full(cout, 0.002, np.float16),
            random.normal(0, 0.5, cout).astype(np.float16),
        )
        for cin, cout in spec.layers
    )
    return encode_model(CodedModel(spec, 110, layers, base_sha256))


def _ffmpeg(*arguments: str) -> None:
    subprocess.run([str(find_program("ffmpeg")), "-v", "error", "-nostdin", "-y", *arguments], check=True)


def _segmented(folder: Path, source: list[str], codec: list[str]) -> None:
    """`init.mp4`, `00001.m4s`, ... in `folder`."""
    folder.mkdir(parents=True)
    _ffmpeg(
        *source, *codec, "-f", "dash", "-seg_duration", "0.5", "-use_template", "1", "-use_timeline", "1",
        "-init_seg_name", "init.mp4", "-media_seg_name", "$Number%05d$.m4s", str(folder / "x.mpd"),
    )  # fmt: skip
    (folder / "x.mpd").unlink()


def _measured(folder: Path) -> tuple[str, tuple[Segment, ...]]:
    """Codecs and segments."""
    init = read_init((folder / "init.mp4").read_bytes())
    fragments = [read_fragment(path.read_bytes(), init) for path in sorted(folder.glob("*.m4s"))]
    series = series_of(folder.name, init.timescale, folder.parent.name)
    return init.codecs, measured_segments(series, [(f.start_ticks, f.duration_ticks) for f in fragments])


def _video(root: Path, name: str, width: int, height: int, tracks: tuple[ModelTrack, ...]) -> VideoRepresentation:
    seconds = SEGMENT_COUNT * FRAMES_PER_SEGMENT / 24
    source = ["-f", "lavfi", "-i", f"testsrc2=s=320x180:r=24:d={seconds}", "-vf", f"scale={width}:{height}"]
    gop = str(FRAMES_PER_SEGMENT)
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-crf", "27", "-pix_fmt", "yuv420p"]
    codec += ["-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-x264-params", "open-gop=0"]
    _segmented(root / "video" / name, source, codec)
    codecs, segments = _measured(root / "video" / name)
    video = VideoFormat(width, height, Fraction(24))
    return VideoRepresentation(name, codecs, 100 * height * 10, segments, video, tracks)


def _audio(root: Path) -> AudioRepresentation:
    beep = f"if(between(t\\,{BEEP_S}\\,{BEEP_S + 0.25})\\,sin(880*2*PI*t)\\,0)"
    return _sound(root, "a1", f"aevalsrc={beep}:s=48000", 1)


def _sound(root: Path, name: str, source: str, channels: int) -> AudioRepresentation:
    """What a source of lavfi sounds, written to the bundle."""
    seconds = SEGMENT_COUNT * FRAMES_PER_SEGMENT / 24
    codec = ["-c:a", "aac", "-b:a", "64k", "-ac", str(channels)]
    _segmented(root / "audio" / name, ["-f", "lavfi", "-i", f"{source}:d={seconds}"], codec)
    codecs, segments = _measured(root / "audio" / name)
    return AudioRepresentation(name, codecs, 64000, segments, AudioFormat(48000, channels))


def _model_file(root: Path, n: int, data: bytes, base: int | None = None) -> ModelFile:
    href = model_href(data)
    (root / href).parent.mkdir(exist_ok=True)
    (root / href).write_bytes(data)
    return ModelFile(n, href, len(data), hashlib.sha256(data).hexdigest(), base)


def model_track(root: Path) -> ModelTrack:
    """A full model and an update to it, written to the bundle."""
    full = _model_file(root, 1, coded_model(1))
    update = _model_file(root, 2, coded_model(2, base_sha256=full.sha256), base=1)
    return ModelTrack(
        f"{LOW}-{SPEC.name}", SPEC.name, SPEC.scale, SPEC.macs_per_pixel, 1, 1000, "ndm/1", (full, update), USES
    )


@pytest.fixture(scope="session")
def play_bundle_master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160x90 with models x2 and 320x180 without, 24 fps, four segments of half a second, AAC. Not to be changed."""
    root = tmp_path_factory.mktemp("play") / "bundle"
    root.mkdir()
    low = _video(root, LOW, 160, 90, (model_track(root),))
    high = _video(root, HIGH, 320, 180, ())
    audio = _audio(root)
    end = max(s.end_s for r in (low, audio) for s in r.segments)
    sets = (AdaptationSet("1", "video", "video/mp4", (low, high)), AdaptationSet("2", "audio", "audio/mp4", (audio,)))
    publish_manifest(root, Presentation(end, sets))
    return root


PITCHES_HZ = {"fr-stereo": 2000, "en-surround": 1000, "en-stereo": 500}
"""What each sound track of `sounds_bundle_master` sounds, by the id of its stream."""


@pytest.fixture(scope="session")
def sounds_bundle_master(play_bundle_master: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with French, English in 5.1 and English in stereo: a tone of its own in each. Not to be changed."""
    root = Path(shutil.copytree(play_bundle_master, tmp_path_factory.mktemp("sounds") / "bundle"))
    shutil.rmtree(root / "audio")
    presentation = open_bundle(play_bundle_master).presentation
    sets = [presentation.adaptation_sets[0]]
    for number, (name, pitch_hz) in enumerate(PITCHES_HZ.items(), start=2):
        stream = _sound(root, name, f"sine=frequency={pitch_hz}:sample_rate=48000", 6 if "surround" in name else 2)
        language, label, role = ("fr", "Français", "dub") if name.startswith("fr") else ("en", "English", "main")
        sets.append(AdaptationSet(str(number), "audio", "audio/mp4", (stream,), language, label, role))
    publish_manifest(root, dataclasses.replace(presentation, adaptation_sets=tuple(sets)))
    return root


@pytest.fixture
def play_bundle(play_bundle_master: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(play_bundle_master, tmp_path / "bundle"))


def with_track(presentation: Presentation, change: Callable[[ModelTrack], ModelTrack]) -> Presentation:
    """The presentation with its one model track changed."""
    first, *rest = presentation.adaptation_sets
    low, high = first.representations
    low = dataclasses.replace(low, model_tracks=tuple(map(change, low.model_tracks)))
    return dataclasses.replace(
        presentation, adaptation_sets=(dataclasses.replace(first, representations=(low, high)), *rest)
    )


class VirtualTime:
    """A clock that stands while something is done and goes straight to whoever sleeps least; threads are not used."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self._due_s: list[float] = []
        self._pass_on = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self._sleep)
        monkeypatch.setattr(asyncio, "to_thread", self._at_once)

    def __call__(self) -> float:
        return self.now_s

    async def _sleep(self, seconds: float) -> None:
        # Less than floats can tell apart would be no time at all, for ever.
        due_s = self.now_s + max(1e-9, seconds)
        self._due_s.append(due_s)
        try:
            await self._pass_on(0)
            while min(self._due_s) < due_s:
                await self._pass_on(0)
            self.now_s = max(self.now_s, due_s)
        finally:
            self._due_s.remove(due_s)

    async def _at_once(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Time that no busy machine disturbs, for a test's coroutines."""
    return VirtualTime(monkeypatch)


Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Answers one request; is given the bytes of the file asked for."""


@dataclass
class FaultyServer:
    """Serves a folder over real HTTP; `faults` maps the end of a path to how it is answered instead."""

    root: Path
    port: int = 0
    faults: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """Paths asked for, in order."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{MANIFEST}"

    def count(self, ending: str) -> int:
        return sum(path.endswith(ending) for path in self.requests)


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """An ordinary answer; `headers` with `_` for `-`."""
    handler.send_response(status)
    headers.setdefault("Content_Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def failing(status: int, times: int = 10**6) -> Answer:
    """That status the first `times` times, then the file."""
    left = [times]

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        left[0] -= 1
        send(handler, b"no" if left[0] >= 0 else body, status if left[0] >= 0 else 200)

    return answer


def silent_for(seconds: float) -> Answer:
    """The file, late."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(seconds)
        send(handler, body)

    return answer


def truncated(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Half of the bytes that Content-Length promises, then the end of the connection."""
    send(handler, body[: len(body) // 2], Content_Length=str(len(body)))
    handler.close_connection = True


def flipped(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """One byte in the middle is another."""
    middle = len(body) // 2
    send(handler, body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])


def bomb(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """64 kB that unpack to 64 MB."""
    send(handler, gzip.compress(bytes(64 << 20), 1), Content_Encoding="gzip")


def trickling(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """A byte now and then: never silent, never done."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for start in range(50):
        handler.wfile.write(body[start : start + 1])
        time.sleep(0.05)
    handler.close_connection = True


@contextlib.contextmanager
def serving(root: Path) -> Iterator[FaultyServer]:
    faulty = FaultyServer(root)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            faulty.requests.append(self.path)
            path = root / self.path.lstrip("/")
            body = path.read_bytes() if path.is_file() else None
            fault = next((answer for ending, answer in faulty.faults.items() if self.path.endswith(ending)), None)
            with contextlib.suppress(ConnectionError):
                if fault is not None:
                    fault(self, body or b"")
                elif body is None:
                    send(self, b"not here", 404)
                else:
                    send(self, body)

        def log_message(self, format: str, *arguments: object) -> None:
            """The tests' output is no place for an access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    faulty.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield faulty
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve() -> Callable[[Path], contextlib.AbstractContextManager[FaultyServer]]:
    """Serves any folder, as a context manager."""
    return serving


@pytest.fixture
def faults() -> ModuleType:
    """This module: the answers a server can be told to give (importlib mode makes it unimportable by name)."""
    return sys.modules[__name__]


@pytest.fixture
def faulty_server(play_bundle: Path) -> Iterator[FaultyServer]:
    """Serves the spoilable bundle."""
    with serving(play_bundle) as server:
        yield server
