"""Segments that look alike share a model."""

from __future__ import annotations

import numpy as np

from trainer.pairs import Pair
from trainer.scenes import groups_of


def pair(segment: int, level: int) -> Pair:
    luma = np.random.default_rng(segment).integers(level, level + 30, (32, 32), dtype=np.uint8)
    return Pair(segment, luma, np.zeros((32, 32, 4), np.int8))


def test_runs_of_like_segments_are_scenes() -> None:
    pairs = [pair(0, 20), pair(1, 22), pair(2, 180), pair(3, 178), pair(4, 20)]
    assert groups_of("scene", pairs) == [[0, 1, 2, 3, 4], [0, 1], [2, 3], [4]]


def test_a_title_of_one_scene_has_one_group() -> None:
    assert groups_of("scene", [pair(0, 20), pair(1, 21)]) == [[0, 1]]


def test_title_and_segment_have_one_group_of_the_sampled_segments() -> None:
    pairs = [pair(0, 20), pair(2, 200), pair(2, 210)]
    assert groups_of("title", pairs) == groups_of("segment", pairs) == [[0, 2]]
