"""Model files of other makers, and exported ones of ours, run by OpenCV's dnn module.

The TensorFlow graphs (`FSRCNN_x2.pb`, `ESPCN_x4.pb`, `EDSR_x2.pb` ...) are those published for OpenCV's
`dnn_superres`, fed the same numbers as there: baselines to beat. ONNX files are those of `neudash model export`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manifests.errors import MalformedModelError

PROBE_HEIGHT, PROBE_WIDTH = 16, 24
LUMA_BLACK, LUMA_SPAN = 16, 219
DIV2K_MEAN = 109.69
"""Mean of the three DIV2K colour means that EDSR subtracts (Lim et al., CVPRW 2017), for a grey input."""

_registration = threading.Lock()


class PretrainedGraph:
    """One graph as an `Upscaler`: uint8 luma (h, w) in, uint8 luma (h*scale, w*scale) out.

    A `.pb` graph of one channel (FSRCNN, ESPCN) takes luma stretched from limited range to 0..1, one of three channels
    (EDSR) grey in 0..255 minus the mean of its training set, an `.onnx` graph luma in 0..255. Raises
    MalformedModelError for a file that OpenCV cannot run or that does not scale its input by a whole number, OSError.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._onnx = path.suffix.lower() == ".onnx"
        with nullcontext() if self._onnx else _depth_to_space_known():
            self._net = _read_net(path, onnx=self._onnx)
            # OpenCV makes its layers at the first run: they outlive the registration.
            self._channels, self.scale = _probe(self._net, path)

    def upscale(self, frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        (luma,) = frames
        if self._onnx:
            plane = self._run(luma).mean(axis=0)
        elif self._channels == 1:
            plane = self._run((luma.astype(np.float32) - LUMA_BLACK) / LUMA_SPAN)[0] * LUMA_SPAN + LUMA_BLACK
        else:
            grey = luma.astype(np.float32) - np.float32(DIV2K_MEAN)
            plane = self._run(grey).mean(axis=0) + DIV2K_MEAN
        rounded: NDArray[np.uint8] = np.clip(np.rint(plane), 0, 255).astype(np.uint8)
        # Our own folded networks give sides that are no multiple of the fold back continued.
        return rounded[: luma.shape[0] * self.scale, : luma.shape[1] * self.scale]

    def _run(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        batch = np.broadcast_to(plane.astype(np.float32), (1, self._channels, *plane.shape))
        return _forward(self._net, batch)


class _DepthToSpace:
    """TensorFlow's DepthToSpace on NCHW float32; OpenCV 4 has the one of ONNX, whose attribute differs."""

    def __init__(self, params: dict[str, Any], blobs: list[Any]) -> None:
        self._block = int(params["block_size"])

    # The name is OpenCV's.
    def getMemoryShapes(self, inputs: list[list[int]]) -> list[list[int]]:  # noqa: N802
        (n, c, h, w), block = inputs[0], self._block
        return [[n, c // block**2, h * block, w * block]]

    def forward(self, inputs: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        (n, c, h, w), block = inputs[0].shape, self._block
        split = inputs[0].reshape(n, block, block, c // block**2, h, w)
        shuffled = split.transpose(0, 3, 4, 1, 5, 2).reshape(n, c // block**2, h * block, w * block)
        return [np.ascontiguousarray(shuffled)]


@contextmanager
def _depth_to_space_known() -> Iterator[None]:
    """Registers the layer no longer than needed: it stands before OpenCV's own, for the whole process."""
    import cv2

    with _registration:
        # OpenCV's stub describes a class object as if it were an instance.
        cv2.dnn_registerLayer("DepthToSpace", _DepthToSpace)  # type: ignore[arg-type]
        try:
            yield
        finally:
            cv2.dnn_unregisterLayer("DepthToSpace")


def _read_net(path: Path, *, onnx: bool) -> Any:
    import cv2

    # From memory, because OpenCV opens no file whose path has characters outside the Windows code page.
    data = np.frombuffer(path.read_bytes(), np.uint8)
    try:
        return cv2.dnn.readNetFromONNX(data) if onnx else cv2.dnn.readNetFromTensorflow(data)
    except cv2.error as error:
        raise MalformedModelError(f"{path.name} is not a graph that OpenCV reads: {_said(error)}") from error


def _probe(net: Any, path: Path) -> tuple[int, int]:
    """(input channels, scale), found by running a small picture through."""
    import cv2

    reasons = []
    for channels in (1, 3):
        try:
            output = _forward(net, np.zeros((1, channels, PROBE_HEIGHT, PROBE_WIDTH), np.float32))
        except cv2.error as error:
            reasons.append(_said(error))
            continue
        scale, rest = divmod(output.shape[1], PROBE_HEIGHT)
        if rest or scale < 1 or output.shape != (channels, PROBE_HEIGHT * scale, PROBE_WIDTH * scale):
            raise MalformedModelError(f"{path.name} makes {output.shape} of {PROBE_HEIGHT}x{PROBE_WIDTH} pixels")
        return channels, scale
    raise MalformedModelError(f"{path.name} accepts neither 1 nor 3 channels: {'; '.join(reasons)}")


def _forward(net: Any, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1, c, h, w) float32 in, (c, h', w') float32 out. Raises cv2.error."""
    net.setInput(np.ascontiguousarray(batch))
    output: NDArray[np.float32] = net.forward()[0]
    return output


def _said(error: Exception) -> str:
    """Returns OpenCV's error message without its file and line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].split("error: ")[-1].strip()
