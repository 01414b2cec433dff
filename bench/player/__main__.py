"""Measures how fast the player is, end to end over HTTP, and how much memory it keeps (`python -m bench.player`).

The real programs package, train and serve real clips. Then `neudash play` runs, a process each time, in turns with
every engine and, for the pretrained rivals, with OpenCV's dnn module. Frames are decoded, enhanced and handed on as
planes; nothing is written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.cache import digest_of
from bench.machine import machine
from bench.player.table import goals_of, text_of
from bench.plots import OURS, RIVAL, Series, bars, chart
from bench.programs import ROOT, BenchError, neudash, served
from console.outputs import write_output
from manifests.bundle import open_bundle
from manifests.errors import BundleError

SHARED = ROOT.parent / "shared"
RIVALS = ("FSRCNN", "ESPCN")
STEPS = 300
"""Training steps; few are enough, because a network's speed does not depend on what it has learnt."""
SETTLED_S = 30.0
"""Seconds after which memory should have reached its level."""
SAMPLE_S = 0.5


@dataclass(frozen=True)
class Case:
    """Clip, rung and network of one measurement."""

    name: str
    clip: Path
    rung: int
    """Height of the rung in rows; the network doubles it."""
    network: str


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    cases = [Case("360p to 720p", options.hd, 360, "c16d2"), Case("540p to 1080p", options.full_hd, 540, "c8d2")]
    try:
        # Speeds first: the memory takes minutes.
        measured = [_case(case, options) for case in cases]
        memory = _memory(options) if options.memory_minutes else None
    except (BenchError, BundleError, OSError) as error:
        print(f"bench.player: {error}", file=sys.stderr)
        return 1
    result = {
        "bench": "player",
        "command": ["python", "-m", "bench.player", *argv],
        "machine": machine(),
        "cases": measured,
        "memory": memory,
    }
    result["goals"] = goals_of(result)
    print(text_of(result))
    if options.json:
        write_output(options.json, (json.dumps(result, indent=1) + "\n").encode())
    if options.plots:
        for name, svg in plots_of(result, options.engines).items():
            write_output(options.plots / name, svg.encode())
    return 0


