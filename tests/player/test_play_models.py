"""`neudash play` with models that are spoilt, late, unknown or the viewer's own: only enhancement is lost."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from manifests.bundle import open_bundle
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST
from player.cli import main
from player.frames.upscalers import LazyEngine
from player.superres.engines import EngineUnavailableError
from tests.player.sessions import FRAMES, Played, assert_plain, model_hrefs, played
from tests.support.bundles import with_track
from tests.support.faulty_server import FaultyServer, bomb, failing, flipped, send, truncated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("harm", ["delete", "flip", "grow", "empty"])
@pytest.mark.parametrize(("model", "numbers"), [(0, {1, 2, 3, 4}), (1, {2, 3})])
def test_a_spoilt_model_file_costs_only_its_segments(
    play_bundle: Path,
    tmp_path: Path,
    enhanced_session: Played,
    plain_session: Played,
    harm: str,
    model: int,
    numbers: set[int],
) -> None:
    path = play_bundle / model_hrefs(play_bundle)[model]
    data = path.read_bytes()
    if harm == "delete":
        path.unlink()
    else:
        flipped = data[:100] + bytes([data[100] ^ 0x10]) + data[101:]
        path.write_bytes({"flip": flipped, "grow": data + b"\0", "empty": b""}[harm])
    session = played(str(play_bundle), tmp_path)
    assert_plain(session, numbers, enhanced_session, plain_session)
    assert path.name in (session.reasons[min(numbers) - 1] or "")


@pytest.mark.parametrize("fault", ["404", "500", "truncated", "flipped", "bomb", "elsewhere"])
def test_a_server_that_errs_on_a_model_costs_only_enhancement(
    faulty_server: FaultyServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    enhanced_session: Played,
    plain_session: Played,
    fault: str,
) -> None:
    monkeypatch.setattr("player.fetching.transport.Patience.pause_s", lambda *_: 0.01)
    faulty_server.faults[model_hrefs(faulty_server.root)[1]] = {
        "404": failing(404),
        "500": failing(500),
        "truncated": truncated,
        "flipped": flipped,
        "bomb": bomb,
        "elsewhere": lambda handler, body: send(handler, b"", 302, Location="http://127.0.0.2:9/x"),
    }[fault]
    assert_plain(played(faulty_server.url, tmp_path), {2, 3}, enhanced_session, plain_session)


def test_a_late_model_is_used_once_it_is_there(
    faulty_server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = model_hrefs(faulty_server.root)[0]
    monkeypatch.setattr("player.session.Settings.model_patience_s", 0.2)

    def until_segment_3_was_asked_for(handler: Any, body: bytes) -> None:
        while not faulty_server.count("v90/00003.m4s"):
            time.sleep(0.01)
        send(handler, body)

    def after_the_model(handler: Any, body: bytes) -> None:
        time.sleep(0.5)
        send(handler, body)

    faulty_server.faults[base] = until_segment_3_was_asked_for
    faulty_server.faults["v90/00004.m4s"] = after_the_model
    session = played(faulty_server.url, tmp_path)
    assert session.enhanced == [False, False, False, True]
    assert [(reason or "").split(":")[0] for reason in session.reasons[:2]] == ["late", "late"]
    assert session.code == 0


def test_models_of_tomorrow_are_played_plainly(play_bundle: Path, tmp_path: Path, plain_session: Played) -> None:
    presentation = open_bundle(play_bundle).presentation
    changed = with_track(presentation, lambda track: dataclasses.replace(track, network="swin-of-2031"))
    (play_bundle / MANIFEST).write_bytes(write_mpd(changed))
    session = played(str(play_bundle), tmp_path)
    assert session.frames == plain_session.frames
    assert all("swin-of-2031" in (reason or "") for reason in session.reasons)


def test_a_model_of_the_viewers_own_serves_every_segment(
    play_bundle: Path, tmp_path: Path, enhanced_session: Played
) -> None:
    own = play_bundle / model_hrefs(play_bundle)[0]
    session = played(str(play_bundle), tmp_path, "--model", str(own))
    assert session.enhanced == [True] * 4
    assert [s["model"] for s in session.stats["segments"]] == ["none"] * 4
    assert session.segment(1) == enhanced_session.segment(1)
    assert session.segment(4) == enhanced_session.segment(4)


@pytest.mark.parametrize("content", [None, b"not a model"])
def test_a_model_of_the_viewers_own_that_cannot_run_ends_it(
    play_bundle_master: Path, tmp_path: Path, capsys: Any, content: bytes | None
) -> None:
    path = tmp_path / "own.ndm"
    if content is not None:
        path.write_bytes(content)
    assert main([str(play_bundle_master), "--model", str(path)]) == 1
    assert capsys.readouterr().err.startswith("neudash play: --model")


def test_a_model_file_that_is_not_there_is_said_in_a_few_words(
    play_bundle_master: Path, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "none.pb"
    assert main([str(play_bundle_master), "--model", str(path)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"neudash play: --model {path}: No such file or directory"


class FailingUpscaler:
    """An engine that gives up in the middle of a segment."""

    name = "failing"
    scale = 2

    def __init__(self) -> None:
        self.calls = 0

    def upscale(self, frames: Sequence[Any]) -> Any:
        (luma,) = frames
        self.calls += 1
        if self.calls > 5:
            raise RuntimeError("out of device memory\nand a long trace")
        return np.repeat(np.repeat(luma, 2, axis=0), 2, axis=1)


def test_an_engine_that_fails_midway_costs_only_enhancement(
    play_bundle_master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LazyEngine, "upscaler", lambda *_: FailingUpscaler())
    session = played(str(play_bundle_master), tmp_path)
    assert session.code == 0
    assert len(session.frames) == 4 * FRAMES
    assert session.stats["enhanced_frames"] == 10, "five of each model, and segments 1 and 4 share theirs"
    assert session.reasons[0] == "the engine failed: out of device memory"
    assert session.enhanced == [False] * 4


def unavailable(*_: object) -> None:
    raise EngineUnavailableError("the engine needs something: install it")


def test_without_any_engine_it_plays_plainly_unless_one_was_named(
    play_bundle_master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain_session: Played, capsys: Any
) -> None:
    monkeypatch.setattr(LazyEngine, "upscaler", unavailable)
    session = played(str(play_bundle_master), tmp_path)
    assert session.code == 0
    assert session.frames == plain_session.frames
    assert session.reasons[0] == "the engine needs something: install it"
    for named in (["--engine", "openvino"], ["--backend", "jax"]):
        assert main([str(play_bundle_master), "--rung", "90", *named]) == 1
        assert "neudash play: the engine needs something: install it" in capsys.readouterr().err
