"""Networks in Keras 3, built from their operations (`manifests.networks`): one file, read top to bottom.

The trainer fits `residual_network`; players run `playable_network`, the same convolutions between the raw luma and the
finished picture. Both consist of built-in layers and operations only, so that a saved model loads in plain Keras on any
backend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from manifests.networks import Add, AddBase, Conv, NetworkSpec
from manifests.weights import ModelWeights
from media.resize import LOBES, phase_kernels


def residual_network(spec: NetworkSpec) -> keras.Model:
    """The convolutions, from luma in depth (h/f, w/f, f²) to the residual in depth (h/f, w/f, (f·scale)²), both
    normalised.
    """
    inputs = keras.Input((None, None, spec.fold**2), name="luma")

    def convolve(x: Any, layer: int, step: Conv) -> Any:
        x = layers.Conv2D(step.outputs, 3, padding="same", name=f"conv{layer}")(x)
        return _AnnealedReLU(name=f"relu{layer}")(x) if step.relu else x

    return keras.Model(inputs, _residual(spec, inputs, convolve), name=spec.name)


def _residual(spec: NetworkSpec, centred: Any, convolve: Callable[[Any, int, Conv], Any]) -> Any:
    """Interprets the operations between the fold and the base; `centred` is the folded luma less the input mean."""
    x, layer = centred, 0
    results: list[Any] = []
    for step in spec.operations:
        match step:
            case Conv():
                x, layer = convolve(x, layer, step), layer + 1
            case Add(operation):
                x = layers.Add()([x, results[operation]])
            case AddBase():
                break
        results.append(x)
    return x


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

    Built for one size where `height` and `width` are given (faster), for any otherwise; then sides that the fold does
    not divide stay continued to whole folds. `dtype` is that of the convolutions (`float32` or `mixed_float16`); the
    base upsample is exact in either.
    """
    spec = weights.spec
    inputs = keras.Input((height, width, 1), dtype="uint8", name="luma")
    luma = ops.cast(inputs, "float32")
    folded = _folded(luma, spec.fold)
    centred = layers.Rescaling(1.0, offset=-float(weights.input_mean), name="subtract_mean")(folded)

    def convolve(x: Any, layer: int, step: Conv) -> Any:
        activation = "relu" if step.relu else None
        name = f"conv{layer}"
        return layers.Conv2D(step.outputs, 3, padding="same", activation=activation, dtype=dtype, name=name)(x)

    x = _residual(spec, centred, convolve)
    base = folded if spec.scale == 1 else _base_upsample(luma, spec)
    exact = layers.Add(name="add_base", dtype="float32")([ops.cast(x, "float32"), base])
    rounded = ops.floor(ops.clip(exact + 0.5, 0.0, 255.0))
    picture = _depth_to_space(rounded, spec.fold * spec.scale)
    if height is not None and width is not None:
        picture = picture[:, : height * spec.scale, : width * spec.scale]
    model = keras.Model(inputs, ops.cast(picture, "uint8"), name=spec.name)
    _set_constants(model, spec)
    load_weights(model, weights)
    return model


def _set_constants(model: keras.Model, spec: NetworkSpec) -> None:
    block = spec.fold * spec.scale
    model.get_layer("depth_to_space").set_weights([_one_hot(block)])
    if spec.fold > 1:
        model.get_layer("space_to_depth").set_weights([_one_hot(spec.fold)])
    if spec.scale > 1:
        model.get_layer("base_upsample").set_weights([phase_kernels(spec.scale, spec.fold)])


def _one_hot(block: int) -> NDArray[np.float32]:
    """(block, block, 1, block²): the pixel at (row, column) is channel row·block + column."""
    return np.eye(block**2, dtype=np.float32).reshape(block, block, 1, block**2)


def load_weights(model: keras.Model, weights: ModelWeights) -> None:
    """Put other weights of the same spec and input mean into a playable network: nothing is built or traced again."""
    for index, (kernel, bias) in enumerate(zip(weights.kernels, weights.biases, strict=True)):
        model.get_layer(f"conv{index}").set_weights([kernel, bias])


def _folded(luma: Any, fold: int) -> Any:
    """Space to depth: (batch, h, w, 1) to (batch, ⌈h/f⌉, ⌈w/f⌉, f²), continued by edge pixels to whole folds."""
    if fold == 1:
        return luma
    # fold - 1 more pixels than there may be need of: the convolution takes whole strides alone.
    padded = _continued(luma, 0, fold - 1)
    return _constant_convolution(fold**2, fold, fold, "space_to_depth")(padded)


def _base_upsample(luma: Any, spec: NetworkSpec) -> Any:
    """The plain resize of `luma` in depth, before rounding: (batch, ⌈h/f⌉, ⌈w/f⌉, (f·scale)²), float32."""
    padded = _continued(luma, LOBES, LOBES + spec.fold - 1)
    channels = (spec.fold * spec.scale) ** 2
    return _constant_convolution(channels, 2 * LOBES + spec.fold, spec.fold, "base_upsample")(padded)


def _constant_convolution(channels: int, side: int, stride: int, name: str) -> Any:
    """Its kernel is set once the model is made."""
    return layers.Conv2D(channels, side, strides=stride, use_bias=False, trainable=False, dtype="float32", name=name)


def _continued(x: Any, before: int, after: int) -> Any:
    """Returns `x` with more edge pixels: `before` above and to the left, `after` below and to the right."""
    for axis in (1, 2):
        first = x[:, :1] if axis == 1 else x[:, :, :1]
        final = x[:, -1:] if axis == 1 else x[:, :, -1:]
        x = ops.concatenate([first] * before + [x] + [final] * after, axis=axis)
    return x


def _depth_to_space(x: Any, scale: int) -> Any:
    """Returns depth to space as a transposed convolution with a one-hot kernel, the only built-in layer for any frame
    size."""
    return layers.Conv2DTranspose(
        1,
        scale,
        strides=scale,
        use_bias=False,
        trainable=False,
        dtype="float32",
        name="depth_to_space",
    )(x)
