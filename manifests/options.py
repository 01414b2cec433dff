"""Numbers on a command line: what is wrong with one is said in words, and the command ends with 2."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """For argparse's `type`: a whole number from `least`, up to `most` if that is given."""

    def parsed(text: str) -> int:
        bound = f"from {least} to {most}" if most is not None else f"from {least}"
        if not text.strip().isdecimal() or not least <= int(text) <= (most if most is not None else math.inf):
            raise ArgumentTypeError(f"{text[:40]!r} is not a whole number {bound}")
        return int(text)

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
