"""Plays through every fault of server and line for half an hour (`python -m bench.player.soak BUNDLE`).

A proxy that breaks answers at random stands before a real server. `neudash play` runs in processes of its own, in turns
as fast as it can and at a viewer's pace. Now and then the line is dead for some seconds, or the server is killed and
started again. The run checks that no session hangs, that each ends with the right exit code, and that every frame of
a segment that came whole was played.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.machine import machine
from bench.player.faults import FaultyProxy
from bench.programs import ROOT, BenchError
from console.outputs import write_output
from manifests.bundle import Bundle, open_bundle
from manifests.errors import BundleError
from manifests.model import VideoRepresentation
from manifests.mp4.fragments import read_fragment, read_init

OUTAGE_S = 5.0
BETWEEN_OUTAGES_S = (20.0, 60.0)
HANGS_AFTER_S = 240.0
"""Seconds beyond its video after which a session counts as hung: attempts, pauses and outages take far less in all."""


@dataclass
class Soak:
    """Totals of the run so far."""

    sessions: int = 0
    frames: int = 0
    enhanced_frames: int = 0
    segments_lost: int = 0
    exit_codes: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """Descriptions of everything that must not happen."""


def main(argv: list[str]) -> int:
    """Runs the command; returns 1 if something happened that must not, or the run could not start."""
    options = _parser().parse_args(argv)
    try:
        bundle = open_bundle(options.bundle)
        soak = asyncio.run(soaked(bundle, options.rung, 60 * options.minutes, options.seed))
    except (BenchError, BundleError, OSError) as error:
        print(f"bench.player.soak: {error}", file=sys.stderr)
        return 1
    told = {
        "bench": "soak",
        "command": ["python", "-m", "bench.player.soak", *argv],
        "machine": machine(),
        **vars(soak),
    }
    print(text_of(soak, options.minutes))
    if options.json:
        write_output(options.json, (json.dumps(told, indent=1) + "\n").encode())
    return 1 if soak.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.player.soak", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a trained bundle")
    parser.add_argument("--rung", default="360", help="rung to play, by height or id (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=30.0, help="minutes to play (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the faults (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


async def soaked(bundle: Bundle, rung: str, seconds: float, seed: int) -> Soak:
    """Plays sessions until the time is over. Raises BenchError if the server cannot be started."""
    soak, chance = Soak(), random.Random(seed)
    played = _rung(bundle, rung)
    frames = _frame_counts(bundle, played)
    server = _Server(bundle.root)
    await server.start()
    # Separate generators, so that faults do not depend on when outages begin.
    proxy = FaultyProxy(server.port, random.Random(seed + 1), soak.faults)
    await proxy.start()
    trouble = asyncio.create_task(_trouble(server, proxy, chance, soak))
    ends_s = time.monotonic() + seconds
    try:
        while time.monotonic() < ends_s:
            # Every third session plays at a viewer's pace.
            paced = soak.sessions % 3 == 2
            await _session(f"http://127.0.0.1:{proxy.port}{server.path}", played, frames, proxy, soak, paced=paced)
            print(f"bench.player.soak: {soak.sessions} sessions, {soak.frames} frames", file=sys.stderr)
            if trouble.done():
                trouble.result()  # raises if the server did not start again, which sessions would take for an outage
    finally:
        trouble.cancel()
        await asyncio.gather(trouble, return_exceptions=True)
        await proxy.close()
        await server.kill()
    # A run that played nothing has proved nothing.
    if not soak.frames:
        soak.failures.append("no frame was played")
    return soak


def _rung(bundle: Bundle, wish: str) -> VideoRepresentation:
    for rung in bundle.presentation.video:
        if rung.video is not None and wish in (rung.id, str(rung.video.height)):
            return rung
    raise BenchError(f"the bundle has no rung {wish!r}")


def _frame_counts(bundle: Bundle, rung: VideoRepresentation) -> dict[int, int]:
    """Returns the number of frames of each segment, by its number."""
    init = read_init(bundle.path(rung.init_href).read_bytes())
    return {
        segment.number: read_fragment(bundle.path(segment.href).read_bytes(), init).sample_count
        for segment in rung.segments
    }


async def _session(
    url: str, rung: VideoRepresentation, frames: dict[int, int], proxy: FaultyProxy, soak: Soak, *, paced: bool
) -> None:
    """Plays one session in a separate process, and checks it."""
    proxy.whole.clear()
    proxy.flipped.clear()
    loops = 1 if paced else 3
    soak.sessions += 1
    with tempfile.TemporaryDirectory() as folder:
        stats_file = Path(folder) / "stats.json"
        # Without a display, a window only keeps the pace.
        options = ["--window"] if paced else ["--loop", str(loops)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "neudash", "play", url, "--rung", rung.id, "--stats", str(stats_file), *options,
            cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE, env=_without_display(),
        )  # fmt: skip
        try:
            _, talk = await asyncio.wait_for(process.communicate(), HANGS_AFTER_S + loops * float(rung.duration_s))
        except TimeoutError:
            process.kill()
            await process.wait()
            soak.failures.append(f"session {soak.sessions} hung")
            return
        stats = json.loads(stats_file.read_bytes()) if stats_file.exists() else {"segments": []}
    assert process.returncode is not None, "it ended"
    soak.exit_codes[process.returncode] += 1
    # What the proxy let through must have been played.
    whole = {number: proxy.whole_of(rung, number) for number in frames}
    spoilt_inits = sum(count for path, count in proxy.flipped.items() if path.endswith(rung.init_href))
    _judge(stats, process.returncode, talk.decode(), frames, whole, soak, spare=spoilt_inits // 2)


def _judge(
    stats: dict[str, Any],
    code: int,
    talk: str,
    frames: dict[int, int],
    whole: dict[int, int],
    soak: Soak,
    *,
    spare: int = 0,
) -> None:
    """Counts what a session did, and adds every failure to `soak`.

    `whole` is how often each segment, by number, came through unchanged. `spare` is how many segments may be lost
    because their init segment was broken twice.
    """
    name = f"session {soak.sessions}"
    records = stats["segments"]
    lost = [record for record in records if (record["reason"] or "").startswith("lost")]
    soak.frames += stats.get("frames", 0)
    soak.enhanced_frames += stats.get("enhanced_frames", 0)
    soak.segments_lost += len(lost)
    # Exit code 1 is right only if something was lost: segments, the manifest, the server or the audio.
    gone = "the server is gone" in talk or "no manifest" in talk
    if code not in (0, 1):
        soak.failures.append(f"{name} ended with {code}: {talk[-500:]}")
    elif (code == 1) != bool(lost or gone or "audio is missing" in talk):
        soak.failures.append(f"{name} ended with {code}, {len(lost)} segments lost: {talk[-500:]}")
    # Every segment that came whole must have been played whole.
    for number, count in frames.items():
        complete = sum(r["number"] == number and r["frames"] == count for r in records)
        if complete + spare < whole[number]:
            soak.failures.append(f"{name}: segment {number} came {whole[number]} times and was played {complete} times")


async def _trouble(server: _Server, proxy: FaultyProxy, chance: random.Random, soak: Soak) -> None:
    """Makes the line dead or kills the server, at random times."""
    while True:
        await asyncio.sleep(chance.uniform(*BETWEEN_OUTAGES_S))
        if chance.random() < 0.5:
            soak.faults["outage"] += 1
            proxy.dead = True
            await asyncio.sleep(OUTAGE_S)
            proxy.dead = False
        else:
            soak.faults["server killed"] += 1
            await server.kill()
            await server.start()


class _Server:
    """Runs `neudash serve`, and starts it again on the same port."""

    def __init__(self, root: Path) -> None:
        self.port = 0
        self.path = ""
        self._root = root
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts the server, and returns when it listens. Raises BenchError."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "neudash", "serve", str(self._root), "--port", str(self.port),
            cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None, "piped"
        address = urlsplit((await self._process.stdout.readline()).decode().strip())
        if address.port is None:
            raise BenchError(f"`neudash serve {self._root}` printed no address")
        self.port, self.path = address.port, address.path

    async def kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def _without_display() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}


def text_of(soak: Soak, minutes: float) -> str:
    """Returns the totals as text for a terminal."""
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(soak.exit_codes.items()))
    faults = ", ".join(f"{count} {name}" for name, count in soak.faults.most_common())
    lines = [
        f"{minutes:g} minutes, {soak.sessions} sessions ended: {codes}",
        f"{soak.frames} frames, {soak.enhanced_frames} enhanced; {soak.segments_lost} segments lost",
        f"faults: {faults}",
        *(f"FAILED: {failure}" for failure in soak.failures),
    ]
    return "\n".join(lines if soak.failures else [*lines, "no received frame was lost, no session hung"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
