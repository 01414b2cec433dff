"""The bench of servers: its reading of wrk's output, and its goals."""

from __future__ import annotations

import os
import re
import shutil
import socket
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.programs import BenchError
from bench.server.__main__ import plots_of
from bench.server.load import Running, load, read_wrk
from bench.server.table import goals_of, markdown_of, ratios, text_of

WRK = """\
Running 1s test @ http://127.0.0.1:8970/bundles/film/x
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    12.01ms    9.30ms  96.06ms   81.21%
    Req/Sec     3.20k   301.11     4.05k    70.00%
  Latency Distribution
     50%  711.00us
     75%    2.22ms
     90%    9.01ms
     99%    1.10s
  3000 requests in 1.50s, 1.50MB read
Requests/sec:   2000.00
Transfer/sec:      1.00MB
"""


def result() -> dict[str, Any]:
    """A result of the bench: direct does half of nginx's requests at three times its CPU time, plain a quarter."""
    runs = [
        {"item": item, "connections": 32, "server": server, "requests_per_s": rate, "cpu_us_per_request": cpu}
        | {"p50_ms": 1.0, "p99_ms": 2.0, "mb_per_s": 3.0}
        for item in ("model_10kB", "segment_50kB")
        for server, rate, cpu in (("nginx", 8000.0, 10.0), ("direct", 4000.0, 30.0), ("plain", 2000.0, 26.0))
    ]
    figures = {"runs": runs, "memory_bytes": {"nginx": 2_000_000}, "memory_bytes_200_bundles": 70_000_000}
    return {**figures, **ratios(runs)}


def test_what_wrk_says_is_read_in_one_unit() -> None:
    measured = read_wrk(WRK, spent_s=0.06)
    assert (measured.requests_per_s, measured.p50_ms, measured.p99_ms) == (2000, 0.711, 1100)
    assert measured.cpu_us_per_request == pytest.approx(20)
    assert measured.mb_per_s == pytest.approx(1.5 * 1024**2 / 1.5 / 1e6)


def test_what_wrk_does_not_say_is_an_error() -> None:
    with pytest.raises(BenchError, match="wrk"):
        read_wrk("unable to connect to 127.0.0.1:8970", spent_s=0.1)


@pytest.mark.skipif(not (shutil.which("wrk") and shutil.which("taskset")), reason="wrk or taskset is not installed")
def test_a_server_that_is_gone_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(BenchError, match="unable to connect"):
        load(Running(os.getpid(), f"http://127.0.0.1:{port}"), "/", 1, 1)


def test_ratios_are_by_connections_and_file() -> None:
    found = result()
    assert found["ratio_to_nginx"]["32"] == {"model_10kB": 0.5, "segment_50kB": 0.5}
    assert found["cpu_ratio_to_nginx"]["32"]["segment_50kB"] == 3
    assert found["plain_asgi_ratio_to_nginx"]["32"]["model_10kB"] == 0.25


def test_goals_are_a_must_for_plain_and_an_aim_for_direct() -> None:
    assert [(goal["what"], goal["asked"], goal["ok"]) for goal in goals_of(result())] == [
        ("plain: model_10kB, req/s of nginx", "must", False),
        ("plain: segment_50kB, req/s of nginx", "must", False),
        ("plain: segment_50kB, CPU of nginx", "must", True),
        ("MB, 200 bundles listed", "must", True),
        ("direct: model_10kB, req/s of nginx", "aim", False),
        ("direct: segment_50kB, req/s of nginx", "aim", False),
        ("direct: segment_50kB, CPU of nginx", "aim", False),
        ("MB, 200 bundles listed", "aim", False),
    ]


def test_the_tables_have_every_server_beside_nginx() -> None:
    found = result()
    text = text_of({**found, "goals": goals_of(found)})
    assert re.search(r"segment_50kB +32 +plain +2000 +0\.25 +26 +2\.60", text)
    assert text.count("NOT reached") == 6
    assert "| model_10kB, 32 connections | 0.50 (3.0) | 0.25 (2.6) |" in markdown_of(found)


def test_plots_have_a_bar_for_every_server() -> None:
    plots = plots_of(result()["runs"], 32)
    for name, longest in (("server_requests.svg", "1.00"), ("server_cpu.svg", "3.00")):
        root = ElementTree.fromstring(plots[name])
        texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert texts.count("segment_50kB, plain") == 1
        assert longest in texts
