"""Numbers and videos on a command line: what is wrong with one is said in words, and the command ends with 2."""

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
    """For argparse's `type`: a whole number from `least`, up to `most` if that is given."""

    def parsed(text: str) -> int:
        bound = f"from {least} to {most}" if most is not None else f"from {least}"
        if not text.strip().isdecimal() or not least <= int(text) <= (most if most is not None else math.inf):
            raise ArgumentTypeError(f"{text[:40]!r} is not a whole number {bound}")
        return int(text)

    return parsed


def video_file(text: str) -> Path:
    """For argparse's `type`: a video on this machine; an address is called one."""
    scheme, separator, _ = text.partition("://")
    if separator and _SCHEME.fullmatch(scheme) and not Path(text).exists():
        if scheme == "file":
            raise ArgumentTypeError(f"{text} is an address; name the file itself, without {scheme}://")
        what = "record it to a file" if scheme.lower() in _LIVE_SCHEMES else "download the video"
        raise ArgumentTypeError(f"{text} is an address; {what}, and name the file")
    return Path(text)


def seconds(most: float = math.inf) -> Callable[[str], float]:
    """For argparse's `type`: a number of seconds above 0, up to `most`."""

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
    """The folder that a command was given, be it by the name of its manifest, as `neudash package` prints it."""
    path = Path(text)
    return path.parent if path.name == MANIFEST and path.is_file() else path
