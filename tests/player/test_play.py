"""`neudash play` as a whole, from a folder and from a server that errs: video goes on, and nothing is hidden."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from manifests.bundle import open_bundle
from manifests.files import publish_file
from manifests.model import TextTrack
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST, text_href
from manifests.verify import verify_bundle
from player.cli import main
from player.frames.upscalers import LazyEngine
from player.superres.engines import EngineUnavailableError
from tests.support.bundles import BEEP_S, with_track
from tests.support.faulty_server import FaultyServer, bomb, failing, flipped, send, silent_for, truncated

pytestmark = pytest.mark.slow

FRAMES = 12
"""Frames in each of the four segments."""


@dataclass(frozen=True)
class Played:
    """One session's outcome."""

    code: int
    stats: dict[str, Any]
    frames: list[bytes]
    """Frames of the lossless output, if there was one."""

    def segment(self, number: int) -> list[bytes]:
        return self.frames[(number - 1) * FRAMES : number * FRAMES]

    @property
    def reasons(self) -> list[str | None]:
        return [segment["reason"] for segment in self.stats["segments"]]

    @property
    def enhanced(self) -> list[bool]:
        return [segment["enhanced"] for segment in self.stats["segments"]]


def lossless(path: Path) -> list[bytes]:
    """Luma and chroma of every frame."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="yuv420p").tobytes() for frame in container.decode(video=0)]


def played(address: str, folder: Path, *options: str) -> Played:
    """A session of the low rung with a lossless output."""
    folder.mkdir(exist_ok=True)
    stats, out = folder / "stats.json", folder / "out.mkv"
    code = main([address, "--rung", "90", "--out", str(out), "--stats", str(stats), *options])
    return Played(code, json.loads(stats.read_text()), lossless(out) if out.exists() else [])


@pytest.fixture(scope="module")
def enhanced_session(play_bundle_master: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    return played(str(play_bundle_master), tmp_path_factory.mktemp("enhanced"))


@pytest.fixture(scope="module")
def plain_session(play_bundle_master: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    return played(str(play_bundle_master), tmp_path_factory.mktemp("plain"), "--no-enhance")


def model_hrefs(bundle: Path) -> list[str]:
    """The full model and the update."""
    return [model.href for model in open_bundle(bundle).presentation.video[0].model_tracks[0].models]


def assert_plain(session: Played, numbers: set[int], enhanced: Played, plain: Played) -> None:
    """Exactly these segments are plainly upscaled, and each says why; all others are as in an unharmed session."""
    assert session.code == 0
    for number in range(1, 5):
        expected = plain if number in numbers else enhanced
        assert session.segment(number) == expected.segment(number)
        assert (session.reasons[number - 1] is None) == session.enhanced[number - 1]
        if number in numbers:
            assert not session.enhanced[number - 1]


def test_every_frame_comes_and_the_models_change_them(enhanced_session: Played, plain_session: Played) -> None:
    assert enhanced_session.code == plain_session.code == 0
    assert len(enhanced_session.frames) == len(plain_session.frames) == 4 * FRAMES
    assert enhanced_session.enhanced == [True, True, False, True]
    differing = [enhanced_session.segment(n) != plain_session.segment(n) for n in range(1, 5)]
    assert differing == [True, True, False, True]


def test_the_stats_tell_what_was_fetched(enhanced_session: Played, play_bundle_master: Path) -> None:
    stats = enhanced_session.stats
    base, update = (len((play_bundle_master / href).read_bytes()) for href in model_hrefs(play_bundle_master))
    assert [s["model"] for s in stats["segments"]] == ["base", "update", "none", "base"]
    assert [s["model_bytes"] for s in stats["segments"]] == [base, update, 0, 0]
    assert [s["rung"] for s in stats["segments"]] == ["v90"] * 4
    assert [s["number"] for s in stats["segments"]] == [1, 2, 3, 4]
    assert (stats["frames"], stats["enhanced_frames"]) == (4 * FRAMES, 3 * FRAMES)
    fetched = [MANIFEST, *model_hrefs(play_bundle_master)]
    size = sum((play_bundle_master / name).stat().st_size for name in fetched)
    size += sum(
        p.stat().st_size for folder in ("video/v90", "audio/a1") for p in (play_bundle_master / folder).iterdir()
    )
    assert stats["total_bytes"] == size
    assert stats["stall_s"] == 0


def test_without_enhancement_no_model_is_fetched(
    faulty_server: FaultyServer, tmp_path: Path, plain_session: Played
) -> None:
    session = played(faulty_server.url, tmp_path, "--no-enhance")
    assert session.frames == plain_session.frames
    assert faulty_server.count(".ndm") == 0
    assert session.reasons == ["enhancement is off"] * 4


def test_over_http_it_is_the_same_as_from_the_folder(
    faulty_server: FaultyServer, tmp_path: Path, enhanced_session: Played
) -> None:
    session = played(faulty_server.url, tmp_path)
    assert session.frames == enhanced_session.frames
    assert session.stats["total_bytes"] == enhanced_session.stats["total_bytes"]
    for name in ("video_bytes", "model_bytes"):
        assert [s[name] for s in session.stats["segments"]] == [s[name] for s in enhanced_session.stats["segments"]]
    assert len(faulty_server.requests) == len(set(faulty_server.requests)), "nothing is fetched twice"


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


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_audio_is_in_sync(play_bundle_master: Path, tmp_path: Path, name: str) -> None:
    assert main([str(play_bundle_master), "--rung", "90", "--out", str(tmp_path / name)]) == 0
    loud: list[float] = []
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].start_time == 0
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray()[0])
            assert frame.time is not None
            loud += [frame.time + int(i) / frame.sample_rate for i in np.flatnonzero(samples > 0.3)]
    # AAC blurs an onset by part of its window of 21 ms.
    assert loud[0] == pytest.approx(BEEP_S, abs=0.02)


def test_several_outputs_at_once(play_bundle_master: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / "a.mp4", tmp_path / "b.mkv"]
    options = [option for path in outputs for option in ("--out", str(path))]
    code = main([str(play_bundle_master), "--rung", "90", *options, "--frames", str(tmp_path / "png"), "--window"])
    assert code == 0
    assert all(path.exists() for path in outputs)
    assert len(list((tmp_path / "png").glob("*.png"))) == 4 * FRAMES


def test_the_size_is_the_same_on_every_rung(play_bundle_master: Path, tmp_path: Path) -> None:
    for rung in ("90", "180"):
        out = tmp_path / f"{rung}.mkv"
        assert main([str(play_bundle_master), "--rung", rung, "--out", str(out)]) == 0
        with av.open(str(out)) as container:
            assert (container.streams.video[0].width, container.streams.video[0].height) == (320, 180)


def test_what_was_kept_plays_the_same(faulty_server: FaultyServer, tmp_path: Path, enhanced_session: Played) -> None:
    kept = tmp_path / "kept"
    first = played(faulty_server.url, tmp_path / "first", "--keep", str(kept))
    assert {path.name for path in kept.iterdir() if path.is_dir()} == {"video", "audio", "models"}
    assert verify_bundle(kept).problems == (), "the very bundle, without what was not played"
    assert sorted(p.name for p in (kept / "video" / "v90").iterdir())[0] == "00001.m4s"
    again = played(str(kept), tmp_path / "again")
    assert first.frames == again.frames == enhanced_session.frames
    assert [r.id for r in open_bundle(kept).presentation.video] == ["v90"]


def test_subtitles_are_kept_with_the_rest(play_bundle: Path, faulty_server: FaultyServer, tmp_path: Path) -> None:
    webvtt = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"
    publish_file(play_bundle / text_href(webvtt), webvtt)
    tracks = (TextTrack("t1", text_href(webvtt), 300, "en"), TextTrack("t2", "text/lost.vtt", 300, "de"))
    presentation = dataclasses.replace(open_bundle(play_bundle).presentation, text=tracks)
    (play_bundle / MANIFEST).write_bytes(write_mpd(presentation))
    played(faulty_server.url, tmp_path, "--keep", str(tmp_path / "kept"))
    assert open_bundle(tmp_path / "kept").presentation.text == tracks[:1]
    assert verify_bundle(tmp_path / "kept").problems == ()


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


@pytest.mark.parametrize("name", ["mine.txt", MANIFEST])
def test_what_is_kept_is_not_mixed_with_what_is_there(
    play_bundle_master: Path, tmp_path: Path, capsys: Any, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    assert main([str(play_bundle_master), "--keep", str(tmp_path)]) == 1
    assert f"--keep {tmp_path} holds something: name an empty folder" in capsys.readouterr().err
    assert main([str(play_bundle_master), "--keep", str(tmp_path / name)]) == 1
    assert f"--keep {tmp_path / name} is a file: name a folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "x.mkv", "--out", "./x.mkv"], "--out names a file twice"),
        (["--no-enhance", "--model", "x.pb"], "--model enhances, --no-enhance does not: leave one out"),
    ],
)
def test_options_that_contradict_each_other_are_refused(capsys: Any, options: list[str], said: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["anywhere", *options])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_ctrl_c_finishes_the_files(faulty_server: FaultyServer, tmp_path: Path) -> None:
    faulty_server.faults["v90/00003.m4s"] = silent_for(60)
    out, kept, pictures, stats = (tmp_path / name for name in ("x.mkv", "kept", "pictures", "stats.json"))
    command = [sys.executable, "-m", "player", faulty_server.url, "--rung", "90", "--out", str(out)]
    command += ["--keep", str(kept), "--frames", str(pictures), "--stats", str(stats)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    until_s = time.monotonic() + 60
    while not (pictures / f"frame-{2 * FRAMES:06d}.png").exists() and time.monotonic() < until_s:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT if os.name == "posix" else signal.CTRL_C_EVENT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err.decode()
    assert len(lossless(out)) == 2 * FRAMES
    assert json.loads(stats.read_text())["frames"] == 2 * FRAMES
    assert len(open_bundle(kept).presentation.video) == 1
    assert not list(tmp_path.rglob("*.partial"))


def test_time_stamps_are_those_of_the_manifest(play_bundle_master: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.mp4"
    assert main([str(play_bundle_master), "--rung", "90", "--out", str(out)]) == 0
    with av.open(str(out)) as container:
        times = [f.pts * Fraction(f.time_base) for f in container.decode(video=0) if f.pts is not None and f.time_base]
    assert times == [Fraction(n, 24) for n in range(4 * FRAMES)]


def test_neither_keras_nor_an_engine_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, player.cli, neudash.image; "
        "print([m for m in ('keras', 'tensorflow', 'openvino', 'torch', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
