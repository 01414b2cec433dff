"""Probes of what trains and runs the networks. None raises, none imports an engine in this process."""

from __future__ import annotations

import shutil
import subprocess

from neudash.doctor.findings import Finding
from neudash.doctor.isolated import ProbeFailedError, answer_of, installed

DEADLINE_S = 90
BACKENDS = {"tensorflow": "tensorflow-cpu", "jax": "jax", "torch": "torch"}
"""Backends of Keras, and the packages that bring them."""

# Without the package by which it tells a statistics service of every start.
_OPENVINO = """
import sys
sys.modules["openvino_telemetry"] = None
import json, openvino
print(json.dumps([openvino.__version__, list(openvino.Core().available_devices)]))
"""
_GPUS = {
    "tensorflow": "[d.name for d in backend.config.list_physical_devices('GPU')]",
    "jax": "[str(d) for d in backend.devices() if d.platform != 'cpu']",
    "torch": "[backend.cuda.get_device_name(i) for i in range(backend.cuda.device_count())]",
}
_KERAS = """
import json, keras, {backend} as backend
keras.ops.convert_to_numpy(keras.ops.add(1.0, 1.0))
print(json.dumps([keras.__version__, backend.__version__, {gpus}]))
"""


def openvino() -> Finding:
    name, remedy = "OpenVINO", "pip install openvino (the fastest engine on a CPU)"
    if not installed("openvino"):
        return Finding(name, False, "not installed", remedy, one_of=("play",))
    try:
        version, devices = answer_of(_OPENVINO, deadline_s=DEADLINE_S)
    except ProbeFailedError as error:
        return Finding(name, False, str(error), remedy, one_of=("play",))
    detail = f"{version.split('-')[0]}, runs on {', '.join(devices) or 'no device'}"
    return Finding(name, bool(devices), detail, remedy, one_of=("play",))


def keras_backend(backend: str) -> Finding:
    """Adds two numbers with Keras on that backend, and asks the backend for its GPUs."""
    name, remedy = f"Keras on {backend}", f"pip install keras {BACKENDS[backend]}"
    one_of = ("train", "play")
    absent = [module for module in ("keras", backend) if not installed(module)]
    if absent:
        return Finding(name, False, f"not installed: {', '.join(absent)}", remedy, one_of=one_of)
    lines = _KERAS.format(backend=backend, gpus=_GPUS[backend])
    try:
        keras, version, gpus = answer_of(lines, deadline_s=DEADLINE_S, environment={"KERAS_BACKEND": backend})
    except ProbeFailedError as error:
        return Finding(name, False, str(error), remedy, one_of=one_of)
    seen = f"GPU: {', '.join(gpus)}" if gpus else "CPU only"
    return Finding(name, True, f"{version}, Keras {keras}; {seen}", one_of=one_of)


def nvidia() -> Finding:
    """Looks for an NVIDIA GPU; which framework can use it is reported by the backends."""
    name, remedy = (
        "NVIDIA GPU",
        "a driver from https://www.nvidia.com/drivers where the machine has such a GPU",
    )
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding(name, False, "no driver (nvidia-smi not found): training and playback use the CPU", remedy)
    try:
        listed = subprocess.run(  # noqa: S603 - a fixed query
            [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, False, str(error), remedy)
    gpus = listed.stdout.decode(errors="replace").strip().splitlines()
    if listed.returncode != 0 or not gpus:
        return Finding(name, False, "nvidia-smi finds none", remedy)
    return Finding(name, True, "; ".join(gpus))
