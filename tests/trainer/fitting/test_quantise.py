"""Weights to few bits and back."""

from __future__ import annotations

import numpy as np
import pytest

from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights, decode_model, encode_model
from trainer.fitting.quantise import quantise, quantise_update

SPEC = NetworkSpec(2, 8, 1)


def trained(seed: int) -> ModelWeights:
    random = np.random.default_rng(seed)
    kernels = [random.normal(0, 0.2, (3, 3, i, o)).astype(np.float32) for i, o in SPEC.layers]
    biases = [random.normal(0, 0.5, o).astype(np.float32) for _, o in SPEC.layers]
    return ModelWeights(SPEC, 90, tuple(kernels), tuple(biases))


def error(first: ModelWeights, second: ModelWeights) -> float:
    return sum(float(np.square(a - b).sum()) for a, b in zip(first.kernels, second.kernels, strict=True))


def test_more_bits_are_nearer_to_the_weights() -> None:
    weights = trained(0)
    errors = [error(weights, decode_model(encode_model(quantise(weights, bits)))) for bits in (2, 3, 4, 6, 8)]
    assert errors == sorted(errors, reverse=True)
    energy = sum(float(np.square(k).sum()) for k in weights.kernels)
    assert errors[3] < 0.001 * energy, "six bits keep more than 30 dB of the weights"


def test_the_scale_found_beats_the_one_that_fits_the_largest_weight() -> None:
    """One outlier among many small weights: clipping it a little is the lesser error."""
    kernel = np.random.default_rng(1).normal(0, 0.05, (3, 3, 8, 8)).astype(np.float32)
    kernel[0, 0, 0] = 0.5
    weights = trained(0)
    weights = ModelWeights(SPEC, 0, (weights.kernels[0], kernel, weights.kernels[2]), weights.biases)
    found = decode_model(encode_model(quantise(weights, 4))).kernels[1]
    step = np.abs(kernel).max(axis=(0, 1, 2)) / 7
    naive = np.round(kernel / step) * step
    assert np.square(found - kernel).sum() < np.square(naive - kernel).sum()


def test_a_channel_of_zeros_stays_zero() -> None:
    weights = trained(0)
    kernels = [k.copy() for k in weights.kernels]
    kernels[1][..., 3] = 0
    zeroed = ModelWeights(SPEC, 90, tuple(kernels), weights.biases)
    assert (decode_model(encode_model(quantise(zeroed))).kernels[1][..., 3] == 0).all()


@pytest.mark.parametrize("bits", [(2, 2, 2), (0, 0, 4), (0, 0, 0), (8, 8, 8)])
def test_an_update_brings_the_base_nearer_to_the_tuned_weights(bits: tuple[int, ...]) -> None:
    base = decode_model(encode_model(quantise(trained(0))))
    kernels = tuple(k + np.float32(0.03) * np.sign(o) for k, o in zip(base.kernels, trained(5).kernels, strict=True))
    tuned = ModelWeights(SPEC, base.input_mean, kernels, tuple(b + np.float32(0.25) for b in base.biases))
    data = encode_model(quantise_update(tuned, base, bits))
    updated = decode_model(data, base)
    for old, new in zip(base.biases, updated.biases, strict=True):
        np.testing.assert_allclose(new, old + 0.25, atol=0.001)
    assert error(updated, tuned) <= error(base, tuned)
    assert len(data) < len(encode_model(quantise(tuned, 8))) + 10
    if any(bits):
        assert error(updated, tuned) < error(base, tuned)
