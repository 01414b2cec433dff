"""Each renderer of the browser computes the pixels that the Python player does, and those of onnxruntime."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from manifests.networks import NetworkSpec
from manifests.weights import CodedLayer, CodedModel, decode_model, encode_model
from media.frames import Frame
from media.resize import resize
from neudash.export import onnx_model
from player.superres.engines import open_engine
from player.superres.frames import enhance_frame
from tests.e2e.watching import to_base64

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@cache
def trained_like(spec: NetworkSpec, seed: int = 7) -> bytes:
    """A model file with weights as training leaves them: He's in the hidden layers, a residual of some levels."""
    rng = np.random.default_rng(seed)
    layers = []
    for index, (inputs, outputs) in enumerate(spec.layers):
        last = index == len(spec.layers) - 1
        spread = np.sqrt(2 / (9 * inputs)) * (0.12 if last else 1.0) / 10.6
        codes = np.clip(rng.normal(0, 10.6, (3, 3, inputs, outputs)).round(), -32, 31).astype(np.int8)
        biases = rng.normal(0, 0.5 if last else 4, outputs).astype(np.float16)
        layers.append(CodedLayer(6, codes, np.full(outputs, spread, np.float16), biases))
    return encode_model(CodedModel(spec, 117, tuple(layers)))


