"""Rungs as a person requests them: `360@crf27,540@800k,720@crf27`, heights at a constant quality or a bitrate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from packager.errors import LadderError

_RATE = r"(?P<bitrate>\d{1,6}(?:\.\d{1,3})?)(?P<unit>[kM])"
_BITRATE = re.compile(_RATE)
_RUNG = re.compile(rf"(?P<height>\d{{1,5}})@(?:crf(?P<crf>\d{{1,2}}(?:\.\d{{1,2}})?)|{_RATE})")
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


Ladder = Literal["auto", "fixed"]
"""`auto` is measured for each title; `fixed` is the source's size, its half and its quarter at one CRF."""


def parse_rungs(text: str) -> tuple[WantedRung, ...] | Ladder:
    """Returns the rungs in `text`, or the name of a ladder. Raises LadderError, which names the part that is wrong."""
    ladders: tuple[Ladder, ...] = get_args(Ladder)
    named = next((ladder for ladder in ladders if ladder == text), None)
    if named is not None:
        return named
    return tuple(_parse_rung(part.strip()) for part in text.split(","))


def _parse_rung(text: str) -> WantedRung:
    match = _RUNG.fullmatch(text)
    if match is None:
        raise LadderError(f"rung {text[:40]!r} is neither like 360@crf27 nor like 540@800k (nor auto or fixed alone)")
    height = int(match["height"])
    if height < 2:
        raise LadderError(f"rung {text!r} has no height")
    if match["crf"] is not None:
        return WantedRung(height, Crf(float(match["crf"])))
    return WantedRung(height, Bitrate(_bps(match["bitrate"], match["unit"], f"rung {text!r}")))


def parse_bitrate(text: str) -> int:
    """Returns the bits a second of `800k` or `2.5M`. Raises LadderError."""
    match = _BITRATE.fullmatch(text)
    if match is None:
        raise LadderError(f"{text[:40]!r} is not a bitrate such as 800k or 2.5M")
    return _bps(match["bitrate"], match["unit"], repr(text))


def _bps(number: str, unit: str, name: str) -> int:
    bps = round(float(number) * _UNIT_BPS[unit])
    if bps < 1000:
        raise LadderError(f"{name} has less than one kilobit a second")
    return bps
