"""Starts servers on one core and wrk on another, and measures what load costs each server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import cpu_s, pinned
from bench.programs import ROOT, BenchError, start_command

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
_NGINX_PORT = 8970
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Running:
    """Running server: the process that answers, and its address."""

    process: int
    address: str


@dataclass(frozen=True)
class Measured:
    """Figures of one server under one load."""

    requests_per_s: float
    cpu_us_per_request: float
    p50_ms: float
    p99_ms: float
    mb_per_s: float


def load(server: Running, path: str, connections: int, seconds: int) -> Measured:
    """Requests one path for some seconds on all connections. Raises BenchError unless every answer is good."""
    command = pinned(1, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", server.address + path])
    before_s = cpu_s(server.process)
    # If wrk cannot measure, it prints why on stderr, and `read_wrk` finds no figures.
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    said, spent_s = told.stdout, cpu_s(server.process) - before_s
    if "Non-2xx" in said or "Socket errors" in said:
        raise BenchError(f"{server.address}{path} had bad answers:\n{said}")
    return read_wrk(said, spent_s)


def read_wrk(said: str, spent_s: float) -> Measured:
    """Returns the figures that wrk printed, with the server's CPU seconds meanwhile. Raises BenchError."""
    requests, took_s = _found(r"(\d+) requests in ([0-9.]+)s", said)
    p50, p99 = (_milliseconds(_found(rf"\n\s+{percent}%\s+(\S+)", said)[0]) for percent in (50, 99))
    size_bytes = _bytes(_found(r"requests in [0-9.]+s, (\S+) read", said)[0])
    count, took = float(requests), float(took_s)
    return Measured(count / took, 1e6 * spent_s / count, p50, p99, size_bytes / took / 1e6)


@contextmanager
def nginx(work: Path) -> Iterator[Running]:
    """Starts the system's nginx with sendfile, over the folder `root` in `work`."""
    configuration = work / "nginx.conf"
    # Started by root, nginx would become another user, who may not read our folder.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(_NGINX.format(user=user, work=work, port=_NGINX_PORT, root=work / "root"))
    with start_command(pinned(0, ["nginx", "-c", str(configuration)])) as process:
        # nginx prints nothing when it is ready.
        time.sleep(0.5)
        # The master process only waits; its single worker answers.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if not children:
            raise BenchError(f"nginx did not start; is port {_NGINX_PORT} taken?")
        yield Running(int(children[0]), f"http://127.0.0.1:{_NGINX_PORT}")


@contextmanager
def ours(root: Path, protocol: str, *flags: str) -> Iterator[Running]:
    """Starts `neudash serve` with one of its protocols and further flags."""
    command = [sys.executable, "-m", "neudash", "serve", str(root), "--port", "0", "--protocol", protocol, *flags]
    with start_command(pinned(0, command), cwd=ROOT) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        if not address.startswith("http"):
            raise BenchError(f"`neudash serve --protocol {protocol}` printed no address")
        yield Running(process.pid, address.partition("/bundles/")[0])


@contextmanager
def bare(urls: Sequence[str]) -> Iterator[Running]:
    """Starts `bench.server.floor`: uvicorn with an application that only sends the answers to `urls`."""
    command = [sys.executable, "-m", "bench.server.floor", *urls]
    with start_command(pinned(0, command), cwd=ROOT) as process:
        assert process.stdout
        port = process.stdout.readline().strip()
        if not port:
            raise BenchError("the bare application did not start")
        yield Running(process.pid, f"http://127.0.0.1:{port}")


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise BenchError(f"cannot read what wrk printed:\n{text}")
    return match.groups()


def _milliseconds(text: str) -> float:
    number, unit = _found(r"([0-9.]+)(us|ms|s|m)", text)
    return float(number) * _UNITS[unit]


def _bytes(text: str) -> float:
    number, unit = _found(r"([0-9.]+)([KMGT]?)B", text)
    return float(number) * 1024.0 ** " KMGT".index(unit or " ")
