"""The model format `.ndm`: weights as data, for networks by name. Specified in docs/bundle.md, section "Model files".

Nothing here runs a network, and nothing in a file can: a file holds numbers for a network that the reader already
knows by name. Every length follows from the fixed header, and is compared with the length of the file before memory
is taken.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from manifests.errors import MalformedModelError, UnknownNetworkError
from manifests.networks import FAMILIES, NetworkSpec

FORMAT = "ndm/1"
MAX_MODEL_BYTES = 4 << 20
"""No file is larger: the largest network allowed (width 128, depth 16) takes 2.7 MB at 8 bits a weight."""

_MAGIC = b"NDM1"
_HEADER = struct.Struct("<4sBBBBBBB")  # magic, flags, family, scale, width, depth, base upsample, input mean
_FLAG_UPDATE = 1
_BASE_LANCZOS4 = 1
_BASE_HASH_BYTES = 8
_MAX_ABS_WEIGHT = 1e4
"""Far above any trained weight; keeps every sum of a network finite in float32."""

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ModelWeights:
    """Weights as a network computes with them. Compared by `sha256`, which is that of the file they came from."""

    spec: NetworkSpec
    input_mean: int
    """Subtracted from the 8-bit luma before the first convolution pads with zeros, 0 to 255."""
    kernels: tuple[Array, ...]
    """Kernel of each layer, float32 (3, 3, channels in, channels out); input and output are in levels of 0 to 255."""
    biases: tuple[Array, ...]
    """Bias of each layer, float32 (channels out,)."""
    sha256: str = ""


@dataclass(frozen=True, eq=False)
class CodedLayer:
    """One layer as a file stores it: kernel = codes x scales (per output channel), added to the base in an update."""

    bits: int
    """Bits a weight, 2 to 8; 0 leaves the kernel out (zero in a full set, unchanged in an update)."""
    codes: NDArray[np.int8]
    """(3, 3, channels in, channels out), -2^(bits-1) to 2^(bits-1)-1; all zero where bits is 0."""
    scales: NDArray[np.float16]
    """(channels out,), 0 or more; all zero where bits is 0."""
    biases: NDArray[np.float16]
    """(channels out,)."""

    def kernel(self) -> Array:
        return np.asarray(self.codes.astype(np.float32) * self.scales.astype(np.float32), np.float32)


@dataclass(frozen=True, eq=False)
class CodedModel:
    """The content of one `.ndm` file, full or update."""

    spec: NetworkSpec
    input_mean: int
    layers: tuple[CodedLayer, ...]
    base_sha256: str | None = None
    """SHA-256 of the file that an update is added to (a parsed file has its first 8 bytes only); None for full
    weights."""
    sha256: str = field(default="", compare=False)


def encode_model(model: CodedModel) -> bytes:
    """The file's bytes. Raises ValueError where an array does not fit the network or the bits."""
    flags = 0 if model.base_sha256 is None else _FLAG_UPDATE
    spec = model.spec
    parts = [
        _HEADER.pack(_MAGIC, flags, spec.family, spec.scale, spec.width, spec.depth, _BASE_LANCZOS4, model.input_mean)
    ]
    if model.base_sha256 is not None:
        parts.append(bytes.fromhex(model.base_sha256)[:_BASE_HASH_BYTES])
    parts.append(bytes(layer.bits for layer in model.layers))
    for shape, layer in zip(spec.layers, model.layers, strict=True):
        parts.append(_encode_layer(layer, *shape))
    return b"".join(parts)


def full_model_bytes(spec: NetworkSpec, bits: int) -> int:
    """Returns the size of a file with a full set of weights at `bits` a weight; an update takes 8 bytes more."""
    return _HEADER.size + len(spec.layers) + sum(_layer_bytes(bits, *shape) for shape in spec.layers)


def parse_model(data: bytes) -> CodedModel:
    """Read a file without its base. Raises MalformedModelError, UnknownNetworkError."""
    reader = _Reader(data)
    magic, flags, family, scale, width, depth, base_upsample, input_mean = _HEADER.unpack(reader.take(_HEADER.size))
    if magic != _MAGIC:
        raise MalformedModelError("not a neudash model: the file does not start with NDM1")
    if family not in FAMILIES or base_upsample != _BASE_LANCZOS4 or flags & ~_FLAG_UPDATE:
        raise UnknownNetworkError(
            f"model file of family {family}, base upsample {base_upsample}, flags {flags}: made by a newer version"
        )
    spec = NetworkSpec(scale, width, depth, *FAMILIES[family])
    base = reader.take(_BASE_HASH_BYTES).hex() if flags & _FLAG_UPDATE else None
    bits_of_layers = reader.take(len(spec.layers))
    expected = sum(_layer_bytes(bits, *shape) for bits, shape in zip(bits_of_layers, spec.layers, strict=True))
    if reader.left != expected:
        raise MalformedModelError(f"{spec.name} needs {expected} bytes of weights, the file has {reader.left}")
    layers = tuple(_parse_layer(reader, bits, *shape) for bits, shape in zip(bits_of_layers, spec.layers, strict=True))
    return CodedModel(spec, input_mean, layers, base, hashlib.sha256(data).hexdigest())


