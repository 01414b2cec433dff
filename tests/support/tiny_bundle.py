"""Makes a bundle of measured segments, with a model and an update to it, that tests may break."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg
import pytest
from lxml import etree

from manifests.bundle import publish_manifest
from manifests.files import publish_file
from manifests.model import (
    AdaptationSet,
    AudioFormat,
    AudioRepresentation,
    ModelFile,
    ModelTrack,
    Presentation,
    Representation,
    Role,
    TextTrack,
    VideoFormat,
    VideoRepresentation,
)
from manifests.mp4.fragments import read_fragment, read_init
from manifests.names import model_href, text_href
from manifests.networks import NetworkSpec
from tests.support.models import coded_model
from tests.support.presentations import measured_segments, series_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def representation(media: Path, rep_id: str, kind: str, root: Path) -> Representation:
    """Put the segments in `media` into the bundle at `root` and measure them."""
    files = sorted(media.glob("*.m4s"))
    for file in (media / "init.mp4", *files):
        publish_file(root / kind / rep_id / file.name, file.read_bytes())
    init = read_init((media / "init.mp4").read_bytes())
    measured = [read_fragment(file.read_bytes(), init) for file in files]
    rate = Fraction(measured[0].sample_count * init.timescale, measured[0].duration_ticks)
    times = [(m.start_ticks, m.duration_ticks) for m in measured]
    segments = measured_segments(series_of(rep_id, init.timescale, kind), times)
    bandwidth_bps = 100_000 + init.width
    if kind == "audio":
        audio = AudioFormat(init.sample_rate_hz, init.channels)
        return AudioRepresentation(rep_id, init.codecs, bandwidth_bps, segments, audio)
    video = VideoFormat(init.width, init.height, rate, dynamic_range=init.dynamic_range or "sdr")
    return VideoRepresentation(rep_id, init.codecs, bandwidth_bps, segments, video)


def model_file(n: int, data: bytes, base: int | None = None) -> ModelFile:
    return ModelFile(n, model_href(data), len(data), hashlib.sha256(data).hexdigest(), base, 0.5)


@dataclass(frozen=True)
class TinyBundle:
    """A bundle with two rungs, sound, one full model and one update to it."""

    root: Path
    presentation: Presentation

    def republish(self, change: Callable[[Representation], Representation]) -> None:
        """Publish again with the lowest rung changed."""
        publish_manifest(self.root, self.changed(change))

    def changed(self, change: Callable[[Representation], Representation]) -> Presentation:
        video, *others = self.presentation.adaptation_sets
        low, *rest = video.representations
        video = replace(video, representations=(change(low), *rest))
        return replace(self.presentation, adaptation_sets=(video, *others))


@pytest.fixture(scope="session")
def tiny_media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s at 30 fps, cut at 0 and 1 s, as fMP4 segments by ffmpeg's DASH muxer.

    Folders 0 (64x36), 1 (128x72): H.264; 2: the same picture at 15 fps; 3: key frames at 0.8 s; 4: AAC stereo 48 kHz,
    3 segments; 5: HEVC; 6: AV1.
    """
    folder = tmp_path_factory.mktemp("tiny")
    for index in range(7):
        (folder / str(index)).mkdir()
    x264 = "-preset ultrafast -sc_threshold 0 -bf 2 -x264-params open-gop=0"
    arguments = f"""-v error -nostdin -f lavfi -i testsrc2=s=128x72:r=30:d=2 -f lavfi -i sine=d=2
        -map 0:v -map 0:v -map 0:v -map 0:v -map 1:a -map 0:v -map 0:v -pix_fmt yuv420p {x264}
        -c:v libx264 -g 30 -s:v:0 64x36 -s:v:1 128x72
        -filter:v:2 fps=15,scale=64:36 -g:v:2 15 -s:v:3 64x36 -g:v:3 24
        -c:v:4 libx265 -s:v:4 64x36 -tag:v:4 hvc1 -x265-params:v:4 log-level=none:keyint=30:open-gop=0
        -c:v:5 libaom-av1 -s:v:5 64x36 -cpu-used:v:5 8
        -c:a aac -ac 2 -ar 48000 -f dash -seg_duration 1 -use_template 1 -use_timeline 1
        -init_seg_name $RepresentationID$/init.mp4 -media_seg_name $RepresentationID$/$Number%05d$.m4s manifest.mpd"""
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *arguments.split()], cwd=folder, check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def more_media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds in step with `tiny_media`. Folders 0: HEVC of 10 bits in PQ, 64x36; 1: AAC 5.1; 2: E-AC-3 5.1."""
    folder = tmp_path_factory.mktemp("more")
    for index in range(3):
        (folder / str(index)).mkdir()
    x265 = "log-level=none:keyint=30:open-gop=0:scenecut=0:transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc"
    arguments = f"""-v error -nostdin -f lavfi -i testsrc2=s=64x36:r=30:d=2
        -f lavfi -i aevalsrc=0.1*sin(600*t)|0|0|0|0|0:c=5.1:s=48000:d=2 -map 0:v -map 1:a -map 1:a
        -c:v libx265 -tag:v hvc1 -pix_fmt yuv420p10le -x265-params {x265}
        -vf setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv
        -c:a:0 aac -c:a:1 eac3 -f dash -seg_duration 1 -use_template 1 -use_timeline 1
        -init_seg_name $RepresentationID$/init.mp4 -media_seg_name $RepresentationID$/$Number%05d$.m4s manifest.mpd"""
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *arguments.split()], cwd=folder, check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def published_bundle(tiny_media: Path, tmp_path_factory: pytest.TempPathFactory) -> TinyBundle:
    """Made once; not to be written into."""
    root = tmp_path_factory.mktemp("bundle")
    full = coded_model(1)
    update = coded_model(2, base=full)
    for data in (full, update):
        publish_file(root / model_href(data), data)
    track = ModelTrack(
        id="low-c4d1",
        network="c4d1",
        scale=2,
        macs_per_pixel=NetworkSpec(2, 4, 1).macs_per_pixel,
        rank=1,
        bandwidth_bps=4 * (len(full) + len(update)),
        format="ndm/1",
        models=(model_file(1, full), model_file(2, update, base=1)),
        uses=(1, 2),
    )
    low = replace(representation(tiny_media / "0", "low", "video", root), model_tracks=(track,))
    high = representation(tiny_media / "1", "high", "video", root)
    sound = representation(tiny_media / "4", "sound", "audio", root)
    presentation = Presentation(
        Fraction(2),
        (
            AdaptationSet("1", "video", "video/mp4", (low, high)),
            AdaptationSet("2", "audio", "audio/mp4", (sound,), "en"),
        ),
    )
    publish_manifest(root, presentation)
    return TinyBundle(root, presentation)


@pytest.fixture(scope="session")
def tracks_bundle(tiny_media: Path, more_media: Path, tmp_path_factory: pytest.TempPathFactory) -> TinyBundle:
    """Pictures in SDR and HDR, sound of every kind, subtitles of every kind. Made once; not to be written into."""
    root = tmp_path_factory.mktemp("tracks")
    sound = [representation(tiny_media / "4", f"a{number}", "audio", root) for number in range(1, 6)]
    surround = representation(more_media / "1", "a6", "audio", root)
    dolby = representation(more_media / "2", "a7", "audio", root)
    low, high = (
        representation(tiny_media / str(index), name, "video", root) for index, name in enumerate(("low", "high"))
    )
    hdr = representation(more_media / "0", "hdr", "video", root)
    sets = (
        AdaptationSet("1", "video", "video/mp4", (low, high)),
        AdaptationSet("2", "video", "video/mp4", (hdr,)),
        AdaptationSet("3", "audio", "audio/mp4", (sound[0],), "en", "Director's commentary", "commentary"),
        AdaptationSet("4", "audio", "audio/mp4", (sound[1],), "en", None, "description"),
        AdaptationSet("5", "audio", "audio/mp4", (sound[2],), "en", "English", "main"),
        AdaptationSet("6", "audio", "audio/mp4", (surround,), "en", "English", "main"),
        AdaptationSet("7", "audio", "audio/mp4", (dolby,), "en", "English", "main"),
        AdaptationSet("8", "audio", "audio/mp4", (sound[3],), "fr", "Français", "dub"),
        AdaptationSet("9", "audio", "audio/mp4", (sound[4],), None, None, "alternate"),
    )
    roles: tuple[tuple[Role, str | None], ...] = (
        ("subtitle", "English"),
        ("caption", None),
        ("forced-subtitle", None),
        ("subtitle", "English"),
    )
    text = []
    for number, (role, label) in enumerate(roles, start=1):
        data = f"WEBVTT\n\n00:00.000 --> 00:01.000\n{number}\n".encode()
        publish_file(root / text_href(data), data)
        text.append(TextTrack(f"t{number}", text_href(data), 200 + number, "en", label, role))
    presentation = Presentation(Fraction(2), sets, text=tuple(text))
    publish_manifest(root, presentation)
    return TinyBundle(root, presentation)


@pytest.fixture
def tiny_bundle(published_bundle: TinyBundle, tmp_path: Path) -> TinyBundle:
    """A copy of the published bundle, to be broken."""
    root = tmp_path / "bundle"
    shutil.copytree(published_bundle.root, root)
    return replace(published_bundle, root=root)


class _SchemaFiles(etree.Resolver):
    """Finds the W3C schemas that DASH-MPD.xsd imports by URL."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, url: str, _public_id: str, context: Any) -> Any:
        name = url.rpartition("/")[2]
        if name in ("xlink.xsd", "xml.xsd"):
            return self.resolve_filename(str(self._folder / name), context)
        return None


@pytest.fixture(params=["dash-5th-ed-amd1", "dash-6th-ed-draft"])
def official_schema(request: pytest.FixtureRequest, shared_dir: Path) -> Any:
    """The standard's own schema of the MPD, in two editions."""
    folder = shared_dir / "schemas"
    parser = etree.XMLParser(resolve_entities=True, no_network=True, huge_tree=True)
    parser.resolvers.add(_SchemaFiles(folder / "w3c"))
    return etree.XMLSchema(etree.parse(str(folder / request.param / "DASH-MPD.xsd"), parser))
