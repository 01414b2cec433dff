"""Segments that look alike share a model."""

from __future__ import annotations

import numpy as np

from trainer.data.samples import Sample
from trainer.data.scenes import scenes_of


def shot(segment: int, level: int) -> Sample:
    luma = np.random.default_rng(segment).integers(level, level + 30, (32, 32), dtype=np.uint8)
    return Sample(segment, False, luma, luma)


def test_runs_of_like_segments_are_scenes() -> None:
    shots = [shot(0, 20), shot(1, 22), shot(2, 180), shot(3, 178), shot(4, 20)]
    assert scenes_of(shots) == [[0, 1], [2, 3], [4]]


def test_a_title_of_one_scene_is_one_run_of_the_kept_segments() -> None:
    assert scenes_of([shot(0, 20), shot(2, 21), shot(2, 21)]) == [[0, 2]]
