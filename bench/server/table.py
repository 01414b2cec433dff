"""Formats the tables of `bench.server`, and compares the figures with its goals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.tables import Column, aligned, markdown

GOALS_AT = 32
"""Number of connections to which the goals apply."""
_RATIO = {"model_10kB": (0.5, 1.0), "segment_50kB": (0.4, 0.8), "segment_250kB": (0.6, 0.8), "segment_1MB": (1.0, 1.5)}
"""Goals for requests a second, as shares of nginx's: (must of `plain`, aim of `direct`)."""
_CPU_ITEM, _CPU_RATIO = "segment_50kB", (2.6, 1.2)
_MEMORY_MB = (90.0, 60.0)
"""Goals (must, aim) for the memory of one worker that lists many bundles."""
_NAMES = {"plain": "plain_asgi_", "direct": "", "guarded": "guarded_", "bare": "bare_asgi_"}
_COLUMNS = (
    Column("file", "item"),
    Column("conns", "connections"),
    Column("server", "server"),
    Column("req/s", "requests_per_s", "{:.0f}"),
    Column("of nginx", "ratio_to_nginx", "{:.2f}"),
    Column("CPU us/req", "cpu_us_per_request", "{:.0f}"),
    Column("of nginx", "cpu_ratio_to_nginx", "{:.2f}"),
    Column("MB/s", "mb_per_s", "{:.0f}"),
    Column("p50 ms", "p50_ms", "{:.2f}"),
    Column("p99 ms", "p99_ms", "{:.2f}"),
)


def ratios(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Returns each server's ratios to nginx, by connections and file.

    `ratio_to_nginx` and `cpu_ratio_to_nginx` are those of `direct`; the other servers have a prefix to the name.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for run in with_ratios(runs):
        for kind in ("ratio_to_nginx", "cpu_ratio_to_nginx") if run["server"] != "nginx" else ():
            by_connections = found.setdefault(_NAMES[run["server"]] + kind, {})
            by_item = by_connections.setdefault(str(run["connections"]), {})
            by_item[run["item"]] = round(run[kind], 3)
    return found


def goals_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the goals with the figures that were reached: musts of `plain`, aims of `direct`, and memory for both."""
    goals = []
    for place, server in enumerate(("plain", "direct")):
        asked = "must" if server == "plain" else "aim"
        reached = result.get(f"{_NAMES[server]}ratio_to_nginx", {}).get(str(GOALS_AT), {})
        for item, limits in _RATIO.items():
            if item in reached:
                goals.append(_goal(f"{server}: {item}, req/s of nginx", asked, limits[place], reached[item]))
        cpu = result.get(f"{_NAMES[server]}cpu_ratio_to_nginx", {}).get(str(GOALS_AT), {})
        if _CPU_ITEM in cpu:
            what = f"{server}: {_CPU_ITEM}, CPU of nginx"
            goals.append(_goal(what, asked, _CPU_RATIO[place], cpu[_CPU_ITEM], less=True))
        listed_mb = result["memory_bytes_200_bundles"] / 1e6
        goals.append(_goal("MB, 200 bundles listed", asked, _MEMORY_MB[place], listed_mb, less=True))
    return goals


def text_of(result: dict[str, Any]) -> str:
    """Returns the tables and goals as text for a terminal."""
    memory = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in result["memory_bytes"].items())
    listed_mb = result["memory_bytes_200_bundles"] / 1e6
    lines = [aligned(_COLUMNS, with_ratios(result["runs"])), ""]
    lines.append(f"memory: {memory}; 200 bundles listed: {listed_mb:.0f} MB")
    for goal in result["goals"]:
        reached = "reached" if goal["ok"] else "NOT reached"
        lines.append(f"  {goal['what']}: {goal['reached']:.2f} ({goal['asked']} {goal['limit']:g}): {reached}")
    return "\n".join(lines)


def markdown_of(result: dict[str, Any]) -> str:
    """Returns Markdown of every server relative to nginx: requests a second, and CPU per request in brackets."""
    rows: dict[str, dict[str, str]] = {}
    for run in with_ratios(result["runs"]):
        load = f"{run['item']}, {run['connections']} connections"
        both = f"{run['ratio_to_nginx']:.2f} ({run['cpu_ratio_to_nginx']:.1f})"
        rows.setdefault(load, {"load": load})[run["server"]] = both
    servers = [name for name in dict.fromkeys(run["server"] for run in result["runs"]) if name != "nginx"]
    columns = [Column("of nginx", "load", left=True), *(Column(name, name, left=True) for name in servers)]
    return markdown(columns, rows.values())


def with_ratios(runs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields each run with its ratios to nginx at the same file and connections."""
    nginx = {(run["item"], run["connections"]): run for run in runs if run["server"] == "nginx"}
    for run in runs:
        beside = nginx[run["item"], run["connections"]]
        yield {
            **run,
            "ratio_to_nginx": run["requests_per_s"] / beside["requests_per_s"],
            "cpu_ratio_to_nginx": run["cpu_us_per_request"] / beside["cpu_us_per_request"],
        }


def _goal(what: str, asked: str, limit: float, reached: float, *, less: bool = False) -> dict[str, Any]:
    ok = reached <= limit if less else reached >= limit
    return {"what": what, "asked": asked, "limit": limit, "reached": round(reached, 3), "ok": ok}
