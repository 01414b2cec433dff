"""Draws the figures of `bench.server` as SVG: every server relative to nginx, file by file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from bench.svg import GRID, OURS, RIVAL, WIDTH, sheet
from report.plots import Axis

BAR, GAP, LEFT, RIGHT, TOP = 18, 14, 230, 60, 56
COLOURS = {"direct": OURS, "plain": "#8a5a00", "guarded": "#b98b3c", "bare": "#b8c0c8", "nginx": RIVAL}


def requests_plot(runs: Sequence[dict[str, Any]], connections: int) -> str:
    """Draws requests per second as a share of nginx's; longer is better."""
    return _ratios(runs, connections, "requests_per_s", "Requests a second relative to nginx (1 is equal)")


def cpu_plot(runs: Sequence[dict[str, Any]], connections: int) -> str:
    """Draws CPU time for a request as a multiple of nginx's; shorter is better."""
    return _ratios(runs, connections, "cpu_us_per_request", "CPU time for a request relative to nginx (1 is equal)")


def _ratios(runs: Sequence[dict[str, Any]], connections: int, field: str, title: str) -> str:
    shown = [run for run in runs if run["connections"] == connections]
    nginx = {run["item"]: run[field] for run in shown if run["server"] == "nginx"}
    items = list(dict.fromkeys(run["item"] for run in shown))
    bars = {item: [(r["server"], r[field] / nginx[item]) for r in shown if r["item"] == item] for item in items}
    # The axis always contains 1, the length of nginx's own bars.
    x = Axis(0, max(1.0, *(ratio for group in bars.values() for _, ratio in group)), LEFT, WIDTH - RIGHT)
    parts, top = [], TOP
    for item, group in bars.items():
        for server, ratio in group:
            parts.append(
                f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{escape(item)}, {escape(server)}</text>'
                f'<rect x="{LEFT}" y="{top}" width="{x.at(ratio) - LEFT:.1f}" height="{BAR - 4}"'
                f' fill="{COLOURS[server]}"/><text x="{x.at(ratio) + 6}" y="{top + 12}">{ratio:.2f}</text>'
            )
            top += BAR
        top += GAP
    grid = "".join(
        f'<path d="M{x.at(tick)} {TOP - 8}V{top}" stroke="{GRID}"/>'
        f'<text x="{x.at(tick)}" y="{TOP - 14}" text-anchor="middle">{tick:g}</text>'
        for tick in x.ticks()
    )
    return sheet(f"{title}; {connections} connections", top, [grid, *parts])
