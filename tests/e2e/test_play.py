"""Packaged by the packager, served by the server, played by the player: frames arrive, bytes are accounted for."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import av
import pytest

from manifests.bundle import open_bundle
from player.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

FRAMES = 96
"""Frames of the source, a CFR video."""
SEGMENTS = 4


def lossless(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="yuv420p").tobytes() for frame in container.decode(video=0)]


def played(address: str, folder: Path, *options: str, code: int = 0) -> tuple[list[bytes], dict[str, Any]]:
    """Frames and stats of a session of the low rung."""
    folder.mkdir(exist_ok=True)
    out, stats = folder / "out.mkv", folder / "stats.json"
    command = [address, "--rung", "90", "--out", str(out), "--stats", str(stats), *options]
    assert main(command) == code
    return lossless(out), json.loads(stats.read_text())


@contextlib.contextmanager
def served(root: Path) -> Iterator[str]:
    """The manifest's address on a server of its own."""
    command = [sys.executable, "-m", "server", str(root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(timeout=30)


def test_every_frame_of_the_source_comes_and_every_byte_is_counted(served_with_models: Any, tmp_path: Path) -> None:
    frames, stats = played(served_with_models.manifest_url, tmp_path)
    assert len(frames) == FRAMES
    assert stats["frames"] == FRAMES
    assert [segment["enhanced"] for segment in stats["segments"]] == [True, False, True, False]
    requests = served_with_models.requests()
    assert stats["total_bytes"] == sum(record["bytes"] for record in requests)
    assert served_with_models.count("model") == 1, "a model is fetched once for all its segments"
    assert served_with_models.count("manifest") == 1
    assert all(record["status"] == 200 for record in requests)


def test_from_the_server_it_is_the_same_as_from_the_folder(
    served_with_models: Any, bundle_with_models: Path, tmp_path: Path
) -> None:
    remote, _ = played(served_with_models.manifest_url, tmp_path / "remote")
    local, _ = played(str(bundle_with_models), tmp_path / "local")
    assert remote == local


def test_switching_rungs_by_throughput_shows_every_frame(served_with_models: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    assert main([served_with_models.manifest_url, "--out", str(out)]) == 0
    frames = lossless(out)
    assert len(frames) == FRAMES
    assert len({len(frame) for frame in frames}) == 1, "one size, whatever the rung"


@pytest.mark.parametrize("harm", ["delete", "flip"])
def test_a_spoilt_model_file_costs_only_the_enhancement(bundle_with_models: Path, tmp_path: Path, harm: str) -> None:
    root = tmp_path / "root" / "film"
    shutil.copytree(bundle_with_models, root)
    (model,) = (root / "models").iterdir()
    data = model.read_bytes()
    with served(root.parent) as url:
        plain, _ = played(url, tmp_path / "plain", "--no-enhance")
        model.unlink() if harm == "delete" else model.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
        frames, stats = played(url, tmp_path / "spoilt")
    assert frames == plain
    assert stats["enhanced_frames"] == 0
    assert all(segment["reason"] for segment in stats["segments"])


def test_the_mp4_has_the_audio(served_with_models: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert main([served_with_models.manifest_url, "--rung", "90", "--out", str(out)]) == 0
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        sound_s = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert sound_s == pytest.approx(4.0, abs=0.05)
    assert len(lossless(out)) == FRAMES


def test_what_was_kept_is_a_bundle_that_plays(served_with_models: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    frames, _ = played(served_with_models.manifest_url, tmp_path / "first", "--keep", str(kept))
    assert len(open_bundle(kept).presentation.video) == 1
    again, _ = played(str(kept), tmp_path / "again")
    assert again == frames


@pytest.mark.shared
@pytest.mark.parametrize("name", ["FSRCNN_x2.pb", "ESPCN_x2.pb"])
def test_a_published_model_serves_every_segment(
    packaged_bundle: Path, shared_dir: Path, tmp_path: Path, name: str
) -> None:
    model = shared_dir / "pretrained" / name
    frames, stats = played(str(packaged_bundle), tmp_path / "model", "--model", str(model))
    plain, _ = played(str(packaged_bundle), tmp_path / "plain", "--no-enhance")
    assert stats["enhanced_frames"] == len(frames) == FRAMES
    assert frames != plain and len(frames[0]) == len(plain[0])
