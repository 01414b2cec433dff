"""A measured ladder: the trial on a few segments, then the choice; and its record, from which a run goes on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from manifests.ladder_record import LadderRecord, PlannedQuality, PlannedRung
from manifests.networks import Size as Pixels
from media.vmaf import vmaf_program
from packager.encoders import ENCODERS
from packager.ladder.choice import ChosenRung, LadderBounds, choose_ladder
from packager.ladder.curves import candidates
from packager.ladder.excerpts import choose_excerpts
from packager.ladder.probe import ProbedSource, Trial, probe_ladder
from packager.ladder.sizes import LadderRung, Size, exact_sizes, unique_ids
from packager.plan import Plan
from packager.rungs import Crf

MIN_TITLE_S = 1
"""A shorter title gets the fixed ladder: there is too little to measure."""
MIN_SIDE = 90
"""Smallest rows or columns of a size that is tried."""


def rungs_of(record: LadderRecord) -> tuple[LadderRung, ...]:
    """Returns the rungs of a recorded ladder."""
    return tuple(
        LadderRung(rung.id, Size(rung.width, rung.height, Fraction(rung.sar)), Crf(rung.crf)) for rung in record.rungs
    )


def reason_not_measured(plan: Plan) -> str | None:
    """Returns why this title gets the fixed ladder; None if its ladder can be measured."""
    if plan.expected_frames < MIN_TITLE_S * plan.treatment.frame_rate:
        return "the video is shorter than a second"
    if vmaf_program() is None:
        return "no ffmpeg has libvmaf, which measures pictures"
    return None


def measure_ladder(plan: Plan, bounds: LadderBounds, folder: Path, on_done: Callable[[int, int], None]) -> LadderRecord:
    """Encodes excerpts in several sizes and qualities, and chooses the rungs. `on_done` receives the work done, of all.

    `folder` takes the raw frames of one excerpt for that time. Raises MediaError, LadderError.
    """
    frames = min(plan.video.segment_frames, plan.expected_frames)
    whole = max(1, plan.expected_frames // plan.video.segment_frames)
    excerpts = choose_excerpts(segment_bytes(plan, whole), float(frames / plan.treatment.frame_rate))
    trials = planned_trials(plan)
    top = max((trial.size for trial in trials), key=lambda size: size.height)
    shown = Pixels(top.width, top.height)
    source = ProbedSource(plan.request.source, plan.found, plan.treatment, plan.expected_frames, shown)
    points = probe_ladder(source, plan.video, excerpts, trials, folder, on_done)
    duration_s = float(plan.expected_frames / plan.treatment.frame_rate)

    def chosen(bounds: LadderBounds) -> tuple[PlannedRung, ...]:
        found = candidates(points, duration_s, models=bounds.models)
        return planned_rungs(choose_ladder(found, bounds, source_bps(plan)))

    rungs = chosen(bounds)
    plain = chosen(replace(bounds, models=False, count=len(rungs)))
    return LadderRecord(excerpts, tuple(point.to_json() for point in points), rungs, plain)


def planned_trials(plan: Plan) -> list[Trial]:
    """Returns the sizes and CRFs that are tried: the whole, two thirds, half and a third of the source's height."""
    area = plan.treatment.display_size
    rows = int(area[1])
    heights = {2 * (rows // 2), 2 * round(rows / 3), rows // 2, round(rows / 3)}
    least_rows = MIN_SIDE * max(Fraction(1), area[1] / area[0])
    wide = [height for height in sorted(heights) if height >= least_rows]
    sizes = exact_sizes(area, wide or [max(heights)])
    return [Trial(size, crf) for size in sizes.values() for crf in ENCODERS[plan.video.codec].probed_crfs]


def segment_bytes(plan: Plan, count: int) -> list[int]:
    """Returns the bytes that the source spends on each of its first `count` segments; zeros if it does not say."""
    shown = plan.found.shown()
    positions = [plan.found.picture.positions[number] for _, number in shown]
    times = [float(time_s - plan.zero_s) for time_s, _ in shown]
    places = [bisect_left(times, float(index * plan.segment_s)) for index in range(count + 1)]
    at = [positions[min(place, len(positions) - 1)] or 0 for place in places]
    return [max(0, end - start) for start, end in pairwise(at)]


def source_bps(plan: Plan) -> float:
    """Returns the rate of the source's file, which no rung may exceed."""
    path, duration_s = plan.request.source, float(plan.source_frames / plan.treatment.source_rate)
    return 8 * path.stat().st_size / max(duration_s, 0.04)


def planned_rungs(chosen: Sequence[ChosenRung]) -> tuple[PlannedRung, ...]:
    """Returns the rungs for the record, each with an id of its own."""
    ids = unique_ids([(rung.candidate.size, Crf(rung.candidate.crf)) for rung in chosen])
    return tuple(_planned(name, rung) for name, rung in zip(ids, chosen, strict=True))


def _planned(name: str, rung: ChosenRung) -> PlannedRung:
    one = rung.candidate
    return PlannedRung(
        id=name,
        width=one.size.width,
        height=one.size.height,
        sar=str(one.size.sar),
        crf=one.crf,
        target_vmaf_neg=round(rung.target, 2),
        media_bps=round(one.media_bps),
        rate_bps=round(one.rate_bps),
        plain=PlannedQuality(round(one.plain_psnr_y, 3), round(one.plain_vmaf_neg, 2)),
        shown=PlannedQuality(round(one.psnr_y, 3), round(one.vmaf_neg, 2)),
        excess_percent=round(100 * rung.excess, 2),
    )
