"""Argument types for argparse: numbers, videos and bundles; a bad value ends the command with status 2."""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

from manifests.names import MANIFEST

_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*")
_LIVE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt", "mms", "mmsh")


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Returns an argparse `type` for a whole number from `least`, up to `most` if that is given."""

    def parsed(text: str) -> int:
        bound = f"from {least} to {most}" if most is not None else f"from {least}"
        if not text.strip().isdecimal() or not least <= int(text) <= (most if most is not None else math.inf):
            raise ArgumentTypeError(f"{text[:40]!r} is not a whole number {bound}")
        return int(text)

    return parsed


def video_file(text: str) -> Path:
    """Parses, for argparse, a video file on this machine; refuses an address."""
    scheme, separator, _ = text.partition("://")
    if separator and _SCHEME.fullmatch(scheme) and not Path(text).exists():
        if scheme == "file":
            raise ArgumentTypeError(f"{text} is an address; name the file itself, without {scheme}://")
        what = "record it to a file" if scheme.lower() in _LIVE_SCHEMES else "download the video"
        raise ArgumentTypeError(f"{text} is an address; {what}, and name the file")
    return Path(text)


def seconds(most: float = math.inf) -> Callable[[str], float]:
    """Returns an argparse `type` for a number of seconds above 0, up to `most`."""

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (0 < value <= most and math.isfinite(value)):
            bound = "" if math.isinf(most) else f", up to {most:g}"
            raise ArgumentTypeError(f"{text[:40]!r} is not a number of seconds above 0{bound}")
        return value

    return parsed


def bundle_folder(text: str) -> Path:
    """Returns the bundle folder named on the command line, either directly or by its manifest."""
    path = Path(text)
    return path.parent if path.name == MANIFEST and path.is_file() else path
