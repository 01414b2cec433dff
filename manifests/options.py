"""Numbers and file names on a command line: what is wrong with one is said in words, and the command ends with 2."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """For argparse's `type`: a whole number from `least`, up to `most` if that is given."""

    def parsed(text: str) -> int:
        bound = f"from {least} to {most}" if most is not None else f"from {least}"
        if not text.strip().isdecimal() or not least <= int(text) <= (most if most is not None else math.inf):
            raise ArgumentTypeError(f"{text[:40]!r} is not a whole number {bound}")
        return int(text)

    return parsed


def file_ending_in(*suffixes: str) -> Callable[[str], Path]:
    """For argparse's `type`: a file whose name ends in one of `suffixes`, such as `.png`."""

    def parsed(text: str) -> Path:
        if not text.lower().endswith(suffixes):
            raise ArgumentTypeError(f"{text} does not end in {suffixes[0]}")
        return Path(text)

    return parsed


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
