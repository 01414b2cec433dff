"""Tests our server on a bad day: all connections busy, bundles replaced, workers killed, every byte checked.

`neudash serve` runs two workers. Clients on all connections fetch files at random, and each body is compared with its
ETag, which is its hash. Meanwhile a bundle is published again and again, and once a minute a worker is killed. Wrong
bytes, an unexpected answer, or an error that no kill explains fail the run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.machine import machine
from bench.processes import proportional_bytes
from bench.programs import ROOT, BenchError, start_command
from bench.server.library import write_bundle
from console.outputs import write_output
from manifests.bundle import open_bundle
from manifests.files import publish_file

WORKERS = 2
_EXCUSED_S = 5.0
"""Seconds after a kill in which requests, like all requests before it, may be lost by it."""
_REPLACED_EVERY_S = 0.5


@dataclass
class Seen:
    """Totals of what the clients saw."""

    answers: int = 0
    bytes: int = 0
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    excused: int = 0
    kills: int = 0
    killed_at_s: float = float("-inf")
    memory_bytes: list[int] = field(default_factory=list)

    def failed(self, reason: str, asked_at_s: float) -> None:
        """Counts one request without an answer, as excused if a kill explains it."""
        after_kill_s = asked_at_s - self.killed_at_s
        if after_kill_s < _EXCUSED_S:
            self.excused += 1
        else:
            took_s = time.monotonic() - asked_at_s
            self.errors.append(f"{reason} after {took_s:.1f} s, asked {after_kill_s:.1f} s after a kill")


def main(argv: list[str]) -> int:
    """Runs the soak, prints the totals, writes the JSON; returns 1 if anything was wrong."""
    arguments = _parser().parse_args(argv)
    try:
        seen = asyncio.run(soak(arguments.minutes * 60, arguments.connections, arguments.kill_every))
    except BenchError as error:
        print(f"bench.server.soak: {error}", file=sys.stderr)
        return 1
    figures = {
        "machine": machine(),
        "minutes": arguments.minutes,
        "connections": arguments.connections,
        "answers": seen.answers,
        "bytes": seen.bytes,
        "kills": seen.kills,
        "wrong": seen.wrong[:20],
        "errors": seen.errors[:20],
        "resets_after_kills": seen.excused,
        "memory_bytes": seen.memory_bytes,
    }
    least, most = (extreme(seen.memory_bytes, default=0) / 1e6 for extreme in (min, max))
    print(f"{seen.answers} answers, {seen.bytes / 1e9:.1f} GB, {len(seen.wrong)} of them wrong")
    print(f"{len(seen.errors)} errors: {seen.errors[:5]}")
    print(f"{seen.kills} kills, {seen.excused} resets by them; memory of all workers {least:.0f} to {most:.0f} MB")
    if arguments.json:
        write_output(arguments.json, (json.dumps(figures, indent=1) + "\n").encode())
    return 1 if seen.wrong or seen.errors else 0


async def soak(seconds: float, connections: int, kill_every_s: float) -> Seen:
    """Runs for `seconds`. Raises BenchError if the server does not start."""
    with tempfile.TemporaryDirectory(prefix="neudash-soak-") as folder:
        root = Path(folder)
        for number in range(3):
            write_bundle(root / f"film{number}", seed=number)
        command = [sys.executable, "-m", "neudash", "serve", str(root), "--port", "0", "--workers", str(WORKERS)]
        with start_command(command, cwd=ROOT) as process:
            assert process.stdout
            address = process.stdout.readline().strip().partition("/bundles/")[0]
            if not address:
                raise BenchError("`neudash serve` printed no address")
            seen, until_s = Seen(), time.monotonic() + seconds
            # If this process is held up, httpx would close connections as expired that it has just handed out.
            limits = httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=None
            )
            async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60, trust_env=False) as client:
                await _reached(client)
                tasks = [_fetches(client, root, seen, until_s, number) for number in range(connections)]
                await asyncio.gather(_replaces(root, until_s), _kills(process.pid, seen, until_s, kill_every_s), *tasks)
            return seen


async def _reached(client: httpx.AsyncClient) -> None:
    for _ in range(100):
        with contextlib.suppress(httpx.TransportError):
            await client.get("/healthz")
            return
        await asyncio.sleep(0.1)
    raise BenchError("`neudash serve` does not answer")


async def _fetches(client: httpx.AsyncClient, root: Path, seen: Seen, until_s: float, seed: int) -> None:
    source = random.Random(seed)
    # The bundles differ only in the names of their models.
    hrefs = sorted(open_bundle(root / "film0").files())
    while time.monotonic() < until_s:
        url = f"/bundles/film{source.randrange(3)}/{source.choice(hrefs)}"
        asked_at_s = time.monotonic()
        try:
            async with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                body = await answer.aread()
        except httpx.TransportError as error:
            seen.failed(type(error).__name__, asked_at_s)
            continue
        if answer.status_code == 404 and "/models/" in url:
            # A replaced bundle's models have other names.
            continue
        # Every body must be the one that its ETag names.
        if answer.status_code != 200:
            seen.failed(f"status {answer.status_code}", asked_at_s)
        elif answer.headers["etag"] != f'"{hashlib.sha256(body).hexdigest()}"':
            seen.wrong.append(f"{url}: {len(body)} bytes")
        seen.answers += 1
        seen.bytes += len(body)


async def _replaces(root: Path, until_s: float) -> None:
    """Publishes the files of one bundle again as the programs do: each whole by a rename, the manifest last."""
    number = 100
    with tempfile.TemporaryDirectory(prefix="neudash-soak-") as folder:
        while time.monotonic() < until_s:
            await asyncio.sleep(_REPLACED_EVERY_S)
            number += 1
            await asyncio.to_thread(_replaced, Path(folder) / str(number), root / "film1", number)


def _replaced(fresh: Path, bundle: Path, seed: int) -> None:
    write_bundle(fresh, seed=seed)
    for href in sorted(open_bundle(fresh).files(), key=lambda href: href.endswith(".mpd")):
        publish_file(bundle / href, (fresh / href).read_bytes())
    shutil.rmtree(fresh)


async def _kills(parent: int, seen: Seen, until_s: float, every_s: float) -> None:
    next_s = time.monotonic() + every_s
    while time.monotonic() < until_s:
        await asyncio.sleep(1)
        workers = _workers(parent)
        seen.memory_bytes.append(sum(map(_memory, workers)))
        # The last kill comes early enough for its effects to be seen.
        if time.monotonic() >= next_s and workers and time.monotonic() + 2 * _EXCUSED_S < until_s:
            next_s += every_s
            seen.kills += 1
            seen.killed_at_s = time.monotonic()
            os.kill(random.choice(workers), signal.SIGKILL)


def _memory(pid: int) -> int:
    try:
        return proportional_bytes(pid)
    except OSError:
        return 0


def _workers(parent: int) -> list[int]:
    """Returns the processes that answer: children with `spawn_main` in their command line."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if _is_worker(int(pid))]


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # a killed worker may be gone by now
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.server.soak",
        description=__doc__,
        epilog="example: python -m bench.server.soak --minutes 20 --json bench-out/server_soak.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="minutes to run (default: 1)")
    parser.add_argument("--connections", type=int, default=256, help="number of connections (default: 256)")
    parser.add_argument(
        "--kill-every", type=float, default=60.0, metavar="S", help="seconds between kills (default: 60)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
