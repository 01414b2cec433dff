"""The network family CnDm in Keras 3: one file, read top to bottom.

`residual_network` is what the trainer fits; `playable_network` is what a player runs, the same convolutions between
the raw luma and the finished picture. Both are made of built-in layers and operations alone, so that a saved model
loads in plain Keras on any backend.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from manifests.weights import ModelWeights, NetworkSpec
from media.upscale import LOBES, phase_kernels


def residual_network(spec: NetworkSpec) -> keras.Model:
    """The convolutions, from a normalised luma (h, w, 1) to the residual in depth (h, w, scale²), normalised."""
    x = inputs = keras.Input((None, None, 1), name="luma")
    last = len(spec.layers) - 1
    for index, (_, channels_out) in enumerate(spec.layers):
        x = layers.Conv2D(channels_out, 3, padding="same", name=f"conv{index}")(x)
        if index != last:
            x = _AnnealedReLU(name=f"relu{index}")(x)
    return keras.Model(inputs, x, name=spec.name)


def set_leak(model: keras.Model, slope: float) -> None:
    """Slope of a residual network's activations below zero. Training lowers it to 0: a network that is a ReLU network
    from the start dies silently at the learning rate used.
    """
    for layer in model.layers:
        if isinstance(layer, _AnnealedReLU):
            layer.slope.assign(slope)


class _AnnealedReLU(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """max(x, slope·x) with a slope that changes between steps without a new trace. Training only; never saved."""

    def build(self, input_shape: Any) -> None:
        # A weight of the layer: what JAX compiles sees the value of the day in tracked variables alone.
        self.slope = self.add_weight(shape=(), initializer="zeros", trainable=False, name="slope")

    def call(self, x: Any) -> Any:
        return ops.maximum(x, self.slope * x)


def playable_network(
    weights: ModelWeights, *, height: int | None = None, width: int | None = None, dtype: str = "float32"
) -> keras.Model:
    """8-bit luma (batch, h, w, 1) to 8-bit luma (batch, h·scale, w·scale, 1), with the weights given.

    Built for one size where `height` and `width` are given (faster), for any otherwise. `dtype` is that of the
    convolutions (`float32` or `mixed_float16`); the base upsample is exact in either.
    """
    spec = weights.spec
    inputs = keras.Input((height, width, 1), dtype="uint8", name="luma")
    luma = ops.cast(inputs, "float32")
    x = layers.Rescaling(1.0, offset=-float(weights.input_mean), name="subtract_mean")(luma)
    last = len(spec.layers) - 1
    for index, (_, channels_out) in enumerate(spec.layers):
        activation = None if index == last else "relu"
        x = layers.Conv2D(channels_out, 3, padding="same", activation=activation, dtype=dtype, name=f"conv{index}")(x)
    exact = layers.Add(name="add_base", dtype="float32")([ops.cast(x, "float32"), _base_upsample(luma, spec.scale)])
    rounded = ops.floor(ops.clip(exact + 0.5, 0.0, 255.0))
    outputs = ops.cast(_depth_to_space(rounded, spec.scale), "uint8")
    model = keras.Model(inputs, outputs, name=spec.name)
    model.get_layer("base_upsample").set_weights([phase_kernels(spec.scale)])
    one_hot = np.eye(spec.scale**2, dtype=np.float32).reshape(spec.scale, spec.scale, 1, spec.scale**2)
    model.get_layer("depth_to_space").set_weights([one_hot])
    load_weights(model, weights)
    return model


def load_weights(model: keras.Model, weights: ModelWeights) -> None:
    """Put other weights of the same spec and input mean into a playable network: nothing is built or traced again."""
    for index, (kernel, bias) in enumerate(zip(weights.kernels, weights.biases, strict=True)):
        model.get_layer(f"conv{index}").set_weights([kernel, bias])


def _base_upsample(luma: Any, scale: int) -> Any:
    """The plain upscale of `luma` in depth, before rounding: (batch, h, w, scale²), float32."""
    padded = _replicate_edges(_replicate_edges(luma, axis=1), axis=2)
    return layers.Conv2D(
        scale**2,
        2 * LOBES + 1,
        use_bias=False,
        trainable=False,
        dtype="float32",
        name="base_upsample",
    )(padded)


def _replicate_edges(x: Any, axis: int) -> Any:
    first = x[:, :1] if axis == 1 else x[:, :, :1]
    final = x[:, -1:] if axis == 1 else x[:, :, -1:]
    return ops.concatenate([first] * LOBES + [x] + [final] * LOBES, axis=axis)


def _depth_to_space(x: Any, scale: int) -> Any:
    """As a transposed convolution with a one-hot kernel: the one built-in layer that does it for any frame size."""
    return layers.Conv2DTranspose(
        1,
        scale,
        strides=scale,
        use_bias=False,
        trainable=False,
        dtype="float32",
        name="depth_to_space",
    )(x)
