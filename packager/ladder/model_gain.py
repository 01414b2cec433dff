"""Expected gain of a trained model on a rung, from what the trial measured. Pure.

Fitted by least squares of the relative error to models that `neudash train` made: docs/results.md has the clips, and
the error on clips that the fit has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from packager.ladder.probe import ProbePoint

PER_LINEAR = 1.13
"""Gain in dB for each dB of the linear filter, at the source's own size."""
PER_LINEAR_AND_DOUBLING = 1.93
"""The same in addition, for each doubling of the picture."""
PER_DOUBLING_DB = 0.024
"""Gain that a doubled picture has even if the linear filter finds nothing."""
NEG_MOST = 3.4
"""Points of VMAF-NEG that the gain alone brings at most: half of them at 1 dB."""
NEG_PER_ROOM_AND_DOUBLING = 11.1
"""Points of VMAF-NEG for each doubling, if the plain picture had none; fewer in proportion to what it has."""


@dataclass(frozen=True)
class Gain:
    """Gain of a model over the plain picture."""

    psnr_y_db: float
    vmaf_neg: float
    """Points of VMAF-NEG."""


def predicted_gain(point: ProbePoint, ratio: float) -> Gain:
    """Returns the gain that a model is expected to bring; `ratio` is how many times the rung is enlarged, 1 or more.

    Nothing is expected of a picture that the linear filter does not improve and that is not enlarged.
    """
    doublings, linear_db = log2(ratio), max(0.0, point.linear_gain_db)
    gain_db = PER_LINEAR * linear_db + (PER_LINEAR_AND_DOUBLING * linear_db + PER_DOUBLING_DB) * doublings
    room = (100 - point.vmaf_neg) / 100 if point.vmaf_neg is not None else 0.0
    return Gain(gain_db, NEG_MOST * gain_db / (1 + gain_db) + NEG_PER_ROOM_AND_DOUBLING * room * doublings)
