"""Compares ladders as viewers meet them: a line gets the best rung that it carries, and nothing between. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log

import numpy as np

MEASURES = ("vmaf_neg", "psnr_y")
UNDER = 85.0
"""VMAF-NEG below which savings are also given by themselves."""


@dataclass(frozen=True)
class Step:
    """One rung."""

    id: str
    rate_bps: float
    """All bytes that are fetched to play it, by the title's duration."""
    quality: Mapping[str, float]
    """PSNR-Y in dB and VMAF-NEG as it is played, by `psnr_y` and `vmaf_neg`."""


def rate_needed(ladder: Sequence[Step], measure: str, quality: float) -> float | None:
    """Returns the rate of the cheapest rung of at least that quality; None if there is none."""
    return min((step.rate_bps for step in ladder if step.quality[measure] >= quality), default=None)


def saving_percent(
    ours: Sequence[Step], reference: Sequence[Step], measure: str, below: float | None = None
) -> float | None:
    """Returns how much more (negative: less) rate ours needs for the same quality, in per cent.

    The mean of the logarithm of the ratio of rates, over every quality from the lowest rung of all to the lower of the
    two highest rungs (or to `below`). A viewer who asks for less than a ladder's lowest rung gets that rung. Exact,
    since both rates are constant between the qualities of rungs. None if there is no such quality.
    """
    low = min(step.quality[measure] for step in (*ours, *reference))
    high = min(max(step.quality[measure] for step in ladder) for ladder in (ours, reference))
    high = high if below is None else min(high, below)
    if high <= low:
        return None
    inner = {step.quality[measure] for step in (*ours, *reference) if low < step.quality[measure] < high}
    total = 0.0
    for start, end in pairwise([low, *sorted(inner), high]):
        # Between two qualities of rungs, the one at the upper end decides.
        rates = [rate_needed(ladder, measure, end) for ladder in (ours, reference)]
        assert rates[0] is not None and rates[1] is not None, "both ladders reach the range's end"
        total += (end - start) * log(rates[0] / rates[1])
    return 100 * (exp(total / (high - low)) - 1)


def psnr_at_neg(ladder: Sequence[Step], vmaf_neg: float) -> float:
    """Returns the PSNR-Y at which a ladder has that VMAF-NEG, linearly between its rungs."""
    rungs = sorted(ladder, key=lambda step: step.quality["vmaf_neg"])
    return float(
        np.interp(vmaf_neg, [step.quality["vmaf_neg"] for step in rungs], [step.quality["psnr_y"] for step in rungs])
    )


def savings(ours: Sequence[Step], reference: Sequence[Step]) -> dict[str, float | None]:
    """Returns the savings by VMAF-NEG and by PSNR-Y, whole and where the reference's VMAF-NEG is under 85."""
    return {
        "vmaf_neg": saving_percent(ours, reference, "vmaf_neg"),
        "psnr_y": saving_percent(ours, reference, "psnr_y"),
        "vmaf_neg_under_85": saving_percent(ours, reference, "vmaf_neg", UNDER),
        "psnr_y_under_85": saving_percent(ours, reference, "psnr_y", psnr_at_neg(reference, UNDER)),
    }


def picture_at(ladder: Sequence[Step], bandwidth_bps: float) -> Step | None:
    """Returns the best rung that a line of that bandwidth carries, by VMAF-NEG; None if it carries none."""
    carried = [step for step in ladder if step.rate_bps <= bandwidth_bps]
    return max(carried, key=lambda step: step.quality["vmaf_neg"], default=None)
