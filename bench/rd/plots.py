"""Chooses what to draw of one clip: points of rate and quality, the plain hull, the union hull. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from bench.plots import OURS, PALETTE, RIVAL, Series, chart

NAMES = {"psnr_y": "PSNR-Y in dB", "vmaf": "VMAF", "vmaf_neg": "VMAF-NEG"}
STEPS = 12
"""Number of pieces into which each line of a hull is cut."""


def plot(result: dict[str, Any], metric: str) -> str:
    """Returns the SVG of one metric of a clip's JSON, with rates on a logarithmic axis."""
    series = [Series("plain hull", _hull(result["plain_hull"][metric]), {"color": RIVAL, "linestyle": "--"})]
    if "union_hull" in result:
        series.append(Series("hull of both", _hull(result["union_hull"][metric]), {"color": OURS}))
    clip, percent = result["clip"], result.get("bd_rate_union", {}).get(metric)
    return chart(
        f"{clip['name']} {clip['width']}x{clip['height']}, {NAMES[metric]}",
        [*series, *_marks([p for p in result["points"] if p[metric] is not None], metric)],
        "kbit/s, all bytes fetched",
        note="" if percent is None else f"BD-rate with models, every byte counted: {percent:+.1f} %",
        log_x=True,
    )


def _marks(points: Sequence[dict[str, Any]], metric: str) -> Iterable[Series]:
    plain, enhanced = ([p for p in points if p["kind"] == kind] for kind in ("plain", "enhanced"))
    # A plain rung is shown once, with its better resizing.
    best = {p["rung"]: p for p in sorted(plain, key=lambda p: float(p[metric]))}.values()
    sizes = sorted({p["size"] for p in (*plain, *enhanced)}, key=lambda size: -int(size.partition("x")[2]))
    for name, shown, look in (
        ("plain", best, {"marker": "o", "markersize": 5}),
        ("with models", enhanced, {"marker": "D", "markersize": 6, "markerfacecolor": OURS, "markeredgewidth": 1.5}),
    ):
        for size, colour in zip(sizes, cycle(PALETTE), strict=False):
            of_size = [(p["rate_bps"] / 1000, p[metric]) for p in shown if p["size"] == size]
            yield Series(f"{size} {name}", of_size, {"color": colour, "linestyle": "none", **look})


def _hull(corners: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """Returns points along a hull; its lines are straight in linear rate, so they are curved on this axis."""
    rates, qualities = [c["rate_bps"] / 1000 for c in corners], [c["quality"] for c in corners]
    between = np.linspace(0, len(corners) - 1, (len(corners) - 1) * STEPS + 1)
    corner = np.arange(len(corners))
    return list(zip(np.interp(between, corner, rates), np.interp(between, corner, qualities), strict=True))
