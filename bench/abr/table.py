"""Formats the comparison as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.tables import Column, markdown

_COLUMNS = (
    Column("policy", "policy", left=True),
    Column("QoE BONES", "qoe_bones", "{:.2f}"),
    Column("QoE NAS", "qoe_nas", "{:.3f}"),
    Column("QoE Pensieve", "qoe_pensieve", "{:.3f}"),
    Column("VMAF-NEG", "quality", "{:.1f}"),
    Column("change", "change", "{:.2f}"),
    Column("stall s", "stall_s", "{:.2f}"),
    Column("start s", "startup_s", "{:.2f}"),
    Column("MB", "mb", "{:.1f}"),
)


def markdown_of(result: Mapping[str, Any]) -> str:
    """Returns a table for every buffer length, best policy first, with the goals below it."""
    return "\n".join(
        _section(buffer, policies, result["goals"][buffer]) for buffer, policies in result["buffers"].items()
    )


def _section(buffer: str, policies: Mapping[str, Any], goals: Mapping[str, Any]) -> str:
    groups = list(next(iter(policies.values()))["groups"])
    columns = [*_COLUMNS, *(Column(f"QoE {group}", group, "{:.1f}") for group in groups)]
    # The best policy comes first.
    ordered = sorted(policies.items(), key=lambda item: -item[1]["mean"]["qoe_bones"])
    table = markdown(columns, [_row(name, found) for name, found in ordered])
    nas = ", ".join(f"{percent:+.1f} % on {group}" for group, percent in goals["nas_over_best_plain_percent"].items())
    return (
        f"Buffer of {buffer} s, mean over traces:\n\n{table}\n"
        f"Ours against {goals['best_rival']}, the best rival: {goals['qoe_over_best_rival_percent']:+.1f} % QoE; "
        f"against bones {goals['qoe_over_bones_percent']:+.1f} %; stalls {goals['stall_s']:.2f} s, bola "
        f"{goals['stall_s_bola']:.2f} s; NAS form against the best without models: {nas}.\n"
    )


def _row(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    by_group = {group: mean["qoe_bones"] for group, mean in found["groups"].items()}
    return {"policy": name, **found["mean"], "mb": found["mean"]["bytes"] / 1e6, **by_group}
