"""The player's bench and the soak: their arithmetic, and one short run of each with the real programs."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ElementTree
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from bench.player import soak
from bench.player.__main__ import memory_of, plots_of
from bench.player.table import goals_of, text_of
from bench.programs import neudash
from manifests.bundle import open_bundle
from media.programs import find_program, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def way(fps: float, first_frame_s: float = 0.9) -> dict[str, Any]:
    return {
        "fps": fps, "fps_spread": [fps - 1, fps + 1], "cpu_ms_per_frame": 20.0, "first_frame_s": first_frame_s,
        "peak_mb": 200.0,
    }  # fmt: skip


@pytest.fixture
def result() -> dict[str, Any]:
    samples = [(float(n), 150.0 + min(n, 30)) for n in range(100)] + [(100.0, 0.0)]
    result: dict[str, Any] = {
        "cases": [
            {
                "name": "360p to 720p", "clip": "a.mp4", "network": "c16d2", "frames": 100,
                "ways": {"openvino": way(40.0), "keras": way(50.0, 9.0), "FSRCNN": way(5.0)},
            }
        ],
        "memory": memory_of(samples, 600.0),
    }  # fmt: skip
    return result | {"goals": goals_of(result)}


def test_goals_are_those_of_the_first_engine(result: dict[str, Any]) -> None:
    told = {goal["what"]: (goal["reached"], goal["must_reached"], goal["aim_reached"]) for goal in result["goals"]}
    assert told["360p to 720p c16d2: frames/s"] == (40.0, True, False)
    assert told["360p to 720p: times as fast as FSRCNN"] == (8.0, True, False)
    assert told["360p to 720p: s to the first enhanced frame"] == (0.9, True, True)
    assert "openvino" in text_of(result) and "NOT reached" not in text_of(result)


def test_memory_is_judged_after_it_has_settled(result: dict[str, Any]) -> None:
    memory = result["memory"]
    assert (memory["peak_mb"], memory["settled_mb"], memory["growth_mb"]) == (180.0, 180.0, 0.0)
    assert len(memory["samples"]) == 100, "a process that has ended has no memory"


def test_plots_are_well_formed(result: dict[str, Any]) -> None:
    plots = plots_of(result, ["openvino", "keras"])
    assert set(plots) == {"speed.svg", "memory.svg"}
    for svg in plots.values():
        ElementTree.fromstring(svg)
    assert set(plots_of({**result, "memory": None}, [])) == {"speed.svg"}


def test_a_soak_tells_a_frame_that_was_lost() -> None:
    def judged(code: int, frames: int, reason: str | None = None, talk: str = "") -> list[str]:
        told = soak.Soak(sessions=1)
        stats = {"frames": frames, "segments": [{"number": 1, "frames": frames, "reason": reason}]}
        soak._judge(stats, code, talk, {1: 12}, {1: 0 if reason else 1}, told)
        return told.failures

    assert judged(0, 12) == []
    assert judged(1, 0, "lost: HTTP 404") == []
    assert "came 1 times and was played 0" in judged(0, 11)[0]
    assert "ended with 0, 1 segments lost" in judged(0, 0, "lost: HTTP 404")[0]
    assert "ended with 1, 0 segments lost" in judged(1, 12)[0]
    assert "ended with -11" in judged(-11, 12)[0]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three segments of a second, without models: what is broken on the way are files of any kind."""
    folder = tmp_path_factory.mktemp("soak")
    source = folder / "source.mkv"
    command = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=12:d=3", "-c:v", "ffv1", str(source)]
    run([str(find_program("ffmpeg")), *command], deadline_s=60)
    neudash("package", source, "-o", folder / "bundle", "--rungs", "90@crf30", "--segment-seconds", "1", "-q")
    return folder / "bundle"


def test_a_short_soak_of_the_real_programs(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.player.faults.FAULT_SHARE", 0.4)
    monkeypatch.setattr("bench.player.faults.STALL_S", 0.3)
    monkeypatch.setattr(soak, "BETWEEN_OUTAGES_S", (1.0, 2.0))
    monkeypatch.setattr(soak, "OUTAGE_S", 0.5)
    done = asyncio.run(soak.soaked(open_bundle(bundle), "90", 8, seed=4))
    assert done.failures == []
    assert done.sessions == sum(done.exit_codes.values()) >= 2
    assert done.frames > 0 and sum(done.faults.values()) > 0
    assert isinstance(done.faults, Counter)
