"""The trial reads the part that will be packaged, and no more."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from manifests.networks import Size as Pixels
from packager.ladder.probe import ProbedSource
from packager.plan import Request, make_plan

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("first", "count", "start_s", "frames"),
    [(0, 96, Fraction(1), 36), (24, 24, Fraction(2), 12), (0, 24, Fraction(1), 24)],
    ids=["shorter than a segment", "the last segment", "a whole segment"],
)
def test_an_excerpt_ends_where_the_title_ends(
    testsrc_video: Path, tmp_path: Path, first: int, count: int, start_s: Fraction, frames: int
) -> None:
    request = Request(testsrc_video, tmp_path / "bundle", start_s=Fraction(1), duration_s=Fraction(3, 2))
    plan = make_plan(request)
    source = ProbedSource(testsrc_video, plan.found, plan.treatment, plan.expected_frames, Pixels(320, 180))
    part = source.part(first, count)
    assert (part.treatment.start_s, part.frames) == (start_s, frames)
    assert part.treatment.duration_s == Fraction(frames, 24)
