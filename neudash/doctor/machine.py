"""Probes of the machine itself: Python, display, sound, camera, disk. None of them raises."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from neudash.doctor.findings import JOBS, Finding
from neudash.doctor.isolated import ProbeFailedError, answer_of
from player.clock import Clock
from player.sound.speaker import SpeakerUnavailableError, open_speaker

OLDEST_PYTHON = (3, 10)
ENOUGH_DISK_BYTES = 2 * 10**9
WINDOW_DEADLINE_S = 20
CAMERA_DEADLINE_S = 20

_WINDOW = """
import cv2
cv2.namedWindow("neudash doctor")
cv2.waitKey(1)
cv2.destroyAllWindows()
print("true")
"""
_CAMERA = """
import cv2, json
camera = cv2.VideoCapture(0)
taken, picture = camera.read()
print(json.dumps([int(n) for n in picture.shape[1::-1]] if taken else None))
"""


def python() -> Finding:
    return Finding(
        "Python",
        sys.version_info >= OLDEST_PYTHON,
        f"{platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "Python 3.10 or later from https://www.python.org/downloads",
        needed_for=JOBS,
    )


def display() -> Finding:
    """Opens and closes a window, in a process of its own: without a display some toolkits abort."""
    remedy = "a desktop session or `xvfb-run`; `neudash play --out FILE.mp4` needs no display"
    if platform.system() == "Linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return Finding("Display", False, "none: neither DISPLAY nor WAYLAND_DISPLAY is set", remedy)
    try:
        answer_of(_WINDOW, deadline_s=WINDOW_DEADLINE_S)
    except ProbeFailedError as error:
        return Finding("Display", False, f"a window does not open: {error}", remedy)
    return Finding("Display", True, "a window opens")


def sound() -> Finding:
    """Opens and closes the sound output that a window would use."""
    try:
        open_speaker(Clock()).close()
    except SpeakerUnavailableError as error:
        return Finding(
            "Sound",
            False,
            str(error),
            "a sound card or server; without one windows are silent, and files have their sound",
        )
    return Finding("Sound", True, "an output opens")


def camera(*, switch_on: bool) -> Finding:
    """Lists the cameras; takes a picture only if asked to, because that lights a lamp and needs consent."""
    remedy = "plug one in; `neudash package` takes video files as well"
    if switch_on:
        return _picture(remedy)
    devices = [str(path) for path in sorted(Path("/dev").glob("video*"))]
    if devices:
        return Finding("Camera", True, f"{', '.join(devices)} (`neudash doctor --camera` tries the first)")
    if platform.system() == "Linux":
        return Finding("Camera", False, "no /dev/video device", remedy)
    return Finding("Camera", False, "not tried", "`neudash doctor --camera` tries the first")


def _picture(remedy: str) -> Finding:
    try:
        size = answer_of(_CAMERA, deadline_s=CAMERA_DEADLINE_S)
    except ProbeFailedError as error:
        return Finding("Camera", False, str(error), remedy)
    if size is None:
        return Finding("Camera", False, "the first camera gives no picture", remedy)
    return Finding("Camera", True, f"a picture of {size[0]}x{size[1]}")


def disk() -> Finding:
    """Room where bundles and where temporary files go."""
    places = {"here": Path.cwd(), "temporary": Path(tempfile.gettempdir())}
    free = {name: shutil.disk_usage(path).free for name, path in places.items()}
    return Finding(
        "Disk",
        min(free.values()) >= ENOUGH_DISK_BYTES,
        ", ".join(f"{size / 1e9:.1f} GB free ({name})" for name, size in free.items()),
        f"free {ENOUGH_DISK_BYTES / 1e9:g} GB, or set TMPDIR",
        needed_for=("package", "train"),
    )