def plots_of(result: dict[str, Any], engines: Sequence[str]) -> dict[str, str]:
    """Returns the plots of speed, and of memory if it was measured, as SVG by file name."""
    speeds = {
        case["name"]: [(name, way["fps"], OURS if name in engines else RIVAL) for name, way in case["ways"].items()]
        for case in result["cases"]
    }
    plots = {"speed.svg": bars("Frames a second, decoded, enhanced and handed on", speeds, "{:.1f}")}
    if memory := result["memory"]:
        title = f"Resident megabytes over {memory['video_s']:.0f} s of video"
        samples = Series("memory", memory["samples"], {"color": OURS})
        plots["memory.svg"] = chart(title, [samples], "seconds", y_from_0=True)
    return plots


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.player", description=__doc__)
    parser.add_argument("--hd", type=Path, default=SHARED / "clips/sport-juggle-720p24.mp4", help="a clip of 720 rows")
    parser.add_argument(
        "--full-hd", type=Path, default=SHARED / "clips/animation-1080p30.mp4", help="a clip of 1080 rows"
    )
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="seconds to take of each clip (default: %(default)g)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all engines; rivals run only in the first")
    parser.add_argument("--engines", nargs="*", default=["openvino", "keras"], metavar="NAME")
    parser.add_argument(
        "--rivals", nargs="*", default=list(RIVALS), metavar="NAME", help="pretrained rivals; none skips them"
    )
    parser.add_argument(
        "--memory-minutes",
        type=float,
        default=10.0,
        metavar="M",
        help="minutes of video to play in a loop for the memory; 0 skips this",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write speed.svg and memory.svg into DIR")
    parser.add_argument("--work", type=Path, default=ROOT / "bench-out" / "player", help="folder of the bundles")
    return parser


def _case(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    bundle = _bundle(case, options)
    ways = {name: ["--engine", name] for name in options.engines}
    for rival in options.rivals:
        ways[rival] = ["--model", str(SHARED / "pretrained" / f"{rival}_x2.pb")]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    with served(bundle) as url:
        # In turns, so that the machine's load affects all alike. The rivals are slow, so they run once.
        for turn in range(options.rounds):
            for name, arguments in ways.items():
                if turn == 0 or name in options.engines:
                    print(f"bench.player: {case.name}, {name}", file=sys.stderr)
                    runs[name].append(_played(url, ["--rung", str(case.rung), *arguments]))
    return {
        "name": case.name,
        "clip": case.clip.name,
        "network": case.network,
        "frames": runs[options.engines[0]][0]["frames"],
        "ways": {name: _summed_up(of_way) for name, of_way in runs.items()},
    }


def _bundle(case: Case, options: argparse.Namespace) -> Path:
    """Returns the case's bundle, packaged and trained unless an earlier run did it."""
    if not case.clip.is_file():
        raise BenchError(f"{case.clip} is not a file; name clips by --hd and --full-hd")
    key = digest_of(case.clip, case.rung, case.network, options.seconds, STEPS)
    bundle: Path = options.work / key / "bundle"
    if not (bundle / "manifest.mpd").is_file():
        # Two rungs: the one that is played, and one of the size to which it is enhanced.
        rungs = f"{case.rung}@crf27,{2 * case.rung}@crf27"
        neudash("package", case.clip, "-o", bundle, "--rungs", rungs, "--duration", str(options.seconds))
    if not any(r.model_tracks for r in open_bundle(bundle).presentation.video):
        how = ("--net", case.network, "--scope", "title", "--steps", str(STEPS))
        neudash("train", bundle, "--source", case.clip, *how)
        if not any(r.model_tracks for r in open_bundle(bundle).presentation.video):
            raise BenchError(f"the trainer kept no model of {case.clip.name}, so there is nothing to measure")
    return bundle


def _played(url: str, arguments: list[str]) -> dict[str, Any]:
    """Plays one session in a separate process, and returns its figures."""
    with tempfile.TemporaryDirectory() as folder:
        stats_file = Path(folder) / "stats.json"
        with _playing([url, *arguments, "--stats", str(stats_file)]) as (process, started_s):
            # wait4 also returns the CPU time and the peak memory of the process.
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.monotonic() - started_s
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise BenchError(f"`neudash play {url} {' '.join(arguments)}` ended with {process.returncode}")
        stats = json.loads(stats_file.read_bytes())
    # A frame without enhancement would make the player look faster.
    if stats["enhanced_frames"] != stats["frames"]:
        raise BenchError(f"{stats['frames'] - stats['enhanced_frames']} frames were not enhanced")
    playing_s = stats["elapsed_s"] - stats["startup_s"]
    return {
        "frames": stats["frames"],
        "fps": (stats["frames"] - 1) / playing_s,
        "network_fps": stats["enhance_fps"],
        # Counted from the start of the process, with its imports and the compiling of the network.
        "first_frame_s": wall_s - playing_s,
        "startup_s": stats["startup_s"],
        "cpu_ms_per_frame": 1000 * (usage.ru_utime + usage.ru_stime) / stats["frames"],
        "peak_mb": usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
    }


@contextmanager
def _playing(arguments: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    command = [sys.executable, "-m", "neudash", "play", *arguments]
    started_s = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process, started_s
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _summed_up(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the medians, and the range of the speed."""
    names = ("fps", "network_fps", "first_frame_s", "startup_s", "cpu_ms_per_frame", "peak_mb")
    medians = {name: round(median(run[name] for run in runs), 3) for name in names}
    return {**medians, "fps_spread": [round(f(run["fps"] for run in runs), 1) for f in (min, max)], "runs": len(runs)}


def _memory(options: argparse.Namespace) -> dict[str, Any]:
    """Measures resident memory over a long session: the first case's clip in a loop, as fast as frames are made."""
    case = Case("memory", options.hd, 360, "c16d2")
    bundle = _bundle(case, options)
    duration_s = float(open_bundle(bundle).presentation.duration_s)
    loops = max(1, round(options.memory_minutes * 60 / duration_s))
    samples: list[tuple[float, float]] = []
    print(f"bench.player: memory over {options.memory_minutes:g} minutes of video", file=sys.stderr)
    with served(bundle) as url, _playing([url, "--rung", "360", "--loop", str(loops)]) as (process, started_s):
        while process.poll() is None:
            samples.append((time.monotonic() - started_s, _resident_mb(process.pid)))
            time.sleep(SAMPLE_S)
        if process.returncode != 0:
            raise BenchError(f"the long session ended with {process.returncode}")
    return memory_of(samples, loops * duration_s)


def memory_of(samples: list[tuple[float, float]], video_s: float) -> dict[str, Any]:
    """Returns the figures of (seconds, megabytes) samples, without those of an ended process."""
    alive = [(at_s, mb) for at_s, mb in samples if mb > 0]
    # Memory should be level after SETTLED_S, or after a third of a short session.
    settled = [mb for at_s, mb in alive if at_s >= min(SETTLED_S, alive[-1][0] / 3)]
    return {
        "video_s": video_s,
        "wall_s": round(alive[-1][0], 1),
        "peak_mb": round(max(mb for _, mb in alive), 1),
        "settled_mb": round(settled[0], 1),
        "growth_mb": round(settled[-1] - settled[0], 1),
        "samples": [[round(at_s, 1), round(mb, 1)] for at_s, mb in alive],
    }


def _resident_mb(pid: int) -> float:
    """Returns the resident memory of a process in MB; 0 if the system does not report it."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
