"""Writes bundles whose media are arbitrary bytes, which a server never looks into, and serves them on a socket."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import uvicorn

from manifests.model import AdaptationSet, ModelFile, ModelTrack, Presentation, VideoFormat, VideoRepresentation
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST, MASTER_PLAYLIST, POSTER, PROVENANCE, QUALITY, REPORT
from server.app import create_app
from server.cli import configured, listen
from server.settings import ServerSettings
from tests.support.presentations import rung_of, sound_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL_BYTES = b"NDM" + bytes(range(256)) * 4
MODEL_SHA256 = hashlib.sha256(MODEL_BYTES).hexdigest()
MODEL_HREF = f"models/{MODEL_SHA256[:16]}.ndm"
SEGMENT_BYTES = {"v180": 5000, "v360": 3_000_000, "a1": 800}
"""Size of every segment of a representation; one is larger than a chunk of the server."""

CANARY = b"canary-7f3a-never-to-be-sent"


def segment_bytes(representation_id: str, number: int) -> bytes:
    """The content of a segment: long, and different in each."""
    seed = hashlib.sha256(f"{representation_id}/{number}".encode()).digest()
    return (seed * (SEGMENT_BYTES[representation_id] // len(seed) + 1))[: SEGMENT_BYTES[representation_id]]


def presentation(title: str = "Tiny") -> Presentation:
    """Two rungs, one with a model, and a sound track: two segments of 2 s each."""
    track = ModelTrack(
        "v180-c8d2",
        "c8d2",
        2,
        1300,
        1,
        2000,
        "ndm/1",
        (ModelFile(1, MODEL_HREF, len(MODEL_BYTES), MODEL_SHA256),),
        (1, None),
    )
    video = (
        _rung("v180", VideoFormat(320, 180, Fraction(30)), (track,)),
        _rung("v360", VideoFormat(640, 360, Fraction(30)), ()),
    )
    audio = (sound_of("a1", [60000] * 2, 30000, bandwidth_bps=SEGMENT_BYTES["a1"] * 4),)
    sets = (AdaptationSet("1", "video", "video/mp4", video), AdaptationSet("2", "audio", "audio/mp4", audio))
    return Presentation(Fraction(4), sets, title=title)


def _rung(name: str, video: VideoFormat, tracks: tuple[ModelTrack, ...]) -> VideoRepresentation:
    return rung_of(name, video, [60000] * 2, 30000, bandwidth_bps=SEGMENT_BYTES[name] * 4, tracks=tracks)


def write_bundle(root: Path, title: str = "Tiny") -> Path:
    """A bundle with every kind of file, in `root`."""
    for kind, name in (("video", "v180"), ("video", "v360"), ("audio", "a1")):
        folder = root / kind / name
        folder.mkdir(parents=True)
        (folder / "init.mp4").write_bytes(b"init of " + name.encode())
        for number in (1, 2):
            (folder / f"{number:05d}.m4s").write_bytes(segment_bytes(name, number))
    (root / "models").mkdir()
    (root / MODEL_HREF).write_bytes(MODEL_BYTES)
    (root / MASTER_PLAYLIST).write_bytes(b"#EXTM3U\n")
    (root / POSTER).write_bytes(b"\xff\xd8\xff\xd9")
    (root / REPORT).write_text("<!doctype html><title>Report</title>")
    (root / QUALITY).write_text(json.dumps({"version": 1, "rungs": []}))
    (root / PROVENANCE).write_text(json.dumps({"neudash": "0", "source": {"name": "clip.mp4"}}))
    (root / MANIFEST).write_bytes(write_mpd(presentation(title)))
    return root


@dataclass(frozen=True)
class LiveServer:
    """The real server, listening."""

    port: int
    root: Path
    access_log: Path | None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log_records(self) -> list[dict[str, object]]:
        assert self.access_log
        return [json.loads(line) for line in self.access_log.read_text().splitlines()]


@contextlib.contextmanager
def live(root: Path, access_log: Path | None, **more: Any) -> Iterator[LiveServer]:
    """uvicorn in a thread, on a free port, looking at the disk for every request; `more`: further settings."""
    settings = ServerSettings(root, **{"port": 0, "access_log": access_log, "rescan_s": 0, **more})
    listening = listen(settings.host, settings.port)
    config = configured(settings, create_app(settings))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield LiveServer(listening.getsockname()[1], root, access_log)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listening.close()
