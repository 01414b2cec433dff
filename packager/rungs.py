"""Rungs as a person requests them: `360@crf27,540@800k,720@crf27`, heights at a constant quality or a bitrate."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packager.errors import LadderError

_RUNG = re.compile(
    r"(?P<height>\d{1,5})@(?:crf(?P<crf>\d{1,2}(?:\.\d{1,2})?)|(?P<bitrate>\d{1,6}(?:\.\d{1,3})?)(?P<unit>[kM]))"
)
_UNIT_BPS = {"k": 1_000, "M": 1_000_000}


@dataclass(frozen=True)
class Crf:
    """Constant quality."""

    value: float
    """CRF on the scale of the codec; lower is better."""

    def __str__(self) -> str:
        return f"crf{self.value:g}"


@dataclass(frozen=True)
class Bitrate:
    """A bitrate, held by a buffer of two seconds."""

    bps: int

    def __str__(self) -> str:
        return f"{self.bps / 1000:g}k"


Rate = Crf | Bitrate


@dataclass(frozen=True)
class WantedRung:
    """One rung as asked for, before the source decides its exact size."""

    height: int
    rate: Rate

    def __str__(self) -> str:
        return f"{self.height}@{self.rate}"


def parse_rungs(text: str) -> tuple[WantedRung, ...] | None:
    """The rungs in `text`; None for `auto`. Raises LadderError, which names the part that is wrong."""
    if text == "auto":
        return None
    return tuple(_parse_rung(part.strip()) for part in text.split(","))


def _parse_rung(text: str) -> WantedRung:
    match = _RUNG.fullmatch(text)
    if match is None:
        raise LadderError(f"rung {text[:40]!r} is neither like 360@crf27 nor like 540@800k")
    height = int(match["height"])
    if height < 2:
        raise LadderError(f"rung {text!r} has no height")
    if match["crf"] is not None:
        return WantedRung(height, Crf(float(match["crf"])))
    bps = round(float(match["bitrate"]) * _UNIT_BPS[match["unit"]])
    if bps < 1000:
        raise LadderError(f"rung {text!r} has less than one kilobit a second")
    return WantedRung(height, Bitrate(bps))
