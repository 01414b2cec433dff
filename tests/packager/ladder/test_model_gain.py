"""The expected gain of a model: none without reason, more for larger ratios, near what training gave."""

from __future__ import annotations

from fractions import Fraction
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.ladder.model_gain import predicted_gain
from packager.ladder.probe import ProbePoint
from packager.ladder.sizes import Size

TRAINED = [
    (1, 0.311, 83.6, 0.542),
    (1.5, 0.838, 84.6, 1.829),
    (2, 1.586, 81.8, 4.974),
    (2, 0.857, 64.9, 2.956),
    (3, 0.945, 56.8, 6.298),
    (1, 0.118, 78.0, 0.083),
    (1.5, 0.175, 78.2, 0.359),
    (2, 0.242, 74.9, 0.557),
    (2, 0.043, 51.6, 0.216),
    (3, 0.099, 47.8, 0.363),
    (1, 0.176, 78.9, 0.29),
    (1.5, 0.281, 78.8, 0.554),
    (2, 0.352, 76.6, 1.057),
    (2, 0.176, 59.9, 0.673),
    (3, 0.243, 57.3, 1.101),
    (1, 0.054, 95.1, -0.001),
    (1, 0.205, 84.7, 0.213),
    (1.5, 0.228, 85.7, 0.565),
    (2, 0.281, 83.6, 0.859),
    (2, 0.078, 69.2, 0.466),
    (3, 0.221, 67.5, 0.813),
    (3, 0.126, 54.4, 0.636),
]
"""Ratio, gain of the linear filter in dB, VMAF-NEG of the plain picture, and the gain in dB of a trained model."""


def point(linear_gain_db: float, vmaf_neg: float | None = 70.0) -> ProbePoint:
    return ProbePoint(Size(640, 360, Fraction(1)), 28.0, 5e5, 35.0, vmaf_neg, linear_gain_db)


def test_nothing_is_expected_of_nothing() -> None:
    gain = predicted_gain(point(-0.1), 1.0)
    assert (gain.psnr_y_db, gain.vmaf_neg) == (0, 0)


@given(st.floats(-1, 3), st.floats(1, 4), st.floats(0, 100))
def test_a_larger_ratio_or_filter_gain_never_means_less(linear_db: float, ratio: float, vmaf_neg: float) -> None:
    here = predicted_gain(point(linear_db, vmaf_neg), ratio)
    assert predicted_gain(point(linear_db, vmaf_neg), ratio + 0.5).psnr_y_db >= here.psnr_y_db >= 0
    assert predicted_gain(point(linear_db + 0.2, vmaf_neg), ratio).vmaf_neg >= here.vmaf_neg >= 0


def test_models_that_were_trained_gained_about_what_is_expected() -> None:
    parts = [
        abs(predicted_gain(point(linear, neg), ratio).psnr_y_db - gain) / (0.3 + gain)
        for ratio, linear, neg, gain in TRAINED
    ]
    assert fmean(parts) < 0.15
    assert max(parts) < 0.5


def test_without_a_vmaf_neg_the_decibels_are_still_expected() -> None:
    assert predicted_gain(point(0.2, None), 2.0).psnr_y_db == pytest.approx(predicted_gain(point(0.2), 2.0).psnr_y_db)