@cache
def golden_frame(width: int, height: int) -> Frame:
    """Slopes, edges, text-like strokes and noise; extremes in one corner."""
    rng = np.random.default_rng(1)
    row, column = np.mgrid[:height, :width]
    y = 128 + 90 * np.sin(column / 5 + row / 17) * np.cos(row / 3.1) + rng.normal(0, 6, (height, width))
    y[: height // 4, : width // 4] = 255 * ((row + column)[: height // 4, : width // 4] % 2)
    small = np.mgrid[: height // 2, : width // 2]
    u, v = (128 + 70 * np.sin(part / 4) for part in small)
    return Frame(*(np.clip(plane, 0, 255).round().astype(np.uint8) for plane in (y, u, v)), 0)  # type: ignore[arg-type]


DRAW = """async ([kind, shape, planes, model, hash]) => {
  const canvas = document.createElement("canvas");
  const renderer = await lab.openRenderer(kind, canvas);
  try {
    const weights = model && lab.decodeModel(bytes(model), hash);
    await renderer.prepare({ ...shape, spec: weights && weights.spec });
    const [y, u, v] = planes.map(bytes);
    const size = { width: shape.width, height: shape.height };
    const colour = { matrix: "bt709", fullRange: false };
    const picture = { planes: { ...size, y, u, v }, colour };
    await renderer.draw(picture, weights, 0);
    const out = await renderer.readPlanes();
    return { width: out.width, height: out.height, planes: [out.y, out.u, out.v].map(text), device: renderer.device };
  } finally { renderer.destroy(); }
}"""


def drawn(
    lab: Any, kind: str, frame: Frame, input_size: tuple[int, int], model: bytes | None
) -> list[NDArray[np.uint8]]:
    shape = {"width": frame.width, "height": frame.height, "inputWidth": input_size[0], "inputHeight": input_size[1]}
    planes = [to_base64(plane.tobytes()) for plane in (frame.y, frame.u, frame.v)]
    coded = [None, ""] if model is None else [to_base64(model), hashlib.sha256(model).hexdigest()]
    out = lab.evaluate(DRAW, [kind, shape, planes, *coded])
    width, height = out["width"], out["height"]
    sizes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
    found = (np.frombuffer(base64.b64decode(data), np.uint8) for data in out["planes"])
    return [plane.reshape(size) for plane, size in zip(found, sizes, strict=True)]


@cache
def by_python(frame_size: tuple[int, int], input_size: tuple[int, int], model: bytes) -> Frame:
    upscaler = open_engine("openvino").upscaler(decode_model(model), *input_size)
    return enhance_frame(golden_frame(*frame_size), upscaler, input_size)


NETWORKS = {
    "c4d1": NetworkSpec(2, 4, 1),
    "c8d2": NetworkSpec(2, 8, 2),
    "c16d2": NetworkSpec(2, 16, 2),
    "c32d2": NetworkSpec(2, 32, 2),
    "c8d1 x3": NetworkSpec(3, 8, 1),
    "c6d1 x4": NetworkSpec(4, 6, 1),
    "c8d1f2": NetworkSpec(2, 8, 1, 2),
    "c16d1f4 x1": NetworkSpec(1, 16, 1, 4),
}

KINDS = ["webgl2", "webgpu", "wasm"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_frames_are_those_of_the_python_engine(lab: Any, kind: str, name: str) -> None:
    """Enhanced planes differ by at most 1 level, on less than 2 % of the pixels; plain planes are equal to the bit."""
    size = (94, 54)
    model = trained_like(NETWORKS[name])
    wanted = by_python(size, size, model)
    found = drawn(lab, kind, golden_frame(*size), size, model)
    assert_close(found, wanted)


LEAST_TARGETS = """() => {
  const prototype = WebGL2RenderingContext.prototype;
  const getParameter = prototype.getParameter;
  prototype.getParameter = function (name) {
    return name === this.MAX_DRAW_BUFFERS ? 4 : getParameter.call(this, name);
  };
  window.forget = () => { prototype.getParameter = getParameter; };
}"""


@pytest.mark.parametrize("name", ["c16d2", "c16d1f4 x1"])
def test_webgl2_with_the_least_that_it_promises_computes_the_same(lab: Any, name: str) -> None:
    size = (94, 54)
    model = trained_like(NETWORKS[name])
    lab.evaluate(LEAST_TARGETS)
    try:
        found = drawn(lab, "webgl2", golden_frame(*size), size, model)
    finally:
        lab.evaluate("forget()")
    assert_close(found, by_python(size, size, model))


@pytest.mark.parametrize("kind", KINDS)
def test_frames_brought_to_another_size_first_too(lab: Any, kind: str) -> None:
    size, input_size = (64, 36), (96, 54)
    model = trained_like(NETWORKS["c8d2"])
    found = drawn(lab, kind, golden_frame(*size), input_size, model)
    assert_close(found, by_python(size, input_size, model))


def assert_close(found: list[NDArray[np.uint8]], wanted: Frame) -> None:
    apart = np.abs(found[0].astype(int) - wanted.y)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) < 0.02 * apart.size
    assert np.array_equal(found[1], wanted.u)
    assert np.array_equal(found[2], wanted.v)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_model_it_is_the_plain_resize(lab: Any, kind: str) -> None:
    frame = golden_frame(64, 36)
    wanted = [resize(frame.y, 192, 84), resize(frame.u, 96, 42), resize(frame.v, 96, 42)]
    found = drawn(lab, kind, frame, (192, 84), None)
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


COLOURS = """async ([kind, colour, levels]) => {
  const canvas = document.createElement("canvas");
  const renderer = await lab.openRenderer(kind, canvas);
  try {
    const size = { width: 32, height: 16 };
    await renderer.prepare({ ...size, inputWidth: 64, inputHeight: 32, spec: null });
    const [y, u, v] = levels.map((level, index) => new Uint8Array(index ? 128 : 512).fill(level));
    await renderer.draw({ planes: { ...size, y, u, v }, colour }, null, 0.5);
    const copy = new OffscreenCanvas(64, 32).getContext("2d");
    copy.drawImage(canvas, 0, 0);
    return [10, 50].map((x) => [...copy.getImageData(x, 16, 1, 1).data.slice(0, 3)]);
  } finally { renderer.destroy(); }
}"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("matrix", "red", "blue"), [("bt709", 0.2126, 0.0722), ("bt601", 0.299, 0.114), ("bt2020", 0.2627, 0.0593)]
)
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_colours_are_those_of_the_tags(lab: Any, kind: str, matrix: str, red: float, blue: float, full: bool) -> None:
    """ITU-T H.273, table 4, on both sides of the slider; browsers round on the way, to 2 levels."""
    levels = (120, 100, 150)
    y, u, v = levels[0] / 255, (levels[1] - 128) / 255, (levels[2] - 128) / 255
    if not full:
        y, u, v = (levels[0] - 16) / 219, (levels[1] - 128) / 224, (levels[2] - 128) / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    wanted = np.array([r, (y - red * r - blue * b) / (1 - red - blue), b]) * 255
    found = lab.evaluate(COLOURS, [kind, {"matrix": matrix, "fullRange": full}, levels])
    assert np.abs(np.array(found) - wanted).max() <= 2


FROM_COLOURS = """([rgba, width, height]) => {
  const small = ((width + 1) >> 1) * ((height + 1) >> 1);
  const [y, u, v] = [width * height, small, small].map((length) => new Uint8Array(length));
  const planes = { width, height, y, u, v };
  lab.fromColours(bytes(rgba), planes);
  return [planes.y, planes.u, planes.v].map(text);
}"""


def test_planes_are_made_again_from_colours(lab: Any) -> None:
    """BT.709, limited range, chroma between two rows on the left column; of odd sizes too."""
    height, width = 5, 7
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    rgba = np.dstack([rgb, np.full((height, width), 255)]).astype(np.uint8)
    found = [
        np.frombuffer(base64.b64decode(p), np.uint8)
        for p in lab.evaluate(FROM_COLOURS, [to_base64(rgba.tobytes()), width, height])
    ]
    shares = np.array([0.2126, 0.7152, 0.0722])
    padded = np.concatenate([rgb, rgb[-1:]])
    pairs = (padded[::2] + padded[1::2])[:, ::2] / 2
    u, v = (128 + 224 / 255 * (pairs[..., c] - pairs @ shares) / (2 * (1 - shares[c])) for c in (2, 0))
    wanted = [16 + 219 / 255 * (rgb @ shares), u, v]
    for plane, exact in zip(found, wanted, strict=True):
        assert np.abs(plane - exact.ravel()).max() <= 0.51


ORACLE = """async ([graph, luma, width, height]) => {
  const ort = await import("./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs");
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(bytes(graph), { executionProviders: ["wasm"] });
  const { enhanced } = await session.run({ luma: new ort.Tensor("uint8", bytes(luma), [1, 1, height, width]) });
  return text(enhanced.data);
}"""


@pytest.mark.parametrize("name", ["c8d2", "c8d1 x3", "c16d1f4 x1"])
def test_frames_are_those_of_onnxruntime_web(lab: Any, name: str) -> None:
    """The exported model by an engine that shares no line with ours; each of our ways is held against it."""
    pytest.importorskip("onnx")
    size = (96, 56)
    spec, frame = NETWORKS[name], golden_frame(*size)
    model = trained_like(spec)
    graph = onnx_model(decode_model(model)).SerializeToString()
    data = lab.evaluate(ORACLE, [to_base64(graph), to_base64(frame.y.tobytes()), *size])
    wanted = np.frombuffer(base64.b64decode(data), np.uint8).reshape(size[1] * spec.scale, size[0] * spec.scale)
    for kind in KINDS:
        apart = np.abs(drawn(lab, kind, frame, size, model)[0].astype(int) - wanted)
        assert apart.max() <= 1, kind
        assert np.count_nonzero(apart) < 0.02 * apart.size, kind
