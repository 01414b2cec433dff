"""Pretrained graphs through OpenCV: the published ones enlarge a real frame well, junk is refused."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from manifests.errors import MalformedModelError
from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights
from neudash.export import export
from player.superres.engines import open_engine
from player.superres.engines.opencv_dnn import PretrainedGraph


@pytest.fixture(scope="module")
def real_luma(shared_dir: Path) -> NDArray[np.uint8]:
    """256x256 luma of a real frame: grass and a shoe."""
    with av.open(str(shared_dir / "clips/sport-juggle-720p24.mp4")) as container:
        frame = next(container.decode(video=0))
    return np.ascontiguousarray(frame.to_ndarray(format="yuv420p")[300:556, 400:656])


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.shared
@pytest.mark.parametrize(
    # At x4 the graphs lose 0.35 dB to bicubic on this grass; a wrong order of samples would cost several.
    ("model", "least_gain_db"),
    [("FSRCNN_x2", 0.1), ("ESPCN_x2", 0.0), ("FSRCNN_x4", -0.6), ("ESPCN_x4", -0.6)],
)
def test_a_published_graph_stands_up_to_bicubic(
    model: str, least_gain_db: float, real_luma: NDArray[np.uint8], shared_dir: Path
) -> None:
    graph = PretrainedGraph(shared_dir / f"pretrained/{model}.pb")
    assert (graph.name, graph.scale) == (model, int(model[-1]))
    small = cv2.resize(real_luma, None, fx=1 / graph.scale, fy=1 / graph.scale, interpolation=cv2.INTER_AREA)
    enlarged = graph.upscale([small])
    assert enlarged.shape == real_luma.shape
    assert enlarged.dtype == np.uint8
    bicubic = cv2.resize(small, real_luma.shape[::-1], interpolation=cv2.INTER_CUBIC)
    assert psnr(enlarged, real_luma) > psnr(bicubic, real_luma) + least_gain_db


@pytest.mark.shared
def test_the_frame_size_may_change_and_the_layer_is_not_left_registered(shared_dir: Path) -> None:
    first = PretrainedGraph(shared_dir / "pretrained/FSRCNN_x2.pb")
    assert first.upscale([np.full((20, 34), 90, np.uint8)]).shape == (40, 68)
    assert first.upscale([np.full((33, 17), 90, np.uint8)]).shape == (66, 34)
    net = cv2.dnn.readNetFromTensorflow(str(shared_dir / "pretrained/ESPCN_x2.pb"))
    net.setInput(np.zeros((1, 1, 8, 8), np.float32))
    with pytest.raises(cv2.error):
        net.forward()


@pytest.mark.parametrize("data", [b"", b"not a graph", bytes(1000)])
@pytest.mark.parametrize("name", ["junk.pb", "junk.onnx"])
def test_a_file_that_is_no_graph_is_refused_by_name(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(MalformedModelError, match=name.replace(".", r"\.")):
        PretrainedGraph(path)


def test_an_exported_model_gives_the_picture_of_the_engine(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    random = np.random.default_rng(3)
    spec = NetworkSpec(scale=2, width=4, depth=1)
    kernels = tuple(random.normal(0, 0.1, (3, 3, *shape)).astype(np.float32) for shape in spec.layers)
    weights = ModelWeights(spec, 110, kernels, tuple(np.zeros(out, np.float32) for _, out in spec.layers))
    path = tmp_path / "exported.onnx"
    export(weights, path)
    luma = random.integers(0, 256, (24, 40), np.uint8)
    upscaler = PretrainedGraph(path)
    assert (upscaler.name, upscaler.scale) == ("exported", 2)
    expected = open_engine("openvino").upscaler(weights, 40, 24).upscale([luma])
    # Sums in another order may round to the neighbouring level.
    assert np.abs(upscaler.upscale([luma]).astype(int) - expected).max() <= 1


@pytest.mark.train
def test_a_colour_graph_like_edsr_gets_grey_without_its_mean(tmp_path: Path) -> None:
    """A graph that copies each of three channels into 2x2 blocks: every sample must come back as it was."""
    tf = pytest.importorskip("tensorflow")
    with tf.Graph().as_default() as graph:
        picture = tf.compat.v1.placeholder(tf.float32, (1, None, None, 3), name="input")
        # TensorFlow orders the channels of a block as (row, column, colour).
        kernel = tf.constant(np.tile(np.eye(3, dtype=np.float32), (1, 4)).reshape(1, 1, 3, 12))
        spread = tf.nn.conv2d(picture, kernel, strides=1, padding="SAME")
        tf.nn.depth_to_space(spread, 2, name="output")
    path = tmp_path / "EDSR_x2.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    luma = np.random.default_rng(0).integers(0, 256, (9, 14), np.uint8)
    upscaler = PretrainedGraph(path)
    assert upscaler.scale == 2
    assert np.array_equal(upscaler.upscale([luma]), luma.repeat(2, 0).repeat(2, 1))
