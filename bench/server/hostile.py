"""Measures what hostile clients cost the others.

`neudash serve` runs with short deadlines on one core, and wrk fetches a segment of 50 kB on eight connections: first
without an attack, then during each kind of attack. The others' p99 should stay below five times that without one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.programs import ROOT, BenchError
from bench.server.library import write_bundle
from bench.server.load import Measured, Running, load, ours
from bench.tables import Column, aligned
from console.outputs import write_output

CONNECTIONS = 8
MOST_TIMES = 5.0
"""Limit of p99 during an attack, in multiples of p99 without one."""
FLAGS = ("--head-s", "2", "--stalled-s", "2")
"""Deadlines so short that each attack comes again several times while it is measured."""

Attack = Callable[[int, bytes], None]
"""One hostile connection: takes a port and the path of a large file, and ends when the server ends it."""


def silent(port: int, _path: bytes) -> None:
    """Sends nothing."""
    _say(port, b"")


def half_a_head(port: int, path: bytes) -> None:
    """Sends half a request."""
    _say(port, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nx: ")


def trickle(port: int, path: bytes) -> None:
    """Sends a header every fifth of a second, forever."""
    with _connected(port) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n")
        while True:
            connection.sendall(b"x: y\r\n")
            time.sleep(0.2)


def stopped_reader(port: int, path: bytes) -> None:
    """Asks for megabytes and reads nothing."""
    with _connected(port, receive_bytes=4096) as connection:
        # More than the kernel buffers: otherwise nothing waits in the server, and it cuts nobody.
        connection.sendall((b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n") * 8)
        # Only this shows the end of a connection if the bytes before it are not read.
        ended = select.poll()
        ended.register(connection, select.POLLRDHUP)
        ended.poll()


def large_head(port: int, path: bytes) -> None:
    """Sends one header of 24 MB."""
    _say(port, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nx: " + b"y" * (24 << 20) + b"\r\n\r\n")


def many_headers(port: int, path: bytes) -> None:
    """Sends 100,000 headers."""
    _say(port, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + b"x: y\r\n" * 100_000 + b"\r\n")


def many_ranges(port: int, path: bytes) -> None:
    """Asks for as many ranges as fit into a head, twice."""
    ranges = b",".join(b"%d-%d" % (n, n) for n in range(1400))
    head = b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nRange: bytes=" + ranges
    _say(port, head + b"\r\n\r\n" + head + b"\r\nConnection: close\r\n\r\n")


ATTACKS: dict[Attack, int] = {
    silent: 300,
    half_a_head: 300,
    trickle: 200,
    stopped_reader: 128,
    large_head: 2,
    many_headers: 2,
    many_ranges: 4,
}
"""Number of connections of each attack; each is opened again as soon as it is closed."""
COLUMNS = (
    Column("attack", "attack"),
    Column("at once", "at_once"),
    Column("req/s", "requests_per_s", "{:.0f}"),
    Column("p50 ms", "p50_ms", "{:.2f}"),
    Column("p99 ms", "p99_ms", "{:.2f}"),
    Column("times", "p99_times", "{:.2f}"),
)


def main(argv: list[str]) -> int:
    """Attacks, prints the table, writes the JSON; returns 1 if an attack slowed the others too much."""
    options = _parser().parse_args(argv)
    try:
        for program in ("wrk", "taskset"):
            if shutil.which(program) is None:
                raise BenchError(f"{program} is not installed: run .ci/install-system-packages")
        rows = measure(options.seconds)
    except BenchError as error:
        print(f"bench.server.hostile: {error}", file=sys.stderr)
        return 1
    print(aligned(COLUMNS, rows))
    if options.json:
        figures = {"machine": machine(), "seconds": options.seconds, "most_times": MOST_TIMES, "rows": rows}
        write_output(options.json, (json.dumps(figures, indent=1) + "\n").encode())
    return 0 if is_borne(rows) else 1


def is_borne(rows: Sequence[dict[str, Any]]) -> bool:
    """True if no attack slowed the others too much."""
    return all(told["p99_times"] < MOST_TIMES for told in rows)


def measure(seconds: int) -> list[dict[str, Any]]:
    """Returns a row without an attack, and one for each. Raises BenchError."""
    with tempfile.TemporaryDirectory(prefix="neudash-hostile-") as folder:
        hrefs = write_bundle(Path(folder) / "film")
        asked, large = (f"/bundles/film/{hrefs[item]}" for item in ("segment_50kB", "segment_1MB"))
        with ours(Path(folder), "direct", *FLAGS) as server:
            # A second to warm up, so that the file is open and known.
            load(server, asked, CONNECTIONS, 1)
            # Twice as long, because every row is compared with this one.
            alone = load(server, asked, CONNECTIONS, 2 * seconds)
            rows = [row("none", 0, alone, alone)]
            for attack, count in ATTACKS.items():
                with attacked(attack, count, server, large):
                    measured = load(server, asked, CONNECTIONS, seconds)
                rows.append(row(attack.__name__, count, measured, alone))
    return rows


def row(name: str, count: int, measured: Measured, alone: Measured) -> dict[str, Any]:
    """Returns the row of an attack on `count` connections: the others' figures during it, compared with `alone`."""
    return {
        "attack": name.replace("_", " "),
        "at_once": count,
        "requests_per_s": measured.requests_per_s,
        "p50_ms": measured.p50_ms,
        "p99_ms": measured.p99_ms,
        "p99_times": round(measured.p99_ms / alone.p99_ms, 2),
    }


@contextlib.contextmanager
def attacked(attack: Attack, count: int, server: Running, path: str) -> Iterator[subprocess.Popen[str]]:
    """Attacks from a separate process, so that its CPU time is not ours, until the block ends. Raises BenchError."""
    port = server.address.rpartition(":")[2]
    command = [sys.executable, "-m", "bench.server.hostile", "--attack", attack.__name__, str(count), port, path]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout
            # The process prints a line when all its connections have been started.
            if not process.stdout.readline():
                raise BenchError(f"the attack {attack.__name__} did not begin")
            yield process
        finally:
            process.kill()


def _attack(name: str, count: int, port: int, path: bytes) -> None:
    attack = next(attack for attack in ATTACKS if attack.__name__ == name)

    def again() -> None:
        while True:
            with contextlib.suppress(OSError):
                attack(port, path)

    for _ in range(count):
        threading.Thread(target=again, daemon=True).start()
    print("begun", flush=True)
    # Stdin closes when the parent process ends, however it ends.
    sys.stdin.read()


def _say(port: int, words: bytes) -> None:
    """Sends all the bytes, then reads until the server closes."""
    with _connected(port) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(words)
        while connection.recv(1 << 16):
            pass


def _connected(port: int, receive_bytes: int | None = None) -> socket.socket:
    connection = socket.socket()
    # Set before connecting, because a window that was offered once is kept.
    if receive_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", port))
    return connection


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.server.hostile",
        description=__doc__,
        epilog="example: python -m bench.server.hostile --json bench-out/server_hostile.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=int, default=5, help="seconds of each attack (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    return parser


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        _attack(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5].encode())
    else:
        sys.exit(main(sys.argv[1:]))
