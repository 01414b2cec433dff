"""The one shape in which all frames of a source are handed on, and bringing frames to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from media.programs import MAX_SOURCE_PIXELS
from media.source.scan import Look

_PLANAR = re.compile(r"(?:yuva?4(?:20|22|44|40|11|10)p|gbra?p|gray)(?:(?:9|10|12|14|16)le)?")
"""Formats whose planes are handed on as they are: whole planes of samples of one or two bytes."""

_SUBSAMPLED = {
    "420": ("420", "nv12", "nv21", "p010", "p012", "p016"),
    "422": ("422", "yuyv", "yvyu", "uyvy", "y210", "y212", "y216", "nv16", "nv20", "p210", "p212", "p216"),
}
"""Parts of the names of formats that are not planar, by the planes they become."""

_FULL_RANGE = re.compile(r"yuvj(4\d\dp)")


@dataclass(frozen=True)
class Shape:
    """Columns, rows and samples of raw frames."""

    width: int
    height: int
    sar: Fraction
    """Sample aspect ratio of the stored picture."""
    pixel_format: str
    """ffmpeg's name of a planar format."""

    def to_json(self) -> dict[str, Any]:
        return {"width": self.width, "height": self.height, "sar": str(self.sar), "pixel_format": self.pixel_format}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Shape:
        """Reads what `to_json` makes. Raises KeyError, TypeError, ValueError or ZeroDivisionError for anything else."""
        if not _PLANAR.fullmatch(str(value["pixel_format"])):
            raise ValueError(f"{value['pixel_format']!r} is not a planar pixel format")
        width, height, sar = int(value["width"]), int(value["height"]), Fraction(value["sar"])
        if width < 1 or height < 1 or width * height > MAX_SOURCE_PIXELS or sar <= 0:
            raise ValueError(f"a picture cannot be {width}x{height} samples of the shape {sar}")
        return cls(width, height, sar, str(value["pixel_format"]))


def common_shape(looks: Sequence[Look]) -> Shape:
    """The shape that most key frames have, the earliest one of those that are equally frequent."""
    sizes = Counter((look.width, look.height, look.sar) for look in looks)
    width, height, sar = sizes.most_common(1)[0][0]  # of equals the first
    formats = Counter(
        look.pixel_format for look in looks if (look.width, look.height, look.sar) == (width, height, sar)
    )
    return Shape(width, height, sar, planar_format(formats.most_common(1)[0][0]))


def planar_format(name: str) -> str:
    """The planar format that holds all of a pixel format."""
    if _PLANAR.fullmatch(name):
        return name
    if full_range := _FULL_RANGE.fullmatch(name):
        return f"yuv{full_range[1]}"  # the same planes; the treatment says what the numbers mean
    if (little := name.removesuffix("be") + "le") != name and _PLANAR.fullmatch(little):
        return little
    described = VideoFormat(name)
    deep = "16le" if max(component.bits for component in described.components) > 8 else ""
    if described.is_rgb or name.startswith(("pal8", "bayer", "xyz")):
        alpha = name == "pal8" or any(component.is_alpha for component in described.components)
        return ("gbrap" if alpha else "gbrp") + deep
    if name.startswith(("mono", "gray")):
        return "gray" + deep
    for subsampling, names in _SUBSAMPLED.items():
        if any(part in name for part in names):
            return f"yuv{subsampling}p{deep}"
    return f"yuva444p{deep}" if any(component.is_alpha for component in described.components) else f"yuv444p{deep}"


def fitted(frame: VideoFrame, shape: Shape, context: VideoCodecContext, stream: VideoStream) -> VideoFrame:
    """Returns the frame in that shape: unchanged if it has it already, else inside black bars that keep its aspect
    ratio."""
    if (frame.width, frame.height) == (shape.width, shape.height):
        return frame if frame.format.name in _same_planes(shape) else frame.reformat(format=shape.pixel_format)
    sar = Fraction(context.sample_aspect_ratio or stream.sample_aspect_ratio or 1) or Fraction(1)
    aspect = frame.width * sar / frame.height
    frame_aspect = shape.width * shape.sar / shape.height
    ratio = aspect / frame_aspect
    width = shape.width if ratio >= 1 else _even(shape.width * ratio, shape.width)
    height = shape.height if ratio <= 1 else _even(shape.height / ratio, shape.height)
    inner = frame.reformat(width, height, format=shape.pixel_format, interpolation=Interpolation.LANCZOS)
    return _with_bars(inner, shape) if (width, height) != (shape.width, shape.height) else inner


def _same_planes(shape: Shape) -> tuple[str, ...]:
    return shape.pixel_format, shape.pixel_format.replace("yuv4", "yuvj4")


def _even(value: Fraction, most: int) -> int:
    return max(2, min(most, 2 * round(value / 2)))


def _with_bars(inner: VideoFrame, shape: Shape) -> VideoFrame:
    whole = VideoFrame(shape.width, shape.height, shape.pixel_format)
    bits = whole.format.components[0].bits
    is_rgb = shape.pixel_format.startswith("gb")
    for number, (target, source) in enumerate(zip(whole.planes, inner.planes, strict=True)):
        rows, picture = _rows(target, bits), _rows(source, bits)
        is_chroma = number in (1, 2) and not is_rgb
        rows[:] = 0 if is_rgb or number == 3 else (128 if is_chroma else 16) << (bits - 8)
        # Offsets are even in luma, so those of the smaller planes are exact.
        top = (shape.height - inner.height) // 4 * 2 * target.height // shape.height
        left = (shape.width - inner.width) // 4 * 2 * target.width // shape.width
        rows[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return whole


def packed(frame: VideoFrame, shape: Shape) -> bytes:
    """The planes of the frame one after the other, without the padding at the end of their rows."""
    if frame.format.name not in _same_planes(shape):
        frame = frame.reformat(format=shape.pixel_format)
    bits = frame.format.components[0].bits
    return b"".join(_rows(plane, bits).tobytes() for plane in frame.planes)


def _rows(plane: VideoPlane, bits: int) -> NDArray[Any]:
    """The samples of a plane, (rows, columns) of one or two bytes each, as a view."""
    dtype = np.dtype("<u2") if bits > 8 else np.dtype(np.uint8)
    rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return rows[:, : plane.width]
