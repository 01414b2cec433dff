"""Chooses what to draw of the comparison: quality against stalls of every policy, and QoE by group of traces. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle
from typing import Any

from bench.abr.run import PLAIN
from bench.plots import OURS, PALETTE, Series, chart, grouped_bars


def bars(policies: Mapping[str, Any], ours: str, buffer: str) -> str:
    """Draws QoE in the BONES form for each policy with models, over all traces and over each group."""
    series = {}
    for name, colour in colours(policies, ours).items():
        means = [policies[name]["mean"], *policies[name]["groups"].values()]
        series[name] = [mean["qoe_bones"] for mean in means], colour
    groups = ["all", *policies[ours]["groups"]]
    return grouped_bars(f"QoE (quality - changes - stalls), buffer of {buffer} s", groups, series)


def scatter(policies: Mapping[str, Any], ours: str, buffer: str) -> str:
    """Draws mean VMAF-NEG against seconds stalled; points are filled with models and hollow without."""
    series = []
    for name, colour in colours(policies, ours).items():
        # A policy has one colour, with models and without.
        for suffix, fill in (("", colour), (PLAIN, "none")):
            mean = policies[name + suffix]["mean"]
            look = {"marker": "o", "linestyle": "none", "color": colour, "markerfacecolor": fill, "clip_on": False}
            series.append(Series(name + suffix, [(mean["stall_s"], mean["quality"])], look))
    title = f"VMAF-NEG and stalls, buffer of {buffer} s (hollow: without models)"
    return chart(title, series, "seconds stalled in ten minutes")


def colours(policies: Iterable[str], ours: str) -> dict[str, str]:
    """Returns a colour for each policy with models."""
    names = [name for name in policies if not name.endswith(PLAIN)]
    rivals = zip((name for name in names if name != ours), cycle(PALETTE), strict=False)
    return {**dict.fromkeys(names, OURS), **dict(rivals)}