def decode_model(data: bytes, base: ModelWeights | None = None) -> ModelWeights:
    """Returns weights ready to run, from the bytes of a file and, for an update, the weights that it is added to.

    Raises MalformedModelError (not a model, an update without its base, weights out of bounds) and UnknownNetworkError.
    """
    model = parse_model(data)
    kernels = [layer.kernel() for layer in model.layers]
    biases = [layer.biases.astype(np.float32) for layer in model.layers]
    if model.base_sha256 is not None:
        _check_base(model, base)
        assert base is not None, "checked just above"
        kernels = [old + new for old, new in zip(base.kernels, kernels, strict=True)]
        biases = [old + new for old, new in zip(base.biases, biases, strict=True)]
    for array in (*kernels, *biases):
        if not np.all(np.abs(array) <= _MAX_ABS_WEIGHT):  # written so that NaN fails too
            raise MalformedModelError("model file with a weight that is not finite, or absurdly large")
    return ModelWeights(model.spec, model.input_mean, tuple(kernels), tuple(biases), model.sha256)


def _check_base(model: CodedModel, base: ModelWeights | None) -> None:
    if base is None:
        raise MalformedModelError("the model file is an update; it cannot be used without the model it updates")
    if base.spec != model.spec or base.input_mean != model.input_mean:
        raise MalformedModelError("the model file updates a network of another kind")
    assert model.base_sha256 is not None, "asked of an update"
    if not base.sha256.startswith(model.base_sha256[: 2 * _BASE_HASH_BYTES]):
        raise MalformedModelError("the model file updates another model than the manifest says")


class _Reader:
    """Bytes taken from the front, never past the end."""

    def __init__(self, data: bytes) -> None:
        if len(data) > MAX_MODEL_BYTES:
            raise MalformedModelError(f"model file of {len(data)} bytes; the most is {MAX_MODEL_BYTES}")
        self._data = memoryview(data)
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise MalformedModelError(f"model file ends after {len(self._data)} bytes, in the middle of a field")
        self._at += count
        return bytes(self._data[self._at - count : self._at])


def _layer_bytes(bits: int, channels_in: int, channels_out: int) -> int:
    if bits == 0:
        return 2 * channels_out
    if not 2 <= bits <= 8:
        raise MalformedModelError(f"model file with {bits} bits a weight; 0 or 2 to 8 are allowed")
    return 4 * channels_out + (9 * channels_in * channels_out * bits + 7) // 8


def _encode_layer(layer: CodedLayer, channels_in: int, channels_out: int) -> bytes:
    if layer.codes.shape != (3, 3, channels_in, channels_out) or layer.biases.shape != (channels_out,):
        raise ValueError(f"codes of shape {layer.codes.shape} do not fit a layer {channels_in}→{channels_out}")
    biases = layer.biases.astype("<f2").tobytes()
    if layer.bits == 0:
        return biases
    limit = 1 << (layer.bits - 1)
    if np.min(layer.codes) < -limit or np.max(layer.codes) >= limit:
        raise ValueError(f"codes from {np.min(layer.codes)} to {np.max(layer.codes)} do not fit in {layer.bits} bits")
    # Output channel outermost: the weights that share a scale lie together.
    offset = (layer.codes.transpose(3, 0, 1, 2).ravel().astype(np.int16) + limit).astype(np.uint8)
    bits = np.unpackbits(offset[:, None], axis=1)[:, 8 - layer.bits :]
    return layer.scales.astype("<f2").tobytes() + biases + np.packbits(bits).tobytes()


def _parse_layer(reader: _Reader, bits: int, channels_in: int, channels_out: int) -> CodedLayer:
    shape = (channels_out, 3, 3, channels_in)
    if bits == 0:
        biases = np.frombuffer(reader.take(2 * channels_out), "<f2").astype(np.float16)
        return CodedLayer(0, np.zeros((3, 3, channels_in, channels_out), np.int8), np.zeros_like(biases), biases)
    scales = np.frombuffer(reader.take(2 * channels_out), "<f2").astype(np.float16)
    biases = np.frombuffer(reader.take(2 * channels_out), "<f2").astype(np.float16)
    if not np.all(scales >= 0):  # written so that NaN fails too
        raise MalformedModelError("model file with a negative or undefined scale")
    count = 9 * channels_in * channels_out
    packed = np.frombuffer(reader.take((count * bits + 7) // 8), np.uint8)
    spread = np.unpackbits(packed)
    if spread[count * bits :].any():
        raise MalformedModelError("model file with padding bits that are not zero")
    values = spread[: count * bits].reshape(count, bits)
    padded = np.zeros((count, 8), np.uint8)
    padded[:, 8 - bits :] = values
    codes = (np.packbits(padded, axis=1).ravel().astype(np.int16) - (1 << (bits - 1))).astype(np.int8)
    return CodedLayer(bits, np.ascontiguousarray(codes.reshape(shape).transpose(1, 2, 3, 0)), scales, biases)
