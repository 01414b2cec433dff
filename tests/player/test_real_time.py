"""A session at a viewer's pace: jumps, and machines that are too slow for the models they are offered."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.model import ModelFile, ModelTrack
from manifests.names import model_href
from manifests.networks import NetworkSpec
from player.fetching.transport import open_transport
from player.frames.upscalers import LazyEngine
from player.session import Outputs, Session, Settings
from player.sinks.window import ViewerQuitError, Window
from tests.support.faulty_server import FaultyServer, silent_for
from tests.support.models import coded_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path

    from media.frames import Frame
    from player.stats import SessionStats

pytestmark = pytest.mark.slow

FRAME_S = 1 / 24


class Talk:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.starts_told: list[tuple[int, int]] = []

    def starts(self, frames: int, after: int) -> None:
        self.starts_told.append((frames, after))

    def frame(self, stats: SessionStats) -> None:
        """Nothing to say."""

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class Viewer:
    """A screen with someone before it: keys by the number of pictures seen."""

    def __init__(self, keys: dict[int, str] | None = None) -> None:
        self.keys = keys or {}
        self.seen = 0
        self.given = 0
        """Frames that came for the viewer, those included that were left out."""
        self.closed = False

    def show(self, picture: Any) -> None:
        self.seen += 1

    def key(self) -> str:
        due = [count for count in self.keys if count <= self.seen]
        return self.keys.pop(due[0]) if due else ""

    def close(self) -> None:
        self.closed = True


class WatchedWindow(Window):
    """Remembers the time stamps it was given."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.viewer = viewer
        self.stamps_s: list[float] = []

    async def show(self, enhanced: Frame, plain: Any, interval_s: Fraction) -> None:
        self.stamps_s.append(float(enhanced.pts_s))
        self.viewer.given += 1
        await super().show(enhanced, plain, interval_s)


def watched(address: str, viewer: Viewer, rung: str = "90") -> tuple[Session, WatchedWindow, Talk]:
    window, talk = WatchedWindow(viewer), Talk()
    session = Session(open_transport(address), Settings(rung=rung), Outputs(window=window), talk)
    asyncio.run(session.run())
    return session, window, talk


def test_a_jump_back_shows_the_frames_again_and_fetches_no_model_twice(faulty_server: FaultyServer) -> None:
    session, window, talk = watched(faulty_server.url, Viewer({20: "left"}))
    jump = next(n for n in range(1, len(window.stamps_s)) if window.stamps_s[n] < window.stamps_s[n - 1])
    assert 20 <= jump < 48
    assert window.stamps_s[jump] == 0.0
    assert window.stamps_s[jump:] == pytest.approx([n * FRAME_S for n in range(48)])
    assert session.complete
    assert session.stats.frames in (len(window.stamps_s), len(window.stamps_s) - 1), "one may be under way at the jump"
    assert faulty_server.count(".ndm") == 2, "those that were held are not fetched again"
    assert [frames for frames, _ in talk.starts_told] == [48, 48]


def test_a_jump_beyond_the_end_shows_the_last_frame(play_bundle_master: Path) -> None:
    session, window, _ = watched(str(play_bundle_master), Viewer({10: "right"}))
    assert window.stamps_s[-1] == pytest.approx(47 * FRAME_S)
    assert len(window.stamps_s) < 48
    assert session.complete


def test_a_viewer_can_leave_while_nothing_comes(faulty_server: FaultyServer) -> None:
    faulty_server.faults["v90/00002.m4s"] = silent_for(30)

    class Impatient(Viewer):
        """Waits for a while after the first segment."""

        leaves_s: float | None = None

        def key(self) -> str:
            if self.leaves_s is None and self.given == 12:
                self.leaves_s = time.monotonic() + 1.5
            if self.leaves_s is not None and time.monotonic() > self.leaves_s:
                raise ViewerQuitError
            return ""

    _, window, _ = watched(faulty_server.url, Impatient())
    assert len(window.stamps_s) == 12, "no waiting for the second one"


class Slow:
    """An upscaler that takes its time for a frame."""

    scale = 2

    def __init__(self, name: str, frame_s: float, used: list[str]) -> None:
        self.name = name
        self.frame_s = frame_s
        self.used = used

    def upscale(self, frames: Sequence[Any]) -> Any:
        (luma,) = frames
        time.sleep(self.frame_s)
        self.used.append(self.name)
        return np.repeat(np.repeat(luma, 2, axis=0), 2, axis=1)


