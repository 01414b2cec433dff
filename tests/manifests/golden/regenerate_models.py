"""Writes the golden model files: `python tests/manifests/golden/regenerate_models.py`. Only when the format changes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3]))

from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights, decode_model, encode_model
from tests.support.models import random_model
from tests.support.paths import GOLDEN


def write(name: str, data: bytes, base: ModelWeights | None = None) -> ModelWeights:
    weights = decode_model(data, base)
    arrays = {f"kernel{i}": kernel for i, kernel in enumerate(weights.kernels)}
    arrays |= {f"bias{i}": bias for i, bias in enumerate(weights.biases)}
    (GOLDEN / f"{name}.ndm").write_bytes(data)
    np.savez_compressed(GOLDEN / f"{name}.npz", input_mean=np.int64(weights.input_mean), **arrays)
    return weights


if __name__ == "__main__":
    full = write("c8d2-x2-full", encode_model(random_model(NetworkSpec(2, 8, 2), seed=11)))
    write("c8d2-x2-update", encode_model(random_model(NetworkSpec(2, 8, 2), seed=12, bits=3, base=full.sha256)), full)
    write("c4d0-x3-full", encode_model(random_model(NetworkSpec(3, 4, 0), seed=13)))
    write("c4d1f2-x1-full", encode_model(random_model(NetworkSpec(1, 4, 1, fold=2), seed=14)))
    write("c2d0f4-x2-full", encode_model(random_model(NetworkSpec(2, 2, 0, fold=4), seed=15)))
