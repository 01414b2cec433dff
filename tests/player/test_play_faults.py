"""`neudash play` from servers and manifests that fail: video goes on, and nothing is hidden."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import av
import pytest

from manifests.bundle import open_bundle
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST
from player.cli import main
from tests.player.sessions import FRAMES, Played, played
from tests.support.faulty_server import FaultyServer, failing, send, truncated

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fault", ["404", "500", "truncated", "garbage", "half"])
def test_a_segment_that_does_not_come_is_skipped_and_said(
    faulty_server: FaultyServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    enhanced_session: Played,
    fault: str,
) -> None:
    monkeypatch.setattr("player.fetching.transport.Patience.pause_s", lambda *_: 0.01)
    faulty_server.faults["v90/00002.m4s"] = {
        "404": failing(404),
        "500": failing(500),
        "truncated": truncated,
        "garbage": lambda handler, body: send(handler, b"\0\0\0\x08moof" * 100),
        "half": lambda handler, body: send(handler, body[: len(body) // 2]),
    }[fault]
    session = played(faulty_server.url, tmp_path)
    assert session.code == 1
    whole = enhanced_session
    assert session.frames[:FRAMES] == whole.segment(1)
    assert session.frames[-2 * FRAMES :] == whole.segment(3) + whole.segment(4)
    assert (session.reasons[1] or "").startswith("lost: ")
    lost = 4 * FRAMES - len(session.frames)
    assert 0 < lost <= FRAMES
    assert session.stats["stall_s"] == pytest.approx(lost / 24)
    with av.open(str(tmp_path / "out.mkv")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[-1] == pytest.approx(47 / 24, abs=1e-3), "what follows stays where it belongs"


def test_where_rungs_may_be_switched_another_one_stands_in(faulty_server: FaultyServer, tmp_path: Path) -> None:
    faulty_server.faults["v90/00003.m4s"] = failing(404)
    faulty_server.faults["v180/00002.m4s"] = failing(404)
    stats = tmp_path / "stats.json"
    assert main([faulty_server.url, "--stats", str(stats)]) == 0
    rungs = [segment["rung"] for segment in json.loads(stats.read_text())["segments"]]
    assert rungs[1:3] == ["v90", "v180"]


def test_a_server_that_dies_ends_the_session_and_leaves_what_came(
    faulty_server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("player.fetching.transport.Patience.pause_s", lambda *_: 0.01)
    for number in (2, 3, 4):
        faulty_server.faults[f"v90/0000{number}.m4s"] = truncated
    session = played(faulty_server.url, tmp_path)
    assert session.code == 1
    assert len(session.frames) <= FRAMES
    assert "the server is gone" in capsys.readouterr().err


def test_lost_audio_is_silence_and_an_exit_code(faulty_server: FaultyServer, tmp_path: Path) -> None:
    faulty_server.faults["a1/00002.m4s"] = failing(404)
    session = played(faulty_server.url, tmp_path)
    assert session.code == 1
    assert len(session.frames) == 4 * FRAMES


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root: (root / MANIFEST).unlink(), "no such manifest"),
        (lambda root: (root / MANIFEST).write_bytes(b"<MPD"), "cannot be read"),
        (lambda root: (root / MANIFEST).write_bytes(bytes(3 << 20)), "larger than"),
    ],
)
def test_without_a_manifest_one_line_says_so(play_bundle: Path, capsys: Any, spoil: Any, said: str) -> None:
    spoil(play_bundle)
    assert main([str(play_bundle)]) == 1
    err = capsys.readouterr().err
    assert said in err and err.startswith("neudash play: ") and err.count("\n") == 1


def test_a_rung_that_is_not_there_is_said(play_bundle_master: Path, capsys: Any) -> None:
    assert main([str(play_bundle_master), "--rung", "1080"]) == 1
    assert "90 (v90), 180 (v180)" in capsys.readouterr().err


def test_an_address_without_the_manifests_name_is_told_of_it(faulty_server: FaultyServer, capsys: Any) -> None:
    assert main([faulty_server.url.removesuffix("/manifest.mpd")]) == 1
    assert capsys.readouterr().err.endswith("404 Not Found; the address of a manifest ends in /manifest.mpd\n")
    assert main([faulty_server.url.replace("/manifest.mpd", "/nowhere/manifest.mpd")]) == 1
    assert capsys.readouterr().err.endswith("404 Not Found\n")


def test_a_manifest_that_leads_to_another_host_is_refused(play_bundle: Path, capsys: Any) -> None:
    presentation = open_bundle(play_bundle).presentation
    changed = dataclasses.replace(presentation, base_urls=("http://127.0.0.2:9/",))
    (play_bundle / MANIFEST).write_bytes(write_mpd(changed))
    assert main([str(play_bundle)]) == 1
    assert "away from the manifest's own server" in capsys.readouterr().err


def with_mirrors(folder: Path, *urls: str) -> None:
    changed = dataclasses.replace(open_bundle(folder).presentation, base_urls=urls)
    (folder / MANIFEST).write_bytes(write_mpd(changed))


def test_mirrors_are_asked_where_that_is_allowed(
    faulty_server: FaultyServer, serve: Any, play_bundle_master: Path, tmp_path: Path
) -> None:
    stats = tmp_path / "stats.json"
    with serve(play_bundle_master) as mirror:
        with_mirrors(faulty_server.root, f"http://127.0.0.1:{mirror.port}/")
        assert main([faulty_server.url, "--rung", "90"]) == 1
        assert mirror.requests == []
        assert main([faulty_server.url, "--rung", "90", "--mirrors", "--stats", str(stats)]) == 0
    assert set(faulty_server.requests) == {"/manifest.mpd"}
    assert json.loads(stats.read_text())["enhanced_frames"] == 36


def test_a_mirror_that_lacks_files_costs_nothing_but_the_question(
    faulty_server: FaultyServer, serve: Any, play_bundle_master: Path
) -> None:
    with serve(play_bundle_master) as mirror:
        with_mirrors(faulty_server.root, f"http://127.0.0.1:{mirror.port}/", "./")
        mirror.faults["v90/00002.m4s"] = failing(404)
        assert main([faulty_server.url, "--rung", "90", "--mirrors"]) == 0
        assert mirror.count("v90/00002.m4s") == 1
        assert mirror.count("v90/00003.m4s") == 0, "the one that answered last is asked first"
    assert faulty_server.count("v90/00004.m4s") == 1


@pytest.mark.parametrize("spoilt", ["v90/init.mp4", "v90/00002.m4s"])
def test_what_does_not_decode_is_fetched_once_more(faulty_server: FaultyServer, tmp_path: Path, spoilt: str) -> None:
    """Neither has a hash: one answer full of zeros must not cost a segment, let alone all of them."""
    left = [1]

    def zeros_once(handler: Any, body: bytes) -> None:
        left[0] -= 1
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body if left[0] < 0 else bytes(len(body)))

    faulty_server.faults[spoilt] = zeros_once
    stats = tmp_path / "stats.json"
    assert main([faulty_server.url, "--rung", "90", "--stats", str(stats)]) == 0
    told = json.loads(stats.read_text())
    assert told["frames"] == 48 and told["enhanced_frames"] == 36
    assert faulty_server.count(spoilt) >= 2
