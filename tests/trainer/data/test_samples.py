"""The frames of a title that are learnt from and judged by."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.bundle import open_bundle
from media.source.original import treatment_of
from trainer.data.rung import TrainingRung
from trainer.data.samples import kept_frames, read_references
from trainer.settings import NullReporter

if TYPE_CHECKING:
    from pathlib import Path

counts = st.lists(st.integers(1, 50), min_size=1, max_size=20)


@given(counts, st.integers(1, 2000))
def test_they_spread_over_the_title_and_no_frame_is_kept_twice(counts: list[int], budget: int) -> None:
    positions = kept_frames(counts, 1, budget)
    spread = min(sum(counts), max(budget, len(counts)))
    assert spread <= len(positions) < spread + len(counts)
    places = [(p.segment, p.index) for p in positions]
    assert places == sorted(set(places))
    for segment, count in enumerate(counts):
        indices = [p.index for p in positions if p.segment == segment]
        assert all(0 <= index < count for index in indices)
        assert abs(len(indices) - count * spread / sum(counts)) <= 1


@given(counts, st.integers(1, 2000))
def test_no_segment_is_without_a_frame(counts: list[int], budget: int) -> None:
    """However short it is, and however many full ones there are before it: it would be played plainly."""
    assert {p.segment for p in kept_frames(counts, 1, budget)} == set(range(len(counts)))
    assert kept_frames([96] * 300 + [5], 1, 900)[-1].segment == 300


@given(counts)
def test_every_segment_of_some_length_is_learnt_from_and_judged(counts: list[int]) -> None:
    positions = kept_frames(counts, 1, sum(counts))
    for segment, count in enumerate(counts):
        if count >= 3:
            assert {p.judged for p in positions if p.segment == segment} == {True, False}


def test_a_long_title_keeps_what_the_budget_holds_and_no_more() -> None:
    """90 minutes at 24 frames a second in segments of 4 s, and then of half an hour."""
    budget_frames = (512 << 20) // (1920 * 1080)
    assert len(kept_frames([96] * 1350, 1920 * 1080, 512 << 20)) == 1350
    assert len(kept_frames([96 * 450] * 3, 1920 * 1080, 512 << 20)) == budget_frames


def test_the_only_frame_is_judged() -> None:
    (position,) = kept_frames([1], 1, 100)
    assert position.judged


def test_a_third_is_judged() -> None:
    positions = kept_frames([30, 30], 1, 60)
    assert [p.judged for p in positions[:4]] == [False, True, False, False]
    assert sum(p.judged for p in positions) == 20


@pytest.mark.skipif(os.name != "posix", reason="elsewhere files that are mapped refuse to go")
def test_what_killed_runs_left_goes_and_what_others_are_writing_stays(
    packaged_bundle: Path, testsrc_video: Path, tmp_path: Path
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stale, busy = (tmp_path / f"source-640x360.npy.{pid}" for pid in (ended.pid, os.getppid()))
    stale.touch()
    busy.touch()
    bundle = open_bundle(packaged_bundle)
    rung = TrainingRung(bundle, bundle.presentation.video[0], (320, 180))
    path = tmp_path / "source-320x180.npy"
    treatment = treatment_of(packaged_bundle, testsrc_video)
    references = read_references(testsrc_video, treatment, rung, 1 << 20, path, NullReporter())
    assert references.planes().shape == (18, 180, 320)
    assert set(tmp_path.iterdir()) == {path, busy}
