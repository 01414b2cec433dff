"""Draws the figures of `bench.player` as SVG: frames per second of every way, and memory over time. Pure."""

from __future__ import annotations

from html import escape
from typing import Any

from bench.svg import GRID, OURS, RIVAL, WIDTH, sheet
from report.plots import Axis

BAR, LEFT, RIGHT = 26, 230, 60


def speed_plot(cases: list[dict[str, Any]], ours: set[str]) -> str:
    """Draws a bar for each way of each case; `ours` have a colour of their own."""
    bars = [
        (f"{case['name']}, {name}", name in ours, way["fps"]) for case in cases for name, way in case["ways"].items()
    ]
    x = Axis(0, max(fps for _, _, fps in bars), LEFT, WIDTH - RIGHT)
    parts = []
    for row, (name, is_ours, fps) in enumerate(bars):
        top = 40 + BAR * row
        parts.append(
            f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{x.at(fps) - LEFT:.1f}" height="{BAR - 8}"'
            f' fill="{OURS if is_ours else RIVAL}"/><text x="{x.at(fps) + 6}" y="{top + 14}">{fps:.1f}</text>'
        )
    return sheet("Frames a second, decoded, enhanced and handed on", 50 + BAR * len(bars), parts)


def memory_plot(memory: dict[str, Any]) -> str:
    """Draws resident megabytes over seconds."""
    samples = memory["samples"]
    x = Axis(0, samples[-1][0], 60, WIDTH - RIGHT)
    y = Axis(0, 1.15 * max(mb for _, mb in samples), 250, 40)
    rows = "".join(
        f'<path d="M60 {y.at(v)}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
        f'<text x="52" y="{y.at(v) + 4}" text-anchor="end">{v:g}</text>'
        for v in y.ticks()
    )
    columns = "".join(f'<text x="{x.at(v)}" y="268" text-anchor="middle">{v:g} s</text>' for v in x.ticks())
    path = "L".join(f"{x.at(at_s)} {y.at(mb)}" for at_s, mb in samples)
    line = f'<path d="M{path}" fill="none" stroke="{OURS}" stroke-width="2"/>'
    return sheet(f"Resident megabytes over {memory['video_s']:.0f} s of video", 285, [rows, columns, line])
