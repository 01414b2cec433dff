"""Formats the figures of `bench.first` as a table, and compares them with the goals. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.tables import Column, aligned

BASELINE = "lanczos"
RIVALS = ("FSRCNN", "ESPCN")
LEAST_SPEED_UP = 5.0


@dataclass(frozen=True)
class Goal:
    """Goals of one clip, against Lanczos on the same rung."""

    gain_db: float
    model_bytes: int | None = None
    model_share: float | None = None
    """Upper limit of the models' bytes, as a share of the rung's."""


GOALS = {
    "sport-juggle-720p24": Goal(0.7, model_bytes=5000),
    "animation-1080p30": Goal(0.4, model_bytes=5000),
    "title-makeup-720p25": Goal(0.55, model_share=0.005),
}

_COLUMNS = (
    Column("method", "method", left=True),
    Column("video B", "video_bytes"),
    Column("model B", "model_bytes"),
    Column("total B", "total_bytes"),
    Column("PSNR-Y", "psnr_y", "{:.3f}"),
    Column("gain", "gain_db", "{:+.3f}"),
    Column("VMAF", "vmaf", "{:.2f}"),
    Column("NEG", "vmaf_neg", "{:.2f}"),
    Column("SSIM", "ssim", "{:.4f}"),
    Column("ms/frame", "ms_per_frame", "{:.1f}"),
)


def goals_of(clip: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns each goal with the figure that was reached; `ok` is True if it is enough."""
    rows = {row["method"]: row for row in clip["rows"]}
    ours, baseline, goal = rows["ours"], rows[BASELINE], GOALS[clip["clip"]]
    gain_db = ours["psnr_y"] - baseline["psnr_y"]
    goals = [_goal("dB PSNR-Y over Lanczos", goal.gain_db, gain_db, gain_db >= goal.gain_db)]
    if goal.model_bytes is not None:
        size = ours["model_bytes"]
        goals.append(_goal("model bytes in all, below", goal.model_bytes, size, size < goal.model_bytes))
    if goal.model_share is not None:
        share = ours["model_bytes"] / ours["video_bytes"]
        goals.append(
            _goal("share of models in the rung's bytes, below", goal.model_share, share, share < goal.model_share)
        )
    # No segment may look worse than plain.
    pairs = zip(ours["segments_psnr_y"], rows["plain"]["segments_psnr_y"], strict=True)
    least_db = min(mine - plain for mine, plain in pairs)
    goals.append(_goal("dB over plain in the worst segment", 0.0, least_db, least_db >= 0))
    # Rivals must be beaten in quality and in speed.
    for name in RIVALS:
        goals += _rival_goals(name, ours, rows[name])
    return goals


def _rival_goals(name: str, ours: dict[str, Any], rival: dict[str, Any]) -> list[dict[str, Any]]:
    gain_db = ours["psnr_y"] - rival["psnr_y"]
    goals = [_goal(f"dB PSNR-Y over {name}", 0.0, gain_db, gain_db > 0)]
    if ours["vmaf_neg"] is not None and rival["vmaf_neg"] is not None:
        gain = ours["vmaf_neg"] - rival["vmaf_neg"]
        goals.append(_goal(f"VMAF-NEG over {name}", 0.0, gain, gain > 0))
    if "ms_per_frame" in ours and "ms_per_frame" in rival:
        faster = rival["ms_per_frame"] / ours["ms_per_frame"]
        goals.append(_goal(f"times as fast as {name}", LEAST_SPEED_UP, faster, faster >= LEAST_SPEED_UP))
    return goals


def _goal(what: str, wanted: float, reached: float, ok: bool) -> dict[str, Any]:
    return {"what": what, "wanted": wanted, "reached": round(reached, 4), "ok": ok}


def text_of(clips: Sequence[dict[str, Any]]) -> str:
    """Returns the table of each clip, with its goals below."""
    return "\n\n".join(_clip_text(clip) for clip in clips)


def _clip_text(clip: dict[str, Any]) -> str:
    baseline = next(row["psnr_y"] for row in clip["rows"] if row["method"] == BASELINE)
    lines = [
        f"{clip['clip']}: {clip['seconds']:.1f} s, {clip['segments']} segments, scored at"
        f" {clip['width']}x{clip['height']}; packaged in {clip['package_s']:.0f} s, trained in {clip['train_s']:.0f} s",
        aligned(_COLUMNS, [{**row, "gain_db": row["psnr_y"] - baseline} for row in clip["rows"]]),
    ]
    for goal in clip["goals"]:
        mark = "reached" if goal["ok"] else "MISSED"
        lines.append(f"  {mark}: {goal['what']}: {goal['reached']:g} (goal {goal['wanted']:g})")
    return "\n".join(lines)
