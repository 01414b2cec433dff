"""Coding of trained weights: in full, or as an update of what a player has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights, decode_model, encode_model, parse_model
from player.superres.engines import open_engine
from trainer.choice.judge import RungJudge
from trainer.data.pairs import PatchSource, make_pair
from trainer.data.samples import Sample
from trainer.fitting.coding import best_coding
from trainer.fitting.fit import FitSettings, Fitter
from trainer.fitting.quantise import quantise

if TYPE_CHECKING:
    from pathlib import Path

SPEC = NetworkSpec(2, 4, 1)
SIZE = (64, 48)


@pytest.fixture(scope="module")
def shots() -> list[Sample]:
    """Edges that plain upscaling blurs, one picture for each of two segments."""
    random = np.random.default_rng(0)
    found = []
    for segment in range(2):
        high = (random.random((2 * SIZE[1] // 8, 2 * SIZE[0] // 8)) > 0.5).astype(np.uint8) * 160 + 40
        high = high.repeat(8, 0).repeat(8, 1)
        low = np.asarray(cv2.resize(high, SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        found.append(Sample(segment, True, low, high))
    return found


@pytest.fixture(scope="module")
def tuned(shots: list[Sample]) -> ModelWeights:
    pairs = [make_pair(shot, SIZE, 2) for shot in shots]
    return Fitter(SPEC).fit(PatchSource(pairs), FitSettings(150, 0, 2e-2))


@pytest.fixture
def judge(shots: list[Sample], tmp_path: Path) -> RungJudge:
    return RungJudge(shots, 2, open_engine("openvino"), tmp_path)


def coded(tuned: ModelWeights, base: ModelWeights | None, judge: RungJudge, worth: float) -> bytes:
    return best_coding(tuned, base, judge, SIZE, frozenset([0, 1]), worth)


def test_without_a_base_it_is_full(judge: RungJudge, tuned: ModelWeights) -> None:
    assert parse_model(coded(tuned, None, judge, 1e6)).base_sha256 is None


def test_little_that_changed_goes_out_as_an_update_in_fewer_bytes(judge: RungJudge, tuned: ModelWeights) -> None:
    kernels = list(tuned.kernels)
    kernels[-1] = kernels[-1] * np.float32(0.5)
    base = decode_model(encode_model(quantise(replace(tuned, kernels=tuple(kernels)))))
    data = coded(tuned, base, judge, 300.0)
    assert parse_model(data).base_sha256 is not None
    assert len(data) < len(coded(tuned, None, judge, 300.0))
    before, after = (sum(e or 0 for e in judge.errors(w, SIZE)) for w in (base, decode_model(data, base)))
    assert after < before


def test_where_a_decibel_is_worth_nothing_it_is_the_smallest_file(judge: RungJudge, tuned: ModelWeights) -> None:
    base = decode_model(encode_model(quantise(tuned)))
    assert len(coded(tuned, base, judge, 0.0)) == 11 + 8 + 3 + 2 * (4 + 4 + 4)


def test_another_input_mean_cannot_be_updated(judge: RungJudge, tuned: ModelWeights) -> None:
    base = decode_model(encode_model(quantise(tuned)))
    other = replace(tuned, input_mean=(tuned.input_mean + 1) % 256)
    assert parse_model(coded(other, base, judge, 0.0)).base_sha256 is None
