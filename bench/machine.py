"""Describes the machine of a measurement, for every result."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from media.errors import MediaError
from media.programs import find_program, run

PACKAGES = ("neudash", "av", "keras", "numpy", "opencv-python", "openvino", "tensorflow", "tensorflow-cpu")
CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """Returns CPU, cores, load, system and versions as JSON."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "ffmpeg": ffmpeg_version(),
    }


def _cpu() -> str:
    """Returns the CPU's name; Python itself knows it only on Windows and macOS."""
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def ffmpeg_version() -> str:
    """Returns the version of the ffmpeg that encodes, or the reason why there is none."""
    try:
        return run([str(find_program("ffmpeg")), "-version"], deadline_s=20).split()[2].decode()
    except MediaError as error:
        return str(error)
