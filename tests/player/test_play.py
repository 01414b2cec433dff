"""`neudash play` as a whole: frames, sound, outputs and kept downloads, from a folder and over HTTP."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

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
from tests.player.sessions import FRAMES, Played, lossless, model_hrefs, played
from tests.support.bundles import BEEP_S
from tests.support.faulty_server import FaultyServer, silent_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


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
