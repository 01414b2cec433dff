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
