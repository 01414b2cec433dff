"""The keras engine: any Keras 3 backend (TensorFlow, JAX, torch), the one that drives a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import keras
import numpy as np
from numpy.typing import NDArray

from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights
from player.superres.network import load_weights, playable_network

Plane = NDArray[np.uint8]
_Key = tuple[NetworkSpec, int, int, int]


class KerasEngine:
    """One compiled network per (spec, input mean, frame size); weights are swapped into it, never traced again."""

    def __init__(self) -> None:
        self.name = f"keras/{keras.backend.backend()}"
        self._dtype = "mixed_float16" if _has_gpu() else "float32"
        self._networks: dict[_Key, _SharedNetwork] = {}
        self._lock = Lock()

    def upscaler(self, weights: ModelWeights, width: int, height: int) -> KerasUpscaler:
        key = (weights.spec, weights.input_mean, width, height)
        with self._lock:
            if key not in self._networks:
                self._networks[key] = _SharedNetwork(weights, width, height, self._dtype)
        return KerasUpscaler(self._networks[key], weights)


class KerasUpscaler:
    """Weights for a network that other upscalers share."""

    def __init__(self, network: _SharedNetwork, weights: ModelWeights) -> None:
        self.name = weights.spec.name
        self.scale = weights.spec.scale
        self._network = network
        self._weights = weights

    def upscale(self, frames: Sequence[Plane]) -> Plane:
        (luma,) = frames
        return self._network.run(luma, self._weights)


class _SharedNetwork:
    def __init__(self, weights: ModelWeights, width: int, height: int, dtype: str) -> None:
        self._model = playable_network(weights, height=height, width=width, dtype=dtype)
        self._model.compile(jit_compile="auto")
        self._loaded = weights
        self._lock = Lock()
        self.run(np.zeros((height, width), np.uint8), weights)  # traces and compiles now

    def run(self, luma: Plane, weights: ModelWeights) -> Plane:
        with self._lock:
            if weights is not self._loaded:
                load_weights(self._model, weights)
                self._loaded = weights
            result = self._model.predict_on_batch(luma[None, :, :, None])
        return np.ascontiguousarray(result[0, :, :, 0])


def _has_gpu() -> bool:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        return bool(tensorflow.config.list_physical_devices("GPU"))
    if backend == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.devices())
    import torch

    return bool(torch.cuda.is_available())
