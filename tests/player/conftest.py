"""A tiny real bundle (H.264 and AAC by ffmpeg, models of random weights), and a real server that can misbehave."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.model import (
    AdaptationSet,
    Presentation,
)
from tests.support.bundles import HIGH, LOW, PITCHES_HZ, model_track, write_audio, write_sound, write_video
from tests.support.faulty_server import FaultyServer, serving
from tests.support.virtual_time import VirtualTime


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


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Time that no busy machine disturbs, for a test's coroutines."""
    return VirtualTime(monkeypatch)


@pytest.fixture
def serve() -> Callable[[Path], contextlib.AbstractContextManager[FaultyServer]]:
    """Serves any folder, as a context manager."""
    return serving


@pytest.fixture
def faulty_server(play_bundle: Path) -> Iterator[FaultyServer]:
    """Serves the spoilable bundle."""
    with serving(play_bundle) as server:
        yield server
