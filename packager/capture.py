"""Capture devices: recorded without loss next to the bundle, and the recording packaged like any file.

The recording has to stay, because trainer and report compare with it.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import ffmpeg

from media.errors import ProgramFailedError
from media.programs import file_url, find_ffmpeg, run
from media.source.treatment import seconds
from packager.errors import CaptureError

FORMATS = ("v4l2", "avfoundation", "dshow", "lavfi")
"""ffmpeg's devices of Linux, macOS and Windows; `lavfi` is a picture that ffmpeg makes up, such as a test pattern."""

_DEVICE = re.compile(rf"({'|'.join(FORMATS)}):(.+)", re.DOTALL)
START_UP_S = 60.0
"""Time that a camera may take beyond the requested duration."""


@dataclass(frozen=True)
class Device:
    """A device to record from."""

    format: str
    """One of FORMATS."""
    name: str
    """Name in the form that the device's driver takes: `/dev/video0`, `0`, `video=Integrated Camera`."""


def parse_device(text: str) -> Device | None:
    """Returns the device of `/dev/video0`, `v4l2:/dev/video0`, `avfoundation:0` …; None for anything else."""
    match = _DEVICE.fullmatch(text)
    if match is not None:
        return Device(match[1], match[2])
    if sys.platform.startswith("linux") and re.fullmatch(r"/dev/video\d+", text):
        return Device("v4l2", text)
    return None


def record(device: Device, duration_s: Fraction, path: Path) -> None:
    """Record for that long into `path`, a Matroska file; all of it or nothing. Raises CaptureError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    program = str(find_ffmpeg())
    try:
        run([program, *capture_arguments(device, duration_s, unfinished)], deadline_s=float(duration_s) + START_UP_S)
        unfinished.replace(path)
    except ProgramFailedError as error:
        raise CaptureError(f"{device.name} cannot be recorded: {error}; `neudash doctor` lists cameras") from error
    finally:
        unfinished.unlink(missing_ok=True)


def capture_arguments(device: Device, duration_s: Fraction, path: Path) -> list[str]:
    """Returns ffmpeg's arguments, without its name."""
    stream = ffmpeg.input(device.name, f=device.format, t=seconds(duration_s))
    # Lossless, as fast as it goes: a camera does not wait.
    output = stream.output(
        file_url(path), f="matroska", preset="ultrafast", **{"c:v": "libx264", "qp": "0", "c:a": "flac"}
    )
    return ["-hide_banner", "-nostdin", "-loglevel", "error", "-y", *output.get_args()]
