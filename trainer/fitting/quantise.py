"""Quantisation of trained weights to the few bits that are sent: an integer per weight, a scale per output channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manifests.weights import CodedLayer, CodedModel, ModelWeights
from trainer.choice.networks import FULL_BITS

_SHRINKS = np.linspace(0.5, 1.0, 26)
"""Fractions of the scale that would fit the largest weight: clipping a few pays when the rest get finer steps."""


def quantise(weights: ModelWeights, bits: int = FULL_BITS) -> CodedModel:
    """A full set of weights at `bits` a weight, 2 to 8."""
    layers = [_coded_layer(k, b, bits) for k, b in zip(weights.kernels, weights.biases, strict=True)]
    return CodedModel(weights.spec, weights.input_mean, tuple(layers))


def quantise_update(tuned: ModelWeights, base: ModelWeights, bits: tuple[int, ...]) -> CodedModel:
    """Returns the update that turns `base`, as decoded, into `tuned`, at `bits` a weight for each layer (0: biases
    only)."""
    layers = []
    for index, layer_bits in enumerate(bits):
        kernel = tuned.kernels[index] - base.kernels[index]
        layers.append(_coded_layer(kernel, tuned.biases[index] - base.biases[index], layer_bits))
    return CodedModel(base.spec, base.input_mean, tuple(layers), base.sha256)


def _coded_layer(kernel: NDArray[np.float32], bias: NDArray[np.float32], bits: int) -> CodedLayer:
    if bits == 0:
        codes, scales = np.zeros(kernel.shape, np.int8), np.zeros(kernel.shape[-1], np.float16)
    else:
        codes, scales = _best_codes(kernel, bits)
    return CodedLayer(bits, codes, scales, bias.astype(np.float16))


def _best_codes(kernel: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Codes and scales with the least squared error per output channel."""
    limit = (1 << (bits - 1)) - 1
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    best_error = np.full(largest.shape, np.inf)
    best_scales = np.zeros(largest.shape, np.float16)
    for shrink in _SHRINKS:
        scales = (shrink * largest / limit).astype(np.float16)
        error = np.square(kernel - _codes(kernel, scales, limit) * scales.astype(np.float32)).sum(axis=(0, 1, 2))
        better = error < best_error
        best_error[better], best_scales[better] = error[better], scales[better]
    return _codes(kernel, best_scales, limit).astype(np.int8), best_scales


def _codes(kernel: NDArray[np.float32], scales: NDArray[np.float16], limit: int) -> NDArray[np.float32]:
    divisor = np.where(scales > 0, scales.astype(np.float32), 1)
    codes: NDArray[np.float32] = np.where(scales > 0, np.clip(np.round(kernel / divisor), -limit - 1, limit), 0)
    return codes
