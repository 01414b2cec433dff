"""Rate and quality of every size at every CRF, from the few that were measured. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import exp, log

import numpy as np

from packager.ladder.model_gain import predicted_gain
from packager.ladder.probe import ProbePoint
from packager.ladder.sizes import Size

CRF_STEP = 0.5
MODEL_BYTES = 5000
"""Bytes of the models of a rung, which its rate has to pay for."""


@dataclass(frozen=True)
class Candidate:
    """One size at one CRF, measured or interpolated, as a viewer sees it."""

    size: Size
    crf: float
    media_bps: float
    """Rate of the video alone."""
    rate_bps: float
    """Rate with the models."""
    plain_psnr_y: float
    plain_vmaf_neg: float
    psnr_y: float
    """dB, as it is shown: with its model if that is expected to pay, else plain."""
    vmaf_neg: float
    """0 to 100, likewise."""

    @property
    def enhanced(self) -> bool:
        """True if a model is expected to pay for itself."""
        return self.rate_bps > self.media_bps


def candidates(points: Sequence[ProbePoint], duration_s: float, *, models: bool) -> list[Candidate]:
    """Returns every size at every CRF between the lowest and the highest that were measured, in steps of CRF_STEP.

    `duration_s` is the length of the title, over which the bytes of models are spread; `models` False leaves models
    out. Points must have a VMAF-NEG.
    """
    found = []
    by_size = sorted(points, key=lambda point: (point.size.height, point.size.width, point.crf))
    shown = max(point.size.height for point in points)
    model_bps = 8 * MODEL_BYTES / duration_s
    for size, group in groupby(by_size, key=lambda point: point.size):
        for point in _every_crf(list(group)):
            plain = _plain(size, point)
            found.append(_enhanced(plain, point, shown / size.height, model_bps) if models else plain)
    return found


def _plain(size: Size, point: ProbePoint) -> Candidate:
    neg = _neg(point)
    return Candidate(size, point.crf, point.rate_bps, point.rate_bps, point.psnr_y, neg, point.psnr_y, neg)


def _enhanced(plain: Candidate, point: ProbePoint, ratio: float, model_bps: float) -> Candidate:
    gain = predicted_gain(point, ratio)
    if gain.psnr_y_db <= 0:
        return plain
    return replace(
        plain,
        rate_bps=plain.media_bps + model_bps,
        psnr_y=plain.plain_psnr_y + gain.psnr_y_db,
        vmaf_neg=min(100.0, plain.plain_vmaf_neg + gain.vmaf_neg),
    )


def _every_crf(points: list[ProbePoint]) -> Iterator[ProbePoint]:
    """Yields the points of one size at every CRF, with log rate and qualities along parabolas."""
    crfs = [point.crf for point in points]
    log_rate = _curve(crfs, [log(point.rate_bps) for point in points])
    psnr = _curve(crfs, [point.psnr_y for point in points])
    neg = _curve(crfs, [_neg(point) for point in points])
    gain = _curve(crfs, [point.linear_gain_db for point in points])
    for crf in np.arange(crfs[0], crfs[-1] + CRF_STEP / 2, CRF_STEP):
        yield replace(
            points[0],
            crf=float(crf),
            rate_bps=exp(log_rate(crf)),
            psnr_y=psnr(crf),
            vmaf_neg=min(100.0, max(0.0, neg(crf))),
            linear_gain_db=gain(crf),
        )


def _curve(x: Sequence[float], y: Sequence[float]) -> Callable[[float], float]:
    """Returns a parabola through the points, or what fewer of them allow."""
    polynomial = np.polynomial.Polynomial.fit(x, y, min(2, len(x) - 1)) if len(x) > 1 else None
    return (lambda at: float(polynomial(at))) if polynomial is not None else (lambda at: y[0])


def _neg(point: ProbePoint) -> float:
    assert point.vmaf_neg is not None, "a ladder is planned only where libvmaf is there"
    return point.vmaf_neg
