"""Draws rate against quality of one clip as SVG: points, the plain hull, the union hull. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any

import numpy as np

from bench.svg import GRID, INK, OURS, RIVAL, WIDTH, sheet
from report.plots import Axis

HEIGHT = 478
LEFT, RIGHT, TOP, BOTTOM = 58, 150, 52, 46
NAMES = {"psnr_y": "PSNR-Y in dB", "vmaf": "VMAF", "vmaf_neg": "VMAF-NEG"}
SIZE_COLOURS = ("#1f4e79", "#2f8f83", "#8e5ea2", "#b08900", "#777777")
"""Colours of the sizes, highest first."""
STEPS = 12
"""Number of pieces into which each line of a hull is cut."""


def plot(result: dict[str, Any], metric: str) -> str:
    """Returns the SVG of one metric of a clip's JSON, with rates on a logarithmic axis."""
    shown = [p for p in result["points"] if p["kind"] in ("plain", "enhanced") and p[metric] is not None]
    # A plain rung is shown once, with its better resizing.
    plain = [p for p in shown if p["kind"] == "plain" and p[metric] == _best(shown, p["rung"], metric)]
    enhanced = [p for p in shown if p["kind"] == "enhanced"]
    x, y = _axes([*plain, *enhanced], metric)
    sizes = sorted({p["size"] for p in plain}, key=lambda size: -int(size.partition("x")[2]))
    # Sizes beyond the list share its last colour.
    colours = dict(zip(sizes, (*SIZE_COLOURS, *[SIZE_COLOURS[-1]] * len(sizes)), strict=False))
    parts = [_grid(x, y), _hull(result["plain_hull"][metric], x, y, RIVAL, "6 4")]
    if "union_hull" in result:
        parts.append(_hull(result["union_hull"][metric], x, y, OURS, ""))
    parts += [_mark(p, metric, x, y, colours.get(p["size"], INK)) for p in (*plain, *enhanced)]
    parts.append(_legend(colours, bool(enhanced)))
    clip = result["clip"]
    title = f"{clip['name']} {clip['width']}x{clip['height']}, {NAMES[metric]}"
    return sheet(title, HEIGHT, parts, left=LEFT, says=_saving(result, metric))


def _best(points: Iterable[dict[str, Any]], rung: str, metric: str) -> float:
    return max(float(p[metric]) for p in points if p["kind"] == "plain" and p["rung"] == rung)


def _saving(result: dict[str, Any], metric: str) -> str:
    percent = (result.get("bd_rate_union") or {}).get(metric)
    return "" if percent is None else f"BD-rate with models, every byte counted: {percent:+.1f} %"


def _axes(points: Sequence[dict[str, Any]], metric: str) -> tuple[Axis, Axis]:
    rates = [log10(p["rate_bps"] / 1000) for p in points]
    qualities = [p[metric] for p in points]
    room = (max(qualities) - min(qualities)) * 0.05 or 1.0
    x = Axis(min(rates) - 0.05, max(rates) + 0.05, LEFT, WIDTH - RIGHT)
    return x, Axis(min(qualities) - room, max(qualities) + room, HEIGHT - BOTTOM, TOP)


def _rate_ticks(x: Axis) -> list[float]:
    """Returns ticks at 1, 2 and 5 times powers of ten, in kbit/s."""
    powers = range(floor(x.low), ceil(x.high) + 1)
    ticks = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    return [tick for tick in ticks if x.low <= log10(tick) <= x.high]


def _grid(x: Axis, y: Axis) -> str:
    rows = "".join(
        f'<path d="M{x.start} {y.at(v)}H{x.end}" stroke="{GRID}"/>'
        f'<text class="tick" x="{x.start - 8}" y="{y.at(v) + 4}" text-anchor="end">{v:g}</text>'
        for v in y.ticks(7)
    )
    columns = "".join(
        f'<path d="M{x.at(log10(v))} {y.start}V{y.end}" stroke="{GRID}"/>'
        f'<text class="tick" x="{x.at(log10(v))}" y="{y.start + 17}" text-anchor="middle">{v:g}</text>'
        for v in _rate_ticks(x)
    )
    name = f'<text x="{x.end}" y="{y.start + 36}" text-anchor="end">kbit/s, all bytes fetched</text>'
    return f'{rows}{columns}<path d="M{x.start} {y.start}H{x.end}" stroke="{INK}"/>{name}'


def _hull(corners: Sequence[dict[str, Any]], x: Axis, y: Axis, colour: str, dash: str) -> str:
    """Draws a hull; its lines are straight in linear rate, so they are curved on this axis."""
    rates, qualities = [c["rate_bps"] / 1000 for c in corners], [c["quality"] for c in corners]
    between = np.linspace(0, len(corners) - 1, (len(corners) - 1) * STEPS + 1)
    corner = np.arange(len(corners))
    drawn = zip(np.interp(between, corner, rates), np.interp(between, corner, qualities), strict=True)
    path = "L".join(f"{x.at(log10(rate))} {y.at(float(quality))}" for rate, quality in drawn)
    return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'


def _mark(point: dict[str, Any], metric: str, x: Axis, y: Axis, colour: str) -> str:
    across, up = x.at(log10(point["rate_bps"] / 1000)), y.at(point[metric])
    kbps = point["rate_bps"] / 1000
    told = f"{point['size']} {point['rate']} {point['kind']} {point['way']}: {kbps:.0f} kbit/s, {point[metric]:.2f}"
    if point["kind"] == "plain":
        shape = f'<circle cx="{across}" cy="{up}" r="3.5" fill="{colour}">'
        return f"{shape}<title>{escape(told)}</title></circle>"
    shape = f'<path d="M{across} {up - 6}l6 6-6 6-6-6z" fill="{OURS}" stroke="{colour}" stroke-width="1.5">'
    return f"{shape}<title>{escape(told)}</title></path>"


def _legend(colours: dict[str, str], enhanced: bool) -> str:
    left, top = WIDTH - RIGHT + 16, TOP + 10
    rows = [
        (f'<circle cx="{left}" cy="{{}}" r="4" fill="{colour}"/>', f"{size} plain") for size, colour in colours.items()
    ]
    rows.append(
        (
            f'<path d="M{left - 8} {{}}h16" stroke="{RIVAL}" stroke-width="2" stroke-dasharray="6 4"/>',
            "plain hull",
        )
    )
    if enhanced:
        rows.append((f'<path d="M{left} {{}}m0-6l6 6-6 6-6-6z" fill="{OURS}"/>', "with models"))
        rows.append((f'<path d="M{left - 8} {{}}h16" stroke="{OURS}" stroke-width="2"/>', "hull of both"))
    return "".join(
        mark.format(top + 20 * index) + f'<text x="{left + 14}" y="{top + 20 * index + 4}">{escape(name)}</text>'
        for index, (mark, name) in enumerate(rows)
    )
