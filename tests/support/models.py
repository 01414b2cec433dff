"""Makes model files of random weights for tests."""

from __future__ import annotations

import hashlib

import numpy as np

from manifests.networks import NetworkSpec
from manifests.weights import CodedLayer, CodedModel, encode_model

SPEC = NetworkSpec(scale=2, width=4, depth=1)


def coded_model(seed: int, spec: NetworkSpec = SPEC, base: bytes | None = None) -> bytes:
    """Returns a model file of small random weights, which change a picture visibly but not wildly.

    With `base`, another model file, it is an update to that.
    """
    random = np.random.default_rng(seed)
    layers = tuple(
        CodedLayer(
            6,
            random.integers(-32, 32, (3, 3, cin, cout)).astype(np.int8),
            np.full(cout, 0.002, np.float16),
            random.normal(0, 0.5, cout).astype(np.float16),
        )
        for cin, cout in spec.layers
    )
    return encode_model(CodedModel(spec, 110, layers, None if base is None else hashlib.sha256(base).hexdigest()))


def random_model(spec: NetworkSpec, seed: int = 0, bits: int = 6, base: str | None = None) -> CodedModel:
    """Returns a model of random codes, the same for the same arguments; `base` is the SHA-256 of what it updates."""
    random = np.random.default_rng(seed)
    limit = 1 << (bits - 1) if bits else 0
    layers = []
    for channels_in, channels_out in spec.layers:
        shape = (3, 3, channels_in, channels_out)
        codes = random.integers(-limit, limit, shape) if bits else np.zeros(shape)
        scales = random.uniform(0.001, 0.02, channels_out) if bits else np.zeros(channels_out)
        biases = random.normal(size=channels_out)
        layers.append(CodedLayer(bits, codes.astype(np.int8), scales.astype(np.float16), biases.astype(np.float16)))
    return CodedModel(spec, 117, tuple(layers), base)
