"""The brightness that an HDR source states, read from its first frame."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

_MASTERING = struct.Struct("=22i")
"""AVMasteringDisplayMetadata of FFmpeg: ten fractions (R, G, B, white as x and y; least and most light), two flags."""

Point = tuple[int, int]
"""A chromaticity, x and y in units of 0.00002."""


@dataclass(frozen=True)
class MasteringDisplay:
    """The display on which an HDR source was graded (SMPTE ST 2086), in the units of HEVC's SEI message."""

    red: Point
    green: Point
    blue: Point
    white: Point
    max_luminance: int
    """Luminance in units of 0.0001 nits."""
    min_luminance: int
    """Luminance in units of 0.0001 nits."""

    @property
    def max_nits(self) -> Fraction:
        return Fraction(self.max_luminance, 10_000)


def mastering_display(frame: VideoFrame) -> MasteringDisplay | None:
    """The mastering display that the frame names; None if it names none, or only a part of it."""
    data = side_data(frame, SideDataType.MASTERING_DISPLAY_METADATA)
    if len(data) < _MASTERING.size:
        return None
    *numbers, has_primaries, has_luminance = _MASTERING.unpack_from(data)
    if not (has_primaries and has_luminance) or 0 in numbers[1::2]:
        return None
    values = [Fraction(*numbers[at : at + 2]) for at in range(0, len(numbers), 2)]
    red, green, blue, white = ((round(values[at] * 50_000), round(values[at + 1] * 50_000)) for at in (0, 2, 4, 6))
    return MasteringDisplay(red, green, blue, white, round(values[9] * 10_000), round(values[8] * 10_000))


def content_light(frame: VideoFrame) -> tuple[int, int] | None:
    """The brightest sample and the brightest mean of a frame in nits (MaxCLL, MaxFALL); None if neither is named."""
    data = side_data(frame, SideDataType.CONTENT_LIGHT_LEVEL)
    if len(data) < 8:
        return None
    brightest, mean = struct.unpack_from("=2I", data)
    return brightest, mean


def side_data(frame: VideoFrame, kind: SideDataType) -> bytes:
    """The bytes that the frame carries of that kind; empty if there are none."""
    data: Any = frame.side_data.get(kind)  # type: ignore[call-overload]
    return b"" if data is None else bytes(data)
