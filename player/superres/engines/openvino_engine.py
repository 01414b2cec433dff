"""The CPU engine: the network as an OpenVINO graph, built by hand from its operations, so without TensorFlow.

Upscale, addition, rounding and the cast to 8 bits are in the graph: frames go in and out as bytes.
"""

# ruff: noqa: E402  # what must not be imported is ruled out first

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# By this package openvino tells a statistics service of every start, and leaves files in the user's home. Nobody was
# asked, so it is kept out; openvino then takes a stub of its own.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov
from openvino import opset13 as ops

from manifests.networks import Add, AddBase, Conv, Fold, Shuffle
from manifests.weights import ModelWeights
from media.resize import LOBES, phase_kernels

Plane = NDArray[np.uint8]

_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    # Processors with bfloat16 would use it by default: 8 bits of mantissa, and the plain resize needs 24.
    "INFERENCE_PRECISION_HINT": "f32",
}
_SQUARE = 2
"""Side of the squares of pixels that the last layer of a network without a fold makes at once."""


class OpenVinoEngine:
    """Compiles a graph per model and frame size in about 50 ms, off the frame path."""

    def __init__(self) -> None:
        self.name = "openvino"
        self._core = ov.Core()

    def upscaler(self, weights: ModelWeights, width: int, height: int) -> OpenVinoUpscaler:
        compiled = self._core.compile_model(_graph(weights, width, height), "CPU", _SETTINGS)
        return OpenVinoUpscaler(weights, compiled)


class OpenVinoUpscaler:
    """One compiled graph and its request."""

    def __init__(self, weights: ModelWeights, compiled: Any) -> None:
        self.name = weights.spec.name
        self.scale = weights.spec.scale
        self._request = compiled.create_infer_request()

    def upscale(self, frames: Sequence[Plane]) -> Plane:
        (luma,) = frames
        self._request.infer([np.ascontiguousarray(luma)[None, None]], share_inputs=True)
        result: Plane = self._request.get_output_tensor().data[0, 0].copy()
        return result


def _graph(weights: ModelWeights, width: int, height: int) -> Any:
    """uint8 (1, 1, h, w) to uint8 (1, 1, h·scale, w·scale)."""
    spec = weights.spec
    # The last layer of a network without a fold has few output channels, and most of a vector register would lie idle:
    # it makes squares of pixels at once, as one convolution that moves on by a square.
    square = _SQUARE if spec.fold == 1 else 1
    source = ops.parameter([1, 1, height, width], np.uint8, name="luma")
    whole = _continued(source, 0, -width % spec.fold, -height % spec.fold)
    layer = iter(zip(weights.kernels, weights.biases, strict=True))
    x = folded = None
    results: list[Any] = []
    for step, following in zip(spec.operations, (*spec.operations[1:], None), strict=True):
        match step:
            case Fold(factor):
                # Bytes are moved, not floats: the cast comes after the shuffle here, and before it at the end.
                blocks = ops.space_to_depth(whole, "blocks_first", factor) if factor > 1 else whole
                folded = ops.convert(blocks, "f32")
                x = ops.subtract(folded, np.float32(weights.input_mean))
            case Conv(relu=relu):
                kernel, bias = next(layer)
                if isinstance(following, AddBase):
                    x = _last_convolution(x, kernel, bias, square, spec.fold * spec.scale, (width, height))
                else:
                    x = _convolution(x, kernel, stride=1, before=1, after=(1, 1))
                    x = ops.add(x, bias.reshape(1, -1, 1, 1))
                x = ops.relu(x) if relu else x
            case Add(operation):
                x = ops.add(x, results[operation])
            case AddBase():
                base = folded if spec.scale == 1 else _base_upsample(whole, spec.scale, spec.fold * square)
                x = ops.clamp(ops.floor(ops.add(ops.add(x, base), np.float32(0.5))), 0.0, 255.0)
            case Shuffle(factor):
                x = ops.depth_to_space(ops.convert(x, "u8"), "blocks_first", factor * square)
        results.append(x)
    cut = _cut(x, width * spec.scale, height * spec.scale)
    return ov.Model([cut], [source], spec.name)


def _last_convolution(
    x: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32], square: int, side: int, size: tuple[int, int]
) -> Any:
    """Returns the convolution whose output is added to the base, for `square` x `square` positions at once."""
    width, height = size
    whole_squares = (1 + -height % square, 1 + -width % square)
    x = _convolution(x, _of_squares(kernel, square, side), stride=square, before=1, after=whole_squares)
    return ops.add(x, np.tile(bias.reshape(side, side), (square, square)).reshape(1, -1, 1, 1))


def _of_squares(kernel: NDArray[np.float32], square: int, side: int) -> NDArray[np.float32]:
    """The same convolution for `square` x `square` positions at once, to be run with that stride.

    (3, 3, channels in, side²) to (2 + square, 2 + square, channels in, (square·side)²), each output's pixels in row
    order.
    """
    channels_in = kernel.shape[2]
    taps = np.zeros((2 + square, 2 + square, channels_in, square, side, square, side), np.float32)
    for down in range(square):
        for right in range(square):
            taps[down : down + 3, right : right + 3, :, down, :, right, :] = kernel.reshape(
                3, 3, channels_in, side, side
            )
    return taps.reshape(2 + square, 2 + square, channels_in, (square * side) ** 2)


def _base_upsample(picture: Any, scale: int, stride: int) -> Any:
    """The plain resize in depth, before rounding, for `stride` x `stride` pixels at each position."""
    rows, columns = (int(side) for side in picture.get_output_shape(0)[2:])
    luma = ops.convert(_continued(picture, LOBES, LOBES + -columns % stride, LOBES + -rows % stride), "f32")
    return _convolution(luma, phase_kernels(scale, stride), stride=stride, before=0, after=(0, 0))


def _continued(picture: Any, before: int, right: int, below: int) -> Any:
    """Returns the picture with more edge pixels, `before` of them above and to the left."""
    if before == right == below == 0:
        return picture
    return ops.pad(picture, np.array([0, 0, before, before]), np.array([0, 0, below, right]), "edge")


def _cut(picture: Any, width: int, height: int) -> Any:
    if list(picture.get_output_shape(0)) == [1, 1, height, width]:
        return picture
    return ops.slice(picture, np.array([0, 0]), np.array([height, width]), np.array([1, 1]), np.array([2, 3]))


def _convolution(x: Any, kernel: NDArray[np.float32], stride: int, before: int, after: tuple[int, int]) -> Any:
    """`kernel` is (rows, columns, in, out), as Keras has it; zeros continue `x`: (rows, columns) of them `after` it."""
    weights = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)
    return ops.convolution(x, weights, [stride, stride], [before, before], list(after), [1, 1])