def on_a_machine_that_takes(monkeypatch: pytest.MonkeyPatch, frame_s: dict[int, float]) -> list[str]:
    """Seconds a frame by the width of a network; the list will hold the network of every frame enhanced."""
    used: list[str] = []

    def upscaler(engine: LazyEngine, weights: Any, width: int, height: int) -> Slow:
        return Slow(weights.spec.name, frame_s[weights.spec.width], used)

    monkeypatch.setattr(LazyEngine, "upscaler", upscaler)
    return used


def test_a_machine_that_is_too_slow_keeps_the_time_and_says_so(
    play_bundle_master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_machine_that_takes(monkeypatch, {4: 3 * FRAME_S})
    session, _, talk = watched(str(play_bundle_master), Viewer())
    stats = session.stats
    assert stats.frames == 48 and session.complete
    assert 0 < stats.enhanced_frames < 30
    assert any("too slow for c4d1 here" in warning for warning in talk.warnings)
    reasons = [segment.reason or "" for segment in stats.segments if segment.model != "none"]
    assert any(reason.startswith("too slow here") for reason in reasons)
    for segment in stats.segments:
        assert segment.enhanced_frames + segment.reused_frames <= segment.frames == 12


def test_a_file_gets_every_frame_enhanced_however_slow(
    play_bundle_master: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from player.sinks.video_file import VideoFile

    on_a_machine_that_takes(monkeypatch, {4: 1.5 * FRAME_S})
    window = WatchedWindow(Viewer())
    outputs = Outputs([VideoFile(tmp_path / "out.mp4")], window)
    session = Session(open_transport(str(play_bundle_master)), Settings(rung="90"), outputs, Talk())
    asyncio.run(session.run())
    assert session.stats.enhanced_frames == 36 and session.stats.reused_frames == 0


def with_a_smaller_track(bundle: Path) -> None:
    """A second track for every segment of the low rung, ranked after the first."""
    spec = NetworkSpec(scale=2, width=2, depth=1)
    data = coded_model(3, spec)
    (bundle / model_href(data)).write_bytes(data)
    weights = hashlib.sha256(data).hexdigest()
    file = ModelFile(1, model_href(data), len(data), weights)
    small = ModelTrack("v90-c2d1", spec.name, 2, spec.macs_per_pixel, 2, 500, "ndm/1", (file,), (1, 1, 1, 1))
    presentation = open_bundle(bundle).presentation
    first, *rest = presentation.adaptation_sets
    low, high = first.representations
    low = dataclasses.replace(low, model_tracks=(*low.model_tracks, small))
    sets = (dataclasses.replace(first, representations=(low, high)), *rest)
    publish_manifest(bundle, dataclasses.replace(presentation, adaptation_sets=sets))


def test_a_slow_machine_goes_on_with_the_smaller_model(
    faulty_server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_smaller_track(faulty_server.root)
    used = on_a_machine_that_takes(monkeypatch, {4: 3 * FRAME_S, 2: 0.2 * FRAME_S})
    session, _, _ = watched(faulty_server.url, Viewer())
    assert session.stats.segments[-1].enhanced_frames > 0
    assert (used[0], used[-1]) == ("c4d1", "c2d1")


def test_a_fast_machine_never_asks_for_the_smaller_model(
    faulty_server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_smaller_track(faulty_server.root)
    on_a_machine_that_takes(monkeypatch, {4: 0.2 * FRAME_S, 2: 0.1 * FRAME_S})
    session, _, _ = watched(faulty_server.url, Viewer())
    assert [segment.model for segment in session.stats.segments] == ["base", "update", "base", "base"]
    assert faulty_server.count(".ndm") == 3, "the third segment's only model is the small one"


def test_a_loop_plays_it_over_and_fetches_no_model_twice(faulty_server: FaultyServer) -> None:
    session = Session(open_transport(faulty_server.url), Settings(rung="90", loops=3), Outputs(), Talk())
    asyncio.run(session.run())
    assert session.complete and session.stats.frames == 3 * 48
    assert len(session.stats.segments) == 12
    assert faulty_server.count(".ndm") == 2


def test_a_loop_into_a_file_is_refused(play_bundle_master: Path, tmp_path: Path, capsys: Any) -> None:
    from player.cli import main

    with pytest.raises(SystemExit) as refused:
        main([str(play_bundle_master), "--loop", "2", "--out", str(tmp_path / "out.mp4")])
    assert refused.value.code == 2
    assert "--loop" in capsys.readouterr().err
