"""The browser player computes what the Python player does: models, tables, taps, and the pixels of frames."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from manifests.networks import NetworkSpec
from manifests.weights import CodedLayer, CodedModel, decode_model, encode_model
from media.frames import Frame
from media.resize import resize, resize_taps
from neudash.export import onnx_model
from player.superres.engines import open_engine
from player.superres.frames import enhance_frame
from tests.support.paths import GOLDEN

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FULL = sorted(path.stem for path in GOLDEN.glob("*-full.ndm"))


@pytest.fixture(scope="module")
def lab(lab_url: str, gpu_page: Callable[..., Any]) -> Any:
    """A page with the parts of the player; `lab.evaluate` runs a function on it."""
    page = gpu_page(lab_url)
    page.wait_for_function("window.ready")
    return page


def sent(data: bytes) -> str:
    return base64.b64encode(data).decode()


DECODE = """([data, hash, base, baseHash]) => {
  const old = base && lab.decodeModel(bytes(base), baseHash);
  try {
    const model = lab.decodeModel(bytes(data), hash, old);
    const flat = (arrays) => arrays.map((array) => text(new Uint8Array(array.buffer)));
    return { spec: model.spec, mean: model.inputMean, kernels: flat(model.kernels), biases: flat(model.biases) };
  } catch (error) { return { problem: error.constructor.name }; }
}"""


def decoded(lab: Any, data: bytes, base: bytes | None = None) -> Any:
    hashes = [hashlib.sha256(part).hexdigest() if part is not None else None for part in (data, base)]
    return lab.evaluate(DECODE, [sent(data), hashes[0], None if base is None else sent(base), hashes[1]])


def floats(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), np.float32)


@pytest.mark.parametrize("name", [*FULL, "c8d2-x2-update"])
def test_golden_models_decode_to_the_same_numbers(lab: Any, name: str) -> None:
    base = (GOLDEN / "c8d2-x2-full.ndm").read_bytes() if name.endswith("update") else None
    found = decoded(lab, (GOLDEN / f"{name}.ndm").read_bytes(), base)
    golden = np.load(GOLDEN / f"{name}.npz")
    layers = len(found["kernels"])
    assert layers == sum(key.startswith("kernel") for key in golden.files)
    assert found["mean"] == int(golden["input_mean"])
    for index in range(layers):
        assert np.array_equal(floats(found["kernels"][index]), golden[f"kernel{index}"].ravel())
        assert np.array_equal(floats(found["biases"][index]), golden[f"bias{index}"])


def test_what_is_no_model_is_refused_as_python_does(lab: Any) -> None:
    whole = (GOLDEN / "c8d2-x2-full.ndm").read_bytes()
    update = (GOLDEN / "c8d2-x2-update.ndm").read_bytes()
    other = (GOLDEN / "c4d1f2-x1-full.ndm").read_bytes()
    assert decoded(lab, update)["problem"] == "MalformedModelError"
    assert decoded(lab, update, other)["problem"] == "MalformedModelError"
    assert decoded(lab, whole + b"\0")["problem"] == "MalformedModelError"
    for length in (0, 3, 10, 12, len(whole) // 2, len(whole) - 1):
        assert decoded(lab, whole[:length])["problem"] == "MalformedModelError"
    for at, value in ((5, 9), (9, 2), (4, 2), (7, 0), (8, 17)):
        assert decoded(lab, whole[:at] + bytes([value]) + whole[at + 1 :])["problem"] == "UnknownNetworkError"
    assert decoded(lab, whole[:11] + b"\x09" + whole[12:])["problem"] == "MalformedModelError"


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 1000])
def test_its_own_sha256_is_that_of_everyone(lab: Any, length: int) -> None:
    data = bytes(index % 251 for index in range(length))
    assert lab.evaluate("data => text(lab.sha256(bytes(data)))", sent(data)) == sent(hashlib.sha256(data).digest())


def table_of(lab: Any, manifest: str) -> Any:
    return lab.evaluate("text => lab.parseTable(text, 'https://mirror.example/title/manifest.mpd')", manifest)


def test_the_table_of_models_is_read_from_the_manifest(lab: Any) -> None:
    table = table_of(lab, (GOLDEN / "models.mpd").read_text())
    (track,) = next(rung["tracks"] for rung in table["rungs"] if rung["id"] == "v360")
    chains = [[file["url"].rpartition("/")[2] for file in use["chain"]] for use in track["uses"]]
    first, second = "6350208d24224b31.ndm", "cb5b99c5b0f58664.ndm"
    assert chains == [[first], [], [first], [first, second]]
    assert [use["endS"] for use in track["uses"]] == [4, 6, 8, 10]
    assert track["uses"][0]["chain"][0]["sizeBytes"] == 3908


def test_models_are_fetched_from_the_manifests_own_host_though_a_cdn_is_named_before_it(lab: Any) -> None:
    manifest = (GOLDEN / "models.mpd").read_text()
    named = "<BaseURL>https://mirror.example/title/</BaseURL>"
    assert named in manifest
    hosts = "<BaseURL>https://cdn.example/title/</BaseURL><BaseURL>./</BaseURL>"
    table = table_of(lab, manifest.replace(named, hosts))
    (track,) = next(rung["tracks"] for rung in table["rungs"] if rung["id"] == "v360")
    assert track["uses"][0]["chain"][0]["url"] == "https://mirror.example/title/models/6350208d24224b31.ndm"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('href="models/', 'href="../models/'),
        ('href="models/', 'href="https://elsewhere.example/'),
        ('format="ndm/1"', 'format="ndm/9"'),
        ('network="c16d2"', 'network="z9"'),
        ('base="1"', 'base="2"'),
        ('n="2" base', 'n="x" base'),
        ("models:2026", "models:2027"),
        ("mirror.example", "elsewhere.example"),
    ],
)
def test_a_table_against_the_rules_enhances_nothing(lab: Any, old: str, new: str) -> None:
    manifest = (GOLDEN / "models.mpd").read_text()
    assert old in manifest
    table = table_of(lab, manifest.replace(old, new))
    assert [rung["tracks"] for rung in table["rungs"]] == [[], []]


@pytest.mark.parametrize(("size_in", "size_out"), [(90, 180), (90, 270), (45, 180), (90, 90), (180, 333), (7, 56)])
def test_taps_of_the_plain_resize_are_the_same(lab: Any, size_in: int, size_out: int) -> None:
    found = lab.evaluate("sizes => [...lab.resizeTaps(...sizes)]", [size_in, size_out])
    wanted = [resize_taps(size_out, size_in, index) for index in range(size_out)]
    assert found == [number for centre, taps in wanted for number in (centre, *taps)]


# --- effort ---

CHOOSE = """([frames, laterMs]) => {
  const meter = new lab.EffortMeter();
  const tracks = [{ id: "large" }, { id: "small" }];
  for (const [id, ms] of frames) {
    meter.took(tracks.find((track) => track.id === id), { ms, passedBy: 0 }, 40, 0);
  }
  return meter.choose(tracks, laterMs)?.id ?? null;
}"""
FAST, SLOW, HOPELESS = 33, 35, 137  # ms of 40 between two frames


@pytest.mark.parametrize(
    ("frames", "chosen"),
    [
        ([("large", FAST)] * 9, "large"),
        ([("large", SLOW)] * 3, "large"),
        ([("large", SLOW)] * 3 + [("large", FAST)] + [("large", SLOW)] * 3, "large"),
        ([("large", SLOW)] * 4, "small"),
        ([("large", HOPELESS)], "small"),
        ([("large", SLOW)] * 4 + [("small", SLOW)] * 4, None),
    ],
)
def test_a_network_that_is_too_slow_gives_way_to_a_smaller_one_before_none(
    lab: Any, frames: list[tuple[str, int]], chosen: str | None
) -> None:
    assert lab.evaluate(CHOOSE, [frames, 1000]) == chosen


@pytest.mark.parametrize(("passed_by", "chosen"), [([0, 1], "large"), ([1, 1], "small"), ([0, 0, 9], "small")])
def test_pictures_that_pass_by_tell_of_a_busy_page(lab: Any, passed_by: list[int], chosen: str) -> None:
    script = """(all) => {
      const meter = new lab.EffortMeter();
      const [large, small] = [{ id: "large" }, { id: "small" }];
      for (const passedBy of all) meter.took(large, { ms: 10, passedBy }, 40, 0);
      return meter.choose([large, small], 1000).id;
    }"""
    assert lab.evaluate(script, passed_by * 20) == chosen


def test_after_a_while_the_large_network_is_tried_again(lab: Any) -> None:
    frames = [("large", HOPELESS), ("small", HOPELESS)]
    assert lab.evaluate(CHOOSE, [frames, 29_000]) is None
    assert lab.evaluate(CHOOSE, [frames, 31_000]) == "large"


# --- pixels ---


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
    planes = [sent(plane.tobytes()) for plane in (frame.y, frame.u, frame.v)]
    coded = [None, ""] if model is None else [sent(model), hashlib.sha256(model).hexdigest()]
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


# --- colours ---

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
        for p in lab.evaluate(FROM_COLOURS, [sent(rgba.tobytes()), width, height])
    ]
    shares = np.array([0.2126, 0.7152, 0.0722])
    padded = np.concatenate([rgb, rgb[-1:]])
    pairs = (padded[::2] + padded[1::2])[:, ::2] / 2
    u, v = (128 + 224 / 255 * (pairs[..., c] - pairs @ shares) / (2 * (1 - shares[c])) for c in (2, 0))
    wanted = [16 + 219 / 255 * (rgb @ shares), u, v]
    for plane, exact in zip(found, wanted, strict=True):
        assert np.abs(plane - exact.ravel()).max() <= 0.51


# --- somebody else's engine, in the same browser ---

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
    data = lab.evaluate(ORACLE, [sent(graph), sent(frame.y.tobytes()), *size])
    wanted = np.frombuffer(base64.b64decode(data), np.uint8).reshape(size[1] * spec.scale, size[0] * spec.scale)
    for kind in KINDS:
        apart = np.abs(drawn(lab, kind, frame, size, model)[0].astype(int) - wanted)
        assert apart.max() <= 1, kind
        assert np.count_nonzero(apart) < 0.02 * apart.size, kind
