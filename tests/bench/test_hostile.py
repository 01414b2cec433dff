"""The attacks of `bench.server.hostile` are what they say: a real server ends each of them, for its own reason."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from bench.programs import ROOT
from bench.server import hostile
from bench.server.library import write_bundle
from bench.server.load import Measured, Running, ours

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

PATIENCE_S = 20.0
"""Deadlines of the server are 2 s."""
REFUSED = {
    hostile.silent: "request too slow",
    hostile.half_a_head: "request too slow",
    hostile.trickle: "request too slow",
    hostile.stopped_reader: "reader stalled",
    hostile.large_head: "request too large",
    hostile.many_headers: "request too large",
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """A server as the bench attacks it, and the path of a megabyte."""
    if shutil.which("taskset") is None:
        pytest.skip("taskset is not installed")
    root = tmp_path_factory.mktemp("hostile")
    hrefs = write_bundle(root / "film")
    with ours(root, "direct", *hostile.FLAGS) as server:
        yield server, f"/bundles/film/{hrefs['segment_1MB']}"


def refused(server: Running, reason: str) -> int:
    """Counts the requests and connections that were turned away for this reason."""
    found = re.search(rf'neudash_refused_total{{reason="{reason}"}} (\S+)', httpx.get(f"{server.address}/metrics").text)
    return round(float(found[1])) if found else 0


def sent(server: Running) -> int:
    """Counts the segments that were sent."""
    requests: int = httpx.get(f"{server.address}/api/metrics").json()["kinds"]["video"]["requests"]
    return requests


@pytest.mark.parametrize("attack", hostile.ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_ended_by_the_server_and_comes_again(attack: hostile.Attack, target: tuple[Running, str]) -> None:
    server, path = target
    # Ranges are answered, two requests a connection; all else is turned away.
    count, twice = (partial(sent, server), 4) if attack is hostile.many_ranges else (
        partial(refused, server, REFUSED[attack]), 2
    )  # fmt: skip
    before, ends_s = count(), time.monotonic() + PATIENCE_S
    with hostile.attacked(attack, 1, server, path):
        while count() < before + twice:
            assert time.monotonic() < ends_s, f"{count() - before} times"
            time.sleep(0.1)
    assert len(httpx.get(server.address + path).content) == 1_000_000


def test_an_attack_ends_with_whoever_began_it(target: tuple[Running, str]) -> None:
    server, path = target
    beginner = (
        "import sys; from bench.server import hostile; from bench.server.load import Running\n"
        f"with hostile.attacked(hostile.silent, 1, Running(0, {server.address!r}), {path!r}) as process:\n"
        "    print(process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", beginner], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        attacker = Path("/proc") / process.stdout.readline().strip()
        assert b"--attack" in (attacker / "cmdline").read_bytes()
        process.kill()
    ends_s = time.monotonic() + PATIENCE_S
    while attacker.exists() and (attacker / "cmdline").read_bytes():
        assert time.monotonic() < ends_s, "it goes on"
        time.sleep(0.1)


def test_others_are_compared_with_what_they_had_without_an_attack() -> None:
    alone = Measured(4000, 100, 1.0, 2.0, 200)
    beside = Measured(1000, 400, 3.0, 9.0, 50)
    row = hostile.row("half_a_head", 300, beside, alone)
    assert (row["attack"], row["at_once"], row["p99_times"]) == ("half a head", 300, 4.5)
    assert hostile.is_borne([row])
    slower = hostile.row("trickle", 200, Measured(1000, 400, 3.0, 10.0, 50), alone)
    assert not hostile.is_borne([row, slower])
