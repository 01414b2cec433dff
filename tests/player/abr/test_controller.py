"""The controller: what it tells a policy, and that the session does what the policy answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import Representation, SideFile
from manifests.names import quality_href
from manifests.quality_table import QualityTable, RungQuality, SegmentQuality, decode_quality, encode_quality
from player.abr import rules
from player.abr.inputs import rung_models_digest, upcoming_segments, usable_entries
from player.abr.state import Decision, Rule, State
from player.cli import main
from player.fetching.transport import open_transport
from player.session import Outputs, Session, Settings
from player.sinks.screens import NoScreen
from player.sinks.window import Window
from player.superres.model_choice import SegmentModel, model_for_segment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.faulty_server import FaultyServer

pytestmark = pytest.mark.filterwarnings("error")


class QuietTalk:
    def starts(self, frames: int, after: int) -> None: ...

    def frame(self, stats: object) -> None: ...

    def warn(self, message: str) -> None: ...


def with_table(root: Path, *, right_models: bool = True) -> None:
    """A quality table: plain 60 and 80, enhanced 70, sizes as they are."""
    p = open_bundle(root).presentation
    video = next(s for s in p.adaptation_sets if s.content_type == "video")

    def rung(r: Representation) -> RungQuality:
        plain = 60.0 if r.model_tracks else 80.0
        sizes = ((root / segment.href).stat().st_size for segment in r.segments)
        digest = rung_models_digest(r) if right_models else b"another!"
        return RungQuality(tuple(SegmentQuality(size, 99, plain, 99.5, plain + 10) for size in sizes), digest)

    data = encode_quality(QualityTable({r.id: rung(r) for r in video.representations}))
    publish_file(root / quality_href(data), data)
    told = SideFile(quality_href(data), len(data), hashlib.sha256(data).hexdigest())
    publish_manifest(root, replace(p, adaptation_sets=(replace(video, quality=told), *p.adaptation_sets[1:])))


def played(url: str, monkeypatch: pytest.MonkeyPatch, policy: Any) -> tuple[Session, list[State]]:
    """A session under a policy, and the states that it was asked in."""
    seen: list[State] = []

    def watching(state: State) -> Decision:
        seen.append(state)
        return policy(state)

    monkeypatch.setitem(rules.RULES, "watching", Rule("watching", watching))
    session = Session(open_transport(url), Settings(rule="watching"), Outputs(), QuietTalk())
    asyncio.run(session.run())
    return session, seen


def lowest(state: State) -> Decision:
    choice = state.upcoming[0].choices[0]
    return Decision(choice.rung, choice.enhancements[0].track if choice.enhancements else None, memory=(7.0,))


def test_a_policy_is_told_what_the_manifest_knows(faulty_server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with_table(faulty_server.root)
    session, states = played(faulty_server.url, monkeypatch, lowest)
    assert [len(state.upcoming) for state in states] == [4, 3, 2, 1]
    assert [state.remaining for state in states] == [4, 3, 2, 1]
    assert [len(state.transfers) for state in states] == [0, 1, 2, 3]
    assert states[0].memory == () and states[1].memory == (7.0,)
    assert states[0].held == frozenset() and len(states[2].held) == 1
    assert states[3].last_rung == "v90" and states[3].last_quality == 60.0
    told = states[3].upcoming[0]
    assert [choice.quality for choice in told.choices] == [60.0, 80.0]
    assert told.choices[0].enhancements[0].quality == 70.0
    first = faulty_server.root / "video/v90/00004.m4s"
    assert told.choices[0].size_bytes == first.stat().st_size
    assert session.complete


def test_a_table_of_other_models_is_not_believed_about_models(play_bundle: Path) -> None:
    with_table(play_bundle, right_models=False)
    p = open_bundle(play_bundle).presentation
    side_file = p.adaptation_sets[0].quality
    assert side_file is not None
    table = decode_quality((play_bundle / side_file.href).read_bytes())
    told = upcoming_segments(p.video, usable_entries(p.video, table), range(1), lambda rung, track: 0.1)[0].choices[0]
    assert told.quality == 60.0
    assert told.enhancements[0].quality == 62.0


def test_a_table_of_other_segments_is_not_believed(play_bundle: Path) -> None:
    low, high = open_bundle(play_bundle).presentation.video
    one_more = RungQuality((SegmentQuality(1000),) * (len(low.segments) + 1), rung_models_digest(low))
    whole = RungQuality((SegmentQuality(1000),) * len(high.segments))
    told = usable_entries((low, high), QualityTable({low.id: one_more, high.id: whole, "of another set": whole}))
    assert dict(told) == {high.id: RungQuality(whole.segments, whole.models)}


def test_a_decision_costs_no_look_at_the_whole_film(play_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests over all segments of all rungs, once a decision, would hold up everything else for half a second."""
    with_table(play_bundle)
    p = open_bundle(play_bundle).presentation
    side_file = p.adaptation_sets[0].quality
    assert side_file is not None
    known = usable_entries(p.video, decode_quality((play_bundle / side_file.href).read_bytes()))
    looked_at: list[int] = []

    def watched(rung: Representation, index: int) -> SegmentModel:
        looked_at.append(index)
        return model_for_segment(rung, index)

    monkeypatch.setattr("player.abr.inputs.model_for_segment", watched)
    told = upcoming_segments(p.video, known, range(1, 2), lambda rung, track: 0.1)[0].choices[0]
    assert told.enhancements[0].quality == 70.0
    assert set(looked_at) == {1}


