"""Every engine makes the same picture, and weights are swapped without building anything again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from manifests.networks import NetworkSpec
from manifests.weights import CodedLayer, CodedModel, ModelWeights, decode_model, encode_model
from media.resize import base_upsample
from neudash.export import export
from player.superres import engines
from player.superres.engines import (
    Engine,
    EngineUnavailableError,
    UnsupportedModelFileError,
    open_engine,
    open_pretrained,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 48, 34


KINDS = [(2, 1), (3, 1), (1, 2), (1, 4), (2, 2), (3, 4)]
"""(scale, fold) of networks."""


def small_model(seed: int, scale: int = 2, loud: float = 1.0, fold: int = 1) -> bytes:
    """A network whose residual is some levels: `loud` 0 leaves the plain upscale."""
    random, spec = np.random.default_rng(seed), NetworkSpec(scale, 6, 1, fold)
    layers = []
    for channels_in, channels_out in spec.layers:
        codes = random.integers(-32, 32, (3, 3, channels_in, channels_out)).astype(np.int8)
        scales = np.full(channels_out, loud * 0.15 / np.sqrt(9 * channels_in) / 16, np.float16)
        layers.append(CodedLayer(6, codes, scales, (loud * random.normal(size=channels_out)).astype(np.float16)))
    return encode_model(CodedModel(spec, 100, tuple(layers)))


def weights(seed: int, scale: int = 2, loud: float = 1.0, fold: int = 1) -> ModelWeights:
    return decode_model(small_model(seed, scale, loud, fold))


def in_numpy(model: ModelWeights, luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The network by its definition in double precision, before rounding: what all engines approximate."""
    fold = model.spec.fold
    whole = np.pad(luma, [(0, -side % fold) for side in luma.shape], mode="edge")
    height, width = (side // fold for side in whole.shape)
    x = whole.reshape(height, fold, width, fold).transpose(0, 2, 1, 3).reshape(height, width, fold**2)
    x = x.astype(np.float64) - model.input_mean
    for index, (kernel, bias) in enumerate(zip(model.kernels, model.biases, strict=True)):
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        x = sum(
            (
                padded[j : j + height, i : i + width] @ kernel[j, i].astype(np.float64)
                for j in range(3)
                for i in range(3)
            ),
            bias.astype(np.float64),
        )
        if index < len(model.kernels) - 1:
            x = np.maximum(x, 0)
    scale, block = model.spec.scale, fold * model.spec.scale
    depth = x.reshape(height, width, block, block).transpose(0, 2, 1, 3)
    residual: NDArray[np.float64] = depth.reshape(height * block, width * block)
    return residual[: luma.shape[0] * scale, : luma.shape[1] * scale]


@pytest.fixture(scope="module", params=["openvino", "keras"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return open_engine(request.param)


@pytest.fixture(scope="module")
def luma() -> NDArray[np.uint8]:
    # Mid-range: neither the base nor the sum is clipped, so that a test can take them apart.
    return np.random.default_rng(3).integers(100, 150, (HEIGHT, WIDTH), dtype=np.uint8)


@pytest.mark.parametrize(("scale", "fold"), KINDS)
def test_an_engine_computes_the_network_as_defined(
    engine: Engine, luma: NDArray[np.uint8], scale: int, fold: int
) -> None:
    model = weights(1, scale, fold=fold)
    picture = engine.upscaler(model, WIDTH, HEIGHT).upscale([luma])
    assert picture.shape == (HEIGHT * scale, WIDTH * scale)
    assert picture.dtype == np.uint8
    expected = base_upsample(luma, scale).astype(np.float64) + in_numpy(model, luma)
    assert np.abs(picture - np.clip(expected, 0, 255)).max() <= 1.0  # the base is rounded in `expected` alone
    assert np.abs(picture.astype(int) - base_upsample(luma, scale)).mean() > 0.3, "the network does nothing"


@pytest.mark.parametrize(("scale", "fold"), KINDS)
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (47, 33)])
def test_a_silent_network_is_the_plain_resize_to_the_bit(
    engine: Engine, scale: int, fold: int, size: tuple[int, int]
) -> None:
    """The fold divides the sides of some of these pictures and not of others."""
    luma = np.random.default_rng(5).integers(0, 256, size[::-1], dtype=np.uint8)
    picture = engine.upscaler(weights(1, scale, 0.0, fold), *size).upscale([luma])
    np.testing.assert_array_equal(picture, base_upsample(luma, scale))


@pytest.mark.parametrize(("scale", "fold"), KINDS)
def test_engines_agree(luma: NDArray[np.uint8], scale: int, fold: int) -> None:
    model = weights(2, scale, fold=fold)
    pictures = [
        open_engine(name).upscaler(model, WIDTH, HEIGHT).upscale([luma]).astype(int) for name in ("openvino", "keras")
    ]
    difference = np.abs(pictures[0] - pictures[1])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001


def test_upscalers_of_one_size_do_not_disturb_each_other(engine: Engine, luma: NDArray[np.uint8]) -> None:
    first, second = engine.upscaler(weights(1), WIDTH, HEIGHT), engine.upscaler(weights(2), WIDTH, HEIGHT)
    before = first.upscale([luma])
    assert (second.upscale([luma]) != before).any()
    np.testing.assert_array_equal(first.upscale([luma]), before)


def test_a_result_outlives_the_next_frame(engine: Engine, luma: NDArray[np.uint8]) -> None:
    upscaler = engine.upscaler(weights(1), WIDTH, HEIGHT)
    kept = upscaler.upscale([luma])
    copy = kept.copy()
    upscaler.upscale([255 - luma])
    np.testing.assert_array_equal(kept, copy)


@pytest.mark.parametrize(("scale", "fold"), [(1, 4), (2, 2)])
def test_an_exported_folded_model_takes_any_size(tmp_path: Path, scale: int, fold: int) -> None:
    """Sides that the fold does not divide come back continued to whole folds; the player's own reader cuts them."""
    import keras
    import onnxruntime

    from player.superres.engines.opencv_dnn import PretrainedGraph

    model = weights(4, scale, fold=fold)
    odd = np.random.default_rng(6).integers(100, 150, (31, 50), dtype=np.uint8)
    picture = open_engine("openvino").upscaler(model, 50, 31).upscale([odd])
    export(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (by_onnx,) = session.run(None, {"luma": odd[None, None]})
    export(model, tmp_path / "model.keras")
    by_keras = keras.saving.load_model(tmp_path / "model.keras").predict(odd[None, :, :, None], verbose=0)
    for whole in (by_onnx[0, 0], by_keras[0, :, :, 0]):
        assert whole.shape == (-(-31 // fold) * fold * scale, -(-50 // fold) * fold * scale)
        assert np.abs(whole[: 31 * scale, : 50 * scale].astype(int) - picture).max() <= 1
    by_opencv = PretrainedGraph(tmp_path / "model.onnx").upscale([odd])
    assert np.abs(by_opencv.astype(int) - picture).max() <= 1


def test_exported_models_make_the_same_picture(tmp_path: Path, luma: NDArray[np.uint8]) -> None:
    """`.onnx` in ONNX Runtime; `.keras` in a process that knows Keras and nothing of neudash."""
    import onnxruntime

    model = weights(4)
    picture = open_engine("openvino").upscaler(model, WIDTH, HEIGHT).upscale([luma])
    export(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (by_onnx,) = session.run(None, {"luma": luma[None, None]})
    assert np.abs(by_onnx[0, 0].astype(int) - picture).max() <= 1

    export(model, tmp_path / "model.keras")
    np.save(tmp_path / "luma.npy", luma)
    program = (
        "import keras, numpy as np; luma = np.load('luma.npy'); model = keras.saving.load_model('model.keras'); "
        "np.save('picture.npy', model.predict(luma[None, :, :, None], verbose=0)[0, :, :, 0])"
    )
    # -P and another folder: nothing of ours can be imported there.
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    by_keras = np.load(tmp_path / "picture.npy")
    assert np.abs(by_keras.astype(int) - picture).max() <= 1
    assert (by_keras != picture).mean() < 0.001


def test_pretrained_files_by_their_suffix(tmp_path: Path, luma: NDArray[np.uint8]) -> None:
    engine = open_engine("openvino")
    path = tmp_path / "model.ndm"
    path.write_bytes(small_model(1))
    expected = engine.upscaler(weights(1), WIDTH, HEIGHT).upscale([luma])
    np.testing.assert_array_equal(open_pretrained(path, engine, WIDTH, HEIGHT).upscale([luma]), expected)
    with pytest.raises(UnsupportedModelFileError, match=r"\.ndm"):
        open_pretrained(tmp_path / "model.h5", engine, WIDTH, HEIGHT)


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(EngineUnavailableError, match="openvino"):
        open_engine("tensorrt")


def test_opening_the_package_imports_no_framework() -> None:
    program = (
        "import sys, player.superres.engines, player.superres.frames; "
        "print([m for m in ('keras', 'tensorflow', 'openvino', 'onnx') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "[]"


def test_openvino_tells_nobody_that_it_was_started(tmp_path: Path) -> None:
    script = """
import sys
asked = []
def note(name, args):
    if name.startswith(("socket.get", "socket.conn")):
        asked.append((name, args))
sys.addaudithook(note)
from player.superres.engines.openvino_engine import OpenVinoEngine
OpenVinoEngine()
import time
time.sleep(1)  # it would do so in a thread
assert not asked, asked
"""
    environment = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("gpu", "installed", "backend", "taken"),
    [
        (True, {"keras", "tensorflow", "openvino"}, None, "keras"),
        (True, {"keras", "openvino"}, None, "openvino"),
        (True, {"tensorflow", "openvino"}, None, "openvino"),
        (True, {"openvino"}, None, "openvino"),
        (True, set(), None, "keras"),
        (False, {"keras", "tensorflow", "openvino"}, None, "openvino"),
        (False, {"keras", "tensorflow"}, None, "keras"),
        (False, {"openvino"}, "jax", "keras"),
    ],
)
def test_auto_takes_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, installed: set[str], backend: str | None, taken: str
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setattr(engines, "gpu_device_present", lambda: gpu)
    monkeypatch.setattr(engines, "_installed", installed.__contains__)
    monkeypatch.setattr(engines, "_open_openvino", lambda: "openvino")
    monkeypatch.setattr(engines, "_open_keras", lambda backend: "keras")
    assert open_engine("auto", backend) == taken


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of Unix")
@pytest.mark.parametrize("suffix", [".onnx", ".keras"])
def test_an_exported_model_goes_through_links_and_into_pipes(tmp_path: Path, suffix: str) -> None:
    model, target = weights(4), tmp_path / f"target{suffix}"
    link, pipe = tmp_path / f"link{suffix}", tmp_path / f"pipe{suffix}"
    link.symlink_to(target)
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    export(model, link)
    export(model, pipe)
    reader.join(60)
    assert link.is_symlink() and pipe.is_fifo() and sorted(tmp_path.iterdir()) == sorted([link, pipe, target])
    # A .keras file is an archive that says when it was written.
    assert got[0][:4] == target.read_bytes()[:4]
    assert suffix == ".keras" or got[0] == target.read_bytes()
