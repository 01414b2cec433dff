"""Writes a tiny bundle that plays: H.264 and AAC by ffmpeg, models of random weights."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

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
from manifests.names import model_href
from media.programs import find_program
from tests.support.models import SPEC, coded_model
from tests.support.presentations import measured_segments, series_of

if TYPE_CHECKING:
    from collections.abc import Callable

FRAMES_PER_SEGMENT = 12
SEGMENT_COUNT = 4
USES = (1, 2, None, 1)
"""Segment by segment: full weights, an update to them, plain upscaling, the full weights again."""
BEEP_S = 1.0
"""Time at which the only sound of the bundle begins."""
LOW, HIGH = "v90", "v180"


PITCHES_HZ = {"fr-stereo": 2000, "en-surround": 1000, "en-stereo": 500}
"""The pitch of each sound track of `sounds_bundle_master`, by the id of its stream."""


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


def write_video(root: Path, name: str, width: int, height: int, tracks: tuple[ModelTrack, ...]) -> VideoRepresentation:
    seconds = SEGMENT_COUNT * FRAMES_PER_SEGMENT / 24
    source = ["-f", "lavfi", "-i", f"testsrc2=s=320x180:r=24:d={seconds}", "-vf", f"scale={width}:{height}"]
    gop = str(FRAMES_PER_SEGMENT)
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-crf", "27", "-pix_fmt", "yuv420p"]
    codec += ["-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-x264-params", "open-gop=0"]
    _segmented(root / "video" / name, source, codec)
    codecs, segments = _measured(root / "video" / name)
    video = VideoFormat(width, height, Fraction(24))
    return VideoRepresentation(name, codecs, 100 * height * 10, segments, video, tracks)


def write_audio(root: Path) -> AudioRepresentation:
    beep = f"if(between(t\\,{BEEP_S}\\,{BEEP_S + 0.25})\\,sin(880*2*PI*t)\\,0)"
    return write_sound(root, "a1", f"aevalsrc={beep}:s=48000", 1)


def write_sound(root: Path, name: str, source: str, channels: int) -> AudioRepresentation:
    """Writes the sound of a lavfi source to the bundle."""
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
    data = coded_model(1)
    full = _model_file(root, 1, data)
    update = _model_file(root, 2, coded_model(2, base=data), base=1)
    return ModelTrack(
        f"{LOW}-{SPEC.name}", SPEC.name, SPEC.scale, SPEC.macs_per_pixel, 1, 1000, "ndm/1", (full, update), USES
    )


def with_track(presentation: Presentation, change: Callable[[ModelTrack], ModelTrack]) -> Presentation:
    """The presentation with its one model track changed."""
    first, *rest = presentation.adaptation_sets
    low, high = first.representations
    low = dataclasses.replace(low, model_tracks=tuple(map(change, low.model_tracks)))
    return dataclasses.replace(
        presentation, adaptation_sets=(dataclasses.replace(first, representations=(low, high)), *rest)
    )


@pytest.fixture(scope="session")
def play_bundle_master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160x90 with models x2 and 320x180 without, 24 fps, four segments of half a second, AAC. Not to be changed."""
    root = tmp_path_factory.mktemp("play") / "bundle"
    root.mkdir()
    low = write_video(root, LOW, 160, 90, (model_track(root),))
    high = write_video(root, HIGH, 320, 180, ())
    audio = write_audio(root)
    end = max(s.end_s for r in (low, audio) for s in r.segments)
    sets = (AdaptationSet("1", "video", "video/mp4", (low, high)), AdaptationSet("2", "audio", "audio/mp4", (audio,)))
    publish_manifest(root, Presentation(end, sets))
    return root


@pytest.fixture(scope="session")
def sounds_bundle_master(play_bundle_master: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with French, English in 5.1 and English in stereo: a tone of its own in each. Not to be changed."""
    root = Path(shutil.copytree(play_bundle_master, tmp_path_factory.mktemp("sounds") / "bundle"))
    shutil.rmtree(root / "audio")
    presentation = open_bundle(play_bundle_master).presentation
    sets = [presentation.adaptation_sets[0]]
    for number, (name, pitch_hz) in enumerate(PITCHES_HZ.items(), start=2):
        stream = write_sound(root, name, f"sine=frequency={pitch_hz}:sample_rate=48000", 6 if "surround" in name else 2)
        language, label, role = ("fr", "Français", "dub") if name.startswith("fr") else ("en", "English", "main")
        sets.append(AdaptationSet(str(number), "audio", "audio/mp4", (stream,), language, label, role))
    publish_manifest(root, dataclasses.replace(presentation, adaptation_sets=tuple(sets)))
    return root


@pytest.fixture
def play_bundle(play_bundle_master: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(play_bundle_master, tmp_path / "bundle"))
