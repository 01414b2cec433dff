"""Formats the table of `bench.player`, and compares its figures with the goals. Pure."""

from __future__ import annotations

from textwrap import indent
from typing import Any

from bench.tables import Column, aligned

_GOALS = {"360p to 720p": (24.0, 45.0), "540p to 1080p": (22.0, 40.0)}
"""Goals in frames per second on two cores: (must, aim)."""
_TIMES_FSRCNN = (8.0, 16.0)
_STARTUP_S = (2.0, 1.0)
_MEMORY_MB = (700.0, 400.0)
_FLAT_MB = 20.0
"""Growth in MB that allocators cause even if nothing is kept."""
_COLUMNS = (
    Column("", "name", left=True),
    Column("fps", "fps", "{:.1f}"),
    Column("spread", "fps_spread", "{0[0]:g}-{0[1]:g}"),
    Column("CPU ms/frame", "cpu_ms_per_frame", "{:.1f}"),
    Column("first frame", "first_frame_s", "{:.2f} s"),
    Column("peak MB", "peak_mb", "{:.0f}"),
)


def goals_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the goals with the figures of the first engine, which is the one that players use here."""
    goals = []
    for case in result["cases"]:
        ways = case["ways"]
        ours = next(iter(ways.values()))
        # Only the standard cases have goals of speed.
        if case["name"] in _GOALS:
            goals.append(_goal(f"{case['name']} {case['network']}: frames/s", ours["fps"], *_GOALS[case["name"]]))
        if "FSRCNN" in ways:
            times = ours["fps"] / ways["FSRCNN"]["fps"]
            goals.append(_goal(f"{case['name']}: times as fast as FSRCNN", times, *_TIMES_FSRCNN))
        what = f"{case['name']}: s to the first enhanced frame"
        goals.append(_goal(what, ours["first_frame_s"], *_STARTUP_S, less=True))
    memory = result["memory"]
    # Memory is optional, because it takes minutes.
    if memory is not None:
        goals.append(_goal("memory: peak MB", memory["peak_mb"], *_MEMORY_MB, less=True))
        goals.append(_goal("memory: MB grown after settling", memory["growth_mb"], _FLAT_MB, _FLAT_MB, less=True))
    return goals


def text_of(result: dict[str, Any]) -> str:
    """Returns the table and the goals as text for a terminal."""
    lines = []
    for case in result["cases"]:
        lines.append(f"{case['name']}, {case['network']} on {case['clip']}, {case['frames']} frames over HTTP")
        rows = [{"name": name, **way} for name, way in case["ways"].items()]
        lines.append(indent(aligned(_COLUMNS, rows), "  "))
    memory = result["memory"]
    if memory is not None:
        lines.append(
            f"memory over {memory['video_s']:.0f} s of video ({memory['wall_s']:.0f} s): peak "
            f"{memory['peak_mb']:.0f} MB, {memory['growth_mb']:+.1f} MB after settling at {memory['settled_mb']:.0f} MB"
        )
    for goal in result["goals"]:
        reached = "aim" if goal["aim_reached"] else "must" if goal["must_reached"] else "NOT reached"
        lines.append(f"  {goal['what']}: {goal['reached']:.2f} (must {goal['must']:g}, aim {goal['aim']:g}): {reached}")
    return "\n".join(lines)


def _goal(what: str, reached: float, must: float, aim: float, *, less: bool = False) -> dict[str, Any]:
    def ok(limit: float) -> bool:
        return reached <= limit if less else reached >= limit

    return {
        "what": what,
        "reached": round(float(reached), 2),
        "must": must,
        "aim": aim,
        "must_reached": ok(must),
        "aim_reached": ok(aim),
    }
