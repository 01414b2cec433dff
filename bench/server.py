"""How our server compares with nginx: same files, same client, turn by turn.

nginx (the system's, sendfile) and `neudash serve`, by its two protocols, each on one core, wrk on another; interleaved
rounds, medians. Ratios are of requests a second and of the server's CPU time for a request; the latter is the steadier.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.library import ITEMS, write_bundle
from bench.machine import machine
from bench.processes import cpu_s, pinned, proportional_bytes
from bench.programs import ROOT, BenchError, started

CONNECTIONS = (1, 32, 256)
LISTED_BUNDLES = 200
SERVERS = ("nginx", "guarded", "direct")
"""`guarded`: everything through the ASGI application. `direct`: plain answers written by the protocol."""

_NGINX = """\
{user} worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/error.log crit;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/octet-stream;
  client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3; uwsgi_temp_path {work}/t4;
  scgi_temp_path {work}/t5;
  server {{ listen 127.0.0.1:{port}; location /bundles/ {{ alias {root}/; }} }}
}}
"""
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Measured:
    """One server under one load, for a second or two."""

    requests_per_s: float
    cpu_us_per_request: float
    p50_ms: float
    p99_ms: float
    mb_per_s: float


def main(argv: list[str]) -> int:
    """Measures, prints the table, writes the JSON."""
    arguments = _parser().parse_args(argv)
    try:
        for program in ("nginx", "wrk", "taskset"):
            if shutil.which(program) is None:
                raise BenchError(f"{program} is not installed: .ci/install-system-packages gets it")
        figures = measure(arguments.seconds, arguments.rounds, arguments.connections)
    except BenchError as error:
        print(f"bench.server: {error}", file=sys.stderr)
        return 1
    print(shown(figures))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(seconds: float, rounds: int, connections: list[int]) -> dict[str, object]:
    """Everything, as JSON. Raises BenchError."""
    runs: dict[tuple[str, int, str], list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="neudash-bench-") as folder:
        work = Path(folder)
        hrefs = write_bundle(work / "root" / "film")
        with ExitStack() as stack:
            servers = {
                "nginx": stack.enter_context(_nginx(work)),
                **{name: stack.enter_context(_ours(work / "root", name)) for name in SERVERS[1:]},
            }
            for _ in range(rounds):
                for item in ITEMS:
                    for count in connections:
                        for name, (process, address) in servers.items():
                            url = f"{address}/bundles/film/{hrefs[item]}"
                            measured = _load(process, url, count, seconds)
                            runs.setdefault((item, count, name), []).append(measured)
            memory = {name: proportional_bytes(process) for name, (process, _) in servers.items()}
        listed = _listing(work)
    medians = {key: _median(values) for key, values in runs.items()}
    return {
        "what": __doc__.splitlines()[0] if __doc__ else "",
        "machine": machine(),
        "seconds": seconds,
        "rounds": rounds,
        "runs": [{"item": i, "connections": c, "server": s, **asdict(m)} for (i, c, s), m in medians.items()],
        "memory_bytes": memory,
        "memory_bytes_200_bundles": listed,
        **{
            prefix + kind: {str(c): {i: _ratio(medians, i, c, server, field) for i in ITEMS} for c in connections}
            for prefix, server in (("", "direct"), ("plain_asgi_", "guarded"))
            for kind, field in (("ratio_to_nginx", "requests_per_s"), ("cpu_ratio_to_nginx", "cpu_us_per_request"))
        },
    }


def _ratio(medians: dict[tuple[str, int, str], Measured], item: str, count: int, server: str, field: str) -> float:
    ours, nginx = (float(asdict(medians[item, count, name])[field]) for name in (server, "nginx"))
    return round(ours / nginx, 3)


def _median(values: list[Measured]) -> Measured:
    columns = zip(*(asdict(value).values() for value in values), strict=True)
    return Measured(*(round(statistics.median(column), 3) for column in columns))


def _load(process: int, url: str, connections: int, seconds: float) -> Measured:
    command = pinned(1, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url])
    before_s = cpu_s(process)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent_s = cpu_s(process) - before_s
    if "Non-2xx" in said or "Socket errors" in said:
        raise BenchError(f"{url} was not answered well:\n{said}")
    requests, took_s = _found(r"(\d+) requests in ([0-9.]+)s", said)
    p50, p99 = (_milliseconds(_one(rf"\n\s+{percent}%\s+(\S+)", said)) for percent in (50, 99))
    size_bytes = _bytes(_one(r"requests in [0-9.]+s, (\S+) read", said))
    count, took = float(requests), float(took_s)
    return Measured(count / took, 1e6 * spent_s / count, p50, p99, size_bytes / took / 1e6)


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise BenchError(f"wrk said what cannot be read:\n{text}")
    return match.groups()


def _one(pattern: str, text: str) -> str:
    return _found(pattern, text)[0]


def _milliseconds(text: str) -> float:
    number, unit = _found(r"([0-9.]+)(us|ms|s|m)", text)
    return float(number) * _UNITS[unit]


def _bytes(text: str) -> float:
    number, unit = _found(r"([0-9.]+)([KMGT]?)B", text)
    return float(number) * 1024.0 ** " KMGT".index(unit or " ")


@contextmanager
def _nginx(work: Path) -> Iterator[tuple[int, str]]:
    port = 8970
    configuration = work / "nginx.conf"
    # Started by root it would become another user, who may not read our folder.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(_NGINX.format(user=user, work=work, port=port, root=work / "root"))
    with started(pinned(0, ["nginx", "-c", str(configuration)])) as process:
        time.sleep(0.5)
        # The master only waits; its one worker answers.
        worker = int(_one(r"(\d+)", Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()))
        yield worker, f"http://127.0.0.1:{port}"


@contextmanager
def _ours(root: Path, protocol: str) -> Iterator[tuple[int, str]]:
    command = [sys.executable, "-m", "neudash", "serve", str(root), "--port", "0", "--protocol", protocol]
    with started(pinned(0, command), cwd=ROOT) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        if not address.startswith("http"):
            raise BenchError(f"`neudash serve --protocol {protocol}` printed no address")
        yield process.pid, address.partition("/bundles/")[0]


def _listing(work: Path) -> int:
    """Resident bytes of one worker that has listed many bundles and answered for a while."""
    for number in range(LISTED_BUNDLES):
        write_bundle(work / "many" / f"film{number:03d}")
    with _ours(work / "many", "direct") as (process, address):
        url = f"{address}/api/bundles"
        subprocess.run(["wrk", "-t1", "-c4", "-d1s", url], capture_output=True, check=True)
        return proportional_bytes(process)


def shown(figures: dict[str, object]) -> str:
    """The table."""
    rows = []
    runs = {(r["item"], r["connections"], r["server"]): r for r in figures["runs"]}  # type: ignore[attr-defined]
    for (item, connections, server), run in runs.items():
        nginx = runs[item, connections, "nginx"]
        rows.append(
            (
                item,
                str(connections),
                server,
                f"{run['requests_per_s']:.0f}",
                f"{run['requests_per_s'] / nginx['requests_per_s']:.2f}",
                f"{run['cpu_us_per_request']:.0f}",
                f"{run['cpu_us_per_request'] / nginx['cpu_us_per_request']:.2f}",
                f"{run['mb_per_s']:.0f}",
                f"{run['p50_ms']:.2f}",
                f"{run['p99_ms']:.2f}",
            )
        )
    heads = ("file", "conns", "server", "req/s", "of nginx", "CPU us/req", "of nginx", "MB/s", "p50 ms", "p99 ms")
    memory = figures["memory_bytes"]
    megabytes = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in memory.items())  # type: ignore[attr-defined]
    listed = figures["memory_bytes_200_bundles"]
    return f"{_aligned([heads, *rows])}\n\nmemory: {megabytes}; {LISTED_BUNDLES} bundles listed: {listed / 1e6:.0f} MB"  # type: ignore[operator]


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.server",
        description=__doc__,
        epilog="example: python -m bench.server --json bench-out/server.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=int, default=2, help="of every load in every round (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved (default: 5)")
    parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS), metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
