"""The JSON of `--stats` has the fields that the design names, no more and no fewer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from player.stats import SegmentStats, SessionStats, summary

if TYPE_CHECKING:
    from pathlib import Path


def test_the_json_has_the_agreed_fields(tmp_path: Path) -> None:
    SessionStats([SegmentStats(1, "v90", download_s=1 / 3)]).write(tmp_path / "deep" / "stats.json")
    written = json.loads((tmp_path / "deep" / "stats.json").read_text())
    assert list(written) == [
        "segments", "frames", "enhanced_frames", "reused_frames", "dropped_frames", "total_bytes",
        "startup_s", "elapsed_s",
        "stall_s", "network_s", "enhance_fps",
    ]  # fmt: skip
    assert list(written["segments"][0]) == [
        "number", "rung", "video_bytes", "model_bytes", "buffer_s", "model", "frames", "enhanced_frames",
        "reused_frames", "enhanced", "reason", "download_s", "decode_s", "enhance_s", "network_s",
    ]  # fmt: skip
    assert written["segments"][0]["download_s"] == 0.333333


def test_the_summary_groups_reasons() -> None:
    segments = [SegmentStats(n, reason="late") for n in range(3)] + [SegmentStats(3, enhanced=True)]
    text = summary(SessionStats(segments, frames=40, enhanced_frames=10, enhance_fps=12.34))
    assert "40 frames played, 10 enhanced at 12.3 frames a second" in text
    assert "3 of 4 segments not enhanced: late" in text


def test_the_summary_of_a_session_cut_short_does_not_claim_four_of_one_frame() -> None:
    """Frames that are enhanced wait to be shown; a stop leaves them there."""
    text = summary(SessionStats([SegmentStats(1, reason="late")], frames=1, enhanced_frames=4))
    assert text.startswith("1 frame played, 4 enhanced")
    assert text.endswith("1 of 1 segment not enhanced: late")
