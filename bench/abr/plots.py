"""Draws the comparison as SVG: quality against stalls of every policy, and QoE by group of traces. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from bench.abr.run import PLAIN
from bench.svg import GRID, OURS, WIDTH, sheet
from report.plots import Axis

HEIGHT = 400
LEFT, RIGHT, TOP, BOTTOM = 58, 184, 34, 46
COLOURS = ("#1f4e79", "#2f8f83", "#8e5ea2", "#b08900", "#777777", "#b3476d", "#6fa3d6", "#9ac4a0", "#2b2b2b")
"""Colours of the rivals, in their order."""


def bars(policies: Mapping[str, Any], ours: str, buffer: str) -> str:
    """Draws QoE in the BONES form for each policy with models, over all traces and over each group."""
    names = [name for name in policies if not name.endswith(PLAIN)]
    groups = ["all", *policies[ours]["groups"]]
    values = {(name, group): _qoe(policies[name], group) for name in names for group in groups}
    y = Axis(min(0.0, min(values.values())), 100.0, HEIGHT - BOTTOM, TOP)
    parts = [_grid(y)]
    width = (WIDTH - LEFT - RIGHT) / len(groups)
    bar = 0.8 * width / len(names)
    # One block for each group, with one bar for each policy.
    for place, group in enumerate(groups):
        start = LEFT + width * (place + 0.1)
        middle = start + 0.4 * width
        parts.append(
            f'<text class="tick" x="{middle:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{group}</text>'
        )
        for index, name in enumerate(names):
            # Bars of a negative QoE point downwards.
            top, bottom = y.at(max(0.0, values[name, group])), y.at(min(0.0, values[name, group]))
            parts.append(
                f'<rect x="{start + index * bar:.1f}" y="{top:.1f}" width="{bar - 1:.1f}" height="{bottom - top:.1f}" '
                f'fill="{_colour(name, names, ours)}"><title>{name}, {group}: {values[name, group]:.2f}</title></rect>'
            )
    parts.append(_legend(names, ours))
    return sheet(f"QoE (quality - changes - stalls), buffer of {buffer} s", HEIGHT, parts, left=LEFT)


def scatter(policies: Mapping[str, Any], ours: str, buffer: str) -> str:
    """Draws mean VMAF-NEG against seconds stalled; points are filled with models and hollow without."""
    names = [name for name in policies if not name.endswith(PLAIN)]
    points = {name: found["mean"] for name, found in policies.items()}
    qualities = [point["quality"] for point in points.values()]
    x = Axis(0.0, 1.1 * max(0.1, *(point["stall_s"] for point in points.values())), LEFT, WIDTH - RIGHT)
    y = Axis(min(qualities) - 1, max(qualities) + 1, HEIGHT - BOTTOM, TOP)
    parts = [_grid(y)]
    parts += [
        f'<text class="tick" x="{x.at(tick)}" y="{y.start + 17}" text-anchor="middle">{tick:g}</text>'
        for tick in x.ticks(6)
    ]
    parts.append(f'<text x="{x.end}" y="{y.start + 36}" text-anchor="end">seconds stalled in ten minutes</text>')
    # A policy has one colour, with models and without.
    for name, point in points.items():
        base = name.removesuffix(PLAIN)
        colour = _colour(base, names, ours)
        fill = "#fff" if name.endswith(PLAIN) else colour
        told = f"{name}: VMAF-NEG {point['quality']:.1f}, {point['stall_s']:.1f} s stalled"
        parts.append(
            f'<circle cx="{x.at(point["stall_s"]):.1f}" cy="{y.at(point["quality"]):.1f}" r="5" fill="{fill}" '
            f'stroke="{colour}" stroke-width="2"><title>{escape(told)}</title></circle>'
        )
    parts.append(_legend(names, ours))
    return sheet(f"VMAF-NEG and stalls, buffer of {buffer} s (hollow: without models)", HEIGHT, parts, left=LEFT)


def _qoe(found: Mapping[str, Any], group: str) -> float:
    return float((found["mean"] if group == "all" else found["groups"][group])["qoe_bones"])


def _colour(name: str, names: Sequence[str], ours: str) -> str:
    rivals = [other for other in names if other != ours]
    return OURS if name == ours else COLOURS[rivals.index(name) % len(COLOURS)]


def _grid(y: Axis) -> str:
    return "".join(
        f'<path d="M{LEFT} {y.at(v)}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{y.at(v) + 4}" text-anchor="end">{v:g}</text>'
        for v in y.ticks(7)
    )


def _legend(names: Sequence[str], ours: str) -> str:
    left = WIDTH - RIGHT + 16
    return "".join(
        f'<rect x="{left}" y="{TOP + 20 * row}" width="10" height="10" fill="{_colour(name, names, ours)}"/>'
        f'<text x="{left + 16}" y="{TOP + 20 * row + 9}">{escape(name)}</text>'
        for row, name in enumerate(names)
    )