def test_without_a_table_more_bits_are_better_and_models_gain(play_bundle: Path) -> None:
    low, high = upcoming_segments(open_bundle(play_bundle).presentation.video, {}, range(1), lambda rung, track: 0.1)[
        0
    ].choices
    assert low.quality < low.enhancements[0].quality
    assert low.quality < high.quality
    assert high.size_bytes == pytest.approx(high.bandwidth_bps * 0.5 / 8)


def test_a_machine_that_is_too_slow_is_offered_no_model(play_bundle: Path) -> None:
    video = open_bundle(play_bundle).presentation.video
    assert upcoming_segments(video, {}, range(1), lambda rung, track: 1.1)[0].choices[0].enhancements == ()
    assert upcoming_segments(video, {}, range(1), None)[0].choices[0].enhancements == ()


def test_a_policy_that_wants_no_model_gets_none(faulty_server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    session, _ = played(faulty_server.url, monkeypatch, lambda state: Decision("v90"))
    assert faulty_server.count(".ndm") == 0
    reasons = [segment.reason for segment in session.stats.segments]
    assert reasons.count("the policy chose plain") == 3


def test_a_broken_table_costs_nothing_but_its_knowledge(
    faulty_server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_table(faulty_server.root)
    [path] = (faulty_server.root / "quality").iterdir()
    path.write_bytes(bytes(path.stat().st_size))
    session, states = played(faulty_server.url, monkeypatch, lowest)
    assert session.complete
    assert states[3].upcoming[0].choices[1].quality == 95.0


def test_a_paced_session_fetches_no_further_than_its_buffer(faulty_server: FaultyServer) -> None:
    """Segments of half a second and a buffer of one: each is asked for when half a second or less is left."""
    session = Session(
        open_transport(faulty_server.url),
        Settings(rung="v90", buffer_s=1.0, enhance=False),
        Outputs(window=Window(NoScreen())),
        QuietTalk(),
    )
    asyncio.run(session.run())
    asked = [segment.buffer_s for segment in session.stats.segments]
    assert session.complete
    assert max(asked) <= 0.55


def test_a_trace_from_the_command_line_slows_the_session(play_bundle: Path, tmp_path: Path) -> None:
    trace = tmp_path / "slow.csv"
    trace.write_text("time_s,kbps\n0,300\n")
    stats = tmp_path / "stats.json"
    arguments = [str(play_bundle), "--network-trace", str(trace), "--stats", str(stats), "--no-enhance"]
    assert main([*arguments, "--rung", "v90"]) == 0
    told = json.loads(stats.read_text())
    fetched_s = sum(segment["download_s"] for segment in told["segments"])
    assert fetched_s >= 8 * sum(segment["video_bytes"] for segment in told["segments"]) / 300e3 * 0.9


def test_a_trace_that_is_none_is_said_in_a_line(play_bundle: Path, tmp_path: Path, capsys: Any) -> None:
    assert main([str(play_bundle), "--network-trace", str(tmp_path / "none.csv")]) == 1
    assert "network trace" in capsys.readouterr().err
