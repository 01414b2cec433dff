"""Engines, which run networks on frames, behind one interface: `open_engine` picks one, `open_pretrained` takes a
file.

Importing this package imports no framework: an engine does so when it is opened.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from manifests.errors import NeudashError
from manifests.weights import MAX_MODEL_BYTES, ModelWeights, decode_model

Plane = NDArray[np.uint8]

ENGINES = ("auto", "keras", "openvino")
BACKENDS = ("tensorflow", "jax", "torch")


class EngineUnavailableError(NeudashError):
    """The requested engine cannot run here. `str()` contains the remedy."""


class UnsupportedModelFileError(Exception):
    """A model file given by hand that no engine can read."""


class Upscaler(Protocol):
    """One set of weights, ready for frames of one size."""

    name: str
    """Name of the network for people: `c16d2`, `FSRCNN_x2`."""
    scale: int

    def upscale(self, frames: Sequence[Plane]) -> Plane:
        """Returns the enhanced 8-bit luma (h·scale, w·scale) of the middle one of `frames`, 8-bit luma (h, w) each.

        All networks of today take one frame; a network that sees neighbours will take an odd number.
        """
        ...


class Engine(Protocol):
    """Makes upscalers. Safe to call from several threads; the upscalers it makes serve one thread at a time."""

    name: str

    def upscaler(self, weights: ModelWeights, width: int, height: int) -> Upscaler:
        """Returns an upscaler ready for its first frame: compiling and tracing happen here, not on the frame path."""
        ...


def open_engine(name: str = "auto", backend: str | None = None) -> Engine:
    """Opens the engine called `name`; `auto` is keras if it is installed and there is a GPU, else OpenVINO, else
    keras.

    `backend` is that of Keras: tensorflow, jax or torch. It counts only before Keras is first imported. Raises
    EngineUnavailableError.
    """
    if name == "auto":
        on_gpu = gpu_device_present() and not _missing_for_keras()
        name = "keras" if backend or on_gpu or not _installed("openvino") else "openvino"
    if name == "openvino":
        return _open_openvino()
    if name == "keras":
        return _open_keras(backend)
    raise EngineUnavailableError(f"there is no engine {name!r}; choose one of {', '.join(ENGINES)}")


def require_keras() -> None:
    """Raises EngineUnavailableError where Keras or the backend that KERAS_BACKEND names is not installed."""
    missing = _missing_for_keras()
    if missing:
        extras = "install the extra `train` (CPU) or `gpu`"
        remedy = extras if "tensorflow" in missing else f"pip install {' '.join(missing)}"
        raise EngineUnavailableError(
            f"Keras needs {' and '.join(missing)}: {remedy}, or name an installed backend with --backend"
        )


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hides what TensorFlow's libraries write to stderr while they load, before any setting of theirs applies.

    An exception passes through.
    """
    with Path(os.devnull).open("wb") as nowhere:
        stderr = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def gpu_device_present() -> bool:
    """Returns True if this machine has a GPU that Keras could use, judged by its device files.

    Importing a framework to ask would cost seconds at every start.
    """
    if platform.system() == "Linux":
        return Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists() or Path("/dev/dxg").exists()
    return False


def open_pretrained(path: Path, engine: Engine, width: int, height: int) -> Upscaler:
    """An upscaler from a file of the user's own: `.ndm` by `engine`, `.pb` and `.onnx` by OpenCV's dnn.

    Raises UnsupportedModelFileError, OSError, and for `.ndm` files MalformedModelError and UnknownNetworkError.
    """
    kind = path.suffix.lower()
    if kind == ".ndm":
        with path.open("rb") as file:
            return engine.upscaler(decode_model(file.read(MAX_MODEL_BYTES + 1)), width, height)
    if kind in (".pb", ".onnx"):
        from player.superres.engines.opencv_dnn import PretrainedGraph

        return PretrainedGraph(path)
    raise UnsupportedModelFileError(f"{path.name}: a model file ends in .ndm, .pb or .onnx")


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _missing_for_keras() -> list[str]:
    """Returns the names of the packages of Keras and its backend that are not installed."""
    chosen = os.environ.get("KERAS_BACKEND", "tensorflow")
    return [module for module in ("keras", chosen) if not _installed(module)]


def _open_openvino() -> Engine:
    if not _installed("openvino"):
        raise EngineUnavailableError("the engine openvino needs `pip install openvino`, or `--engine keras`")
    from player.superres.engines.openvino_engine import OpenVinoEngine

    return OpenVinoEngine()


def _open_keras(backend: str | None) -> Engine:
    if backend is not None:
        os.environ["KERAS_BACKEND"] = backend
    require_keras()
    from player.superres.engines.keras_engine import KerasEngine

    return KerasEngine()
