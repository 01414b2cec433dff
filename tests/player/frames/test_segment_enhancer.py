"""The frames of a segment: by network, by the residual of the one before, or plainly, each counted as what it was."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from manifests.bundle import open_bundle
from media.frames import Frame
from media.resize import base_upsample
from player.fetching.fetched_segment import FetchedSegment
from player.frames.effort import Effort
from player.frames.segment_enhancer import SegmentEnhancer
from player.stats import SegmentStats, SessionStats
from player.superres.output import output_format

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from player.superres.residual_reuse import Plane


class Brighter:
    name, scale = "brighter", 2

    def upscale(self, frames: Sequence[Plane]) -> Plane:
        (luma,) = frames
        return base_upsample(luma, 2) + np.uint8(9)


def test_looking_at_the_plain_picture_changes_nothing_of_what_is_made(play_bundle_master: Path) -> None:
    """A window asks for it from its own thread, at any moment."""
    rungs = open_bundle(play_bundle_master).presentation.video
    stats = SessionStats()
    fetched = FetchedSegment(0, rungs[0], SegmentStats(1))
    enlarger = SegmentEnhancer(fetched, Brighter(), output_format(rungs), stats)
    chroma = np.full((45, 80), 128, np.uint8)
    frame = Frame(np.full((90, 160), 100, np.uint8), chroma, chroma, Fraction(0))
    for effort in (Effort.FULL, Effort.REUSE, Effort.REUSE, Effort.PLAIN):
        enlarger.enlarge(frame, effort)
        assert enlarger.plain(frame).y[0, 0] == 100
    record = fetched.record
    assert (record.frames, record.enhanced_frames, record.reused_frames) == (4, 2, 1)
    assert (stats.enhanced_frames, stats.reused_frames) == (2, 1)
    assert record.reason == "too slow here: 1 frames with the work of others, 1 plain"
