"""Formats the comparison as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLUMNS = {
    "qoe_bones": ("QoE BONES", "{:.2f}"),
    "qoe_nas": ("QoE NAS", "{:.3f}"),
    "qoe_pensieve": ("QoE Pensieve", "{:.3f}"),
    "quality": ("VMAF-NEG", "{:.1f}"),
    "change": ("change", "{:.2f}"),
    "stall_s": ("stall s", "{:.2f}"),
    "startup_s": ("start s", "{:.2f}"),
    "bytes": ("MB", "{:.1f}"),
}


def markdown_of(result: Mapping[str, Any]) -> str:
    """Returns a table for every buffer length, best policy first, with the goals below it."""
    return "\n".join(
        _section(buffer, policies, result["goals"][buffer]) for buffer, policies in result["buffers"].items()
    )


def _section(buffer: str, policies: Mapping[str, Any], goals: Mapping[str, Any]) -> str:
    groups = list(next(iter(policies.values()))["groups"])
    heads = ["policy", *(head for head, _ in _COLUMNS.values()), *(f"QoE {group}" for group in groups)]
    lines = [f"Buffer of {buffer} s, mean over traces:", "", _row(heads), "|---|" + "--:|" * (len(heads) - 1)]
    # The best policy comes first.
    ordered = sorted(policies.items(), key=lambda item: -item[1]["mean"]["qoe_bones"])
    lines += [_row([name, *_cells(found, groups)]) for name, found in ordered]
    nas = ", ".join(f"{percent:+.1f} % on {group}" for group, percent in goals["nas_over_best_plain_percent"].items())
    lines += [
        "",
        f"Ours against {goals['best_rival']}, the best rival: {goals['qoe_over_best_rival_percent']:+.1f} % QoE; "
        f"against bones {goals['qoe_over_bones_percent']:+.1f} %; stalls {goals['stall_s']:.2f} s, bola "
        f"{goals['stall_s_bola']:.2f} s; NAS form against the best without models: {nas}.",
        "",
    ]
    return "\n".join(lines)


def _cells(found: Mapping[str, Any], groups: list[str]) -> list[str]:
    mean = {**found["mean"], "bytes": found["mean"]["bytes"] / 1e6}
    means = [form.format(mean[key]) for key, (_, form) in _COLUMNS.items()]
    return [*means, *(f"{found['groups'][group]['qoe_bones']:.1f}" for group in groups)]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
