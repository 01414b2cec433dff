"""Savings of a bundle against the best plain ladder of its title, as its measured ladder expected that one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean

from manifests.ladder_record import LadderRecord, PlannedRung
from media.staircase import Step, picture_at, savings
from report.results import RungResult

LINES_BPS = (500_000, 1_000_000, 2_000_000, 4_000_000)
"""Line speeds at which a viewer's picture is told."""


@dataclass(frozen=True)
class Line:
    """Pictures that a viewer gets over a line of one speed, from this bundle and from the plain ladder."""

    bandwidth_bps: int
    ours: Step | None
    """None if the line carries no rung."""
    plain: Step | None


@dataclass(frozen=True)
class Saving:
    """Savings of a bundle, in per cent of the rate at equal quality; negative is a saving."""

    vmaf_neg: float
    vmaf_neg_under_85: float | None
    psnr_y: float | None
    rungs: int
    """Number of rungs of the plain ladder."""
    lines: tuple[Line, ...]


def saving_of(record: LadderRecord | None, results: Sequence[RungResult]) -> Saving | None:
    """Returns the savings; None if the ladder was not measured, or VMAF-NEG was not.

    The plain ladder was never made for the whole title. Its rungs are those that the search chose for viewers without
    models; their rates and qualities are corrected by how the rungs that were made turned out, on average.
    """
    ours = [_step(result) for result in results]
    if record is None or not record.plain_rungs or None in [step.quality["vmaf_neg"] for step in ours]:
        return None
    made = {result.id: result for result in results}
    pairs = [(rung, made[rung.id]) for rung in record.rungs if rung.id in made]
    if not pairs:
        return None
    plain = _corrected(record.plain_rungs, pairs)
    found = savings(ours, plain)
    if found["vmaf_neg"] is None:
        return None
    lines = tuple(Line(bps, picture_at(ours, bps), picture_at(plain, bps)) for bps in LINES_BPS)
    return Saving(found["vmaf_neg"], found["vmaf_neg_under_85"], found["psnr_y"], len(plain), lines)


def _step(result: RungResult) -> Step:
    played = result.played_scores
    rate_bps = 8 * (result.video_bytes + result.model_bytes) / result.duration_s
    # A missing VMAF-NEG is found by the caller before it is used.
    return Step(result.id, rate_bps, {"psnr_y": played.psnr_y, "vmaf_neg": played.vmaf_neg})  # type: ignore[dict-item]


def _corrected(plain: Sequence[PlannedRung], pairs: Sequence[tuple[PlannedRung, RungResult]]) -> list[Step]:
    """Returns the expected plain rungs, moved by the mean difference between expectation and outcome of `pairs`."""
    rate = exp(fmean(log(8 * r.video_bytes / r.duration_s / expected.media_bps) for expected, r in pairs))
    psnr_y = fmean(r.plain_scores.psnr_y - expected.plain.psnr_y for expected, r in pairs)
    vmaf_neg = fmean((r.plain_scores.vmaf_neg or 0.0) - expected.plain.vmaf_neg for expected, r in pairs)
    return [
        Step(
            rung.id,
            rung.media_bps * rate,
            {"psnr_y": rung.plain.psnr_y + psnr_y, "vmaf_neg": rung.plain.vmaf_neg + vmaf_neg},
        )
        for rung in plain
    ]
