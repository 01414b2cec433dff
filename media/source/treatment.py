"""The treatment of a source's frames: the packager encodes what trainer and report compare with.

All output is BT.709, limited range, 8-bit 4:2:0, constant frame rate, progressive, upright, and is tagged so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import ffmpeg

from media.colour.conversion import Colour, Filter, sdr_filters, sdr_size_filters
from media.source.grid import Grid
from media.source.orientation import SIDEWAYS, Turn, turn_filters
from media.source.scan import Scan
from media.source.shape import Shape, common_shape
from media.source.timeline import Timeline

_OLD_COLOUR = ("matrix", "full_range", "transfer")
"""Fields that were a treatment's own before there was a `Colour`."""

Fields = Literal["progressive", "interlaced", "telecine"]


@dataclass(frozen=True)
class Crop:
    """Pixels that are cut off a stored picture."""

    top: int
    bottom: int
    left: int
    right: int

    def filter(self) -> Filter:
        """ffmpeg's filter that cuts them off."""
        size = {"w": f"iw-{self.left + self.right}", "h": f"ih-{self.top + self.bottom}"}
        return "crop", {**size, "x": str(self.left), "y": str(self.top), "exact": "1"}


@dataclass(frozen=True)
class SourceTreatment:
    """All that decides which frames come out of a source; written to provenance.json by the packager."""

    stream_index: int
    """Index of the video stream within the file."""
    frame_rate: Fraction
    """Constant rate of what comes out."""
    start_s: Fraction
    """Start after the first frame: a whole number of frames."""
    duration_s: Fraction | None
    """Duration to read; None up to the end of the source."""
    fields: Fields
    """`interlaced` is deinterlaced, one frame for each field if `frame_rate` is twice `source_rate`; `telecine` gives
    the film back that a 2:3 pulldown was made of."""
    colour: Colour
    """Colours of the source; BT.709 comes out."""

    sound_indices: tuple[int, ...] = ()
    """The sound streams that share the picture's clock."""
    source_rate: Fraction = Fraction(0)
    """Constant rate on which the source's own frames lie; 0 stands for `frame_rate`."""
    origin_s: Fraction | None = None
    """The time of the source that becomes 0 (with `start_s` 0); None for that of the first frame."""
    shape: Shape | None = None
    """The stored pictures; None for the shape of most of them."""
    crop: Crop | None = None
    """Part of the stored picture that is shown, as the container states it."""
    turn: Turn = "none"
    """Rotation or mirroring of the picture for display."""

    def __post_init__(self) -> None:
        if not self.source_rate:
            object.__setattr__(self, "source_rate", self.frame_rate)

    def grid_of(self, found: Scan) -> Grid:
        """The grid of the source's own frames."""
        origin_s = found.shown()[0][0] if self.origin_s is None else self.origin_s
        return Grid(self.source_rate, origin_s, constant=True)

    @property
    def display_size(self) -> tuple[Fraction, Fraction]:
        """Columns and rows of the picture as it is shown. Only for a treatment with a shape."""
        assert self.shape is not None, "the packager decides it"
        return display_size(self.shape.width, self.shape.height, self.shape.sar, self.crop, self.turn)

    def shape_of(self, found: Scan) -> Shape:
        """The shape in which the frames are handed to ffmpeg."""
        return common_shape(found.looks) if self.shape is None else self.shape

    def timeline_of(self, found: Scan) -> Timeline:
        """The times of all streams, with 0 when the first frame that comes out is shown."""
        return replace(found.timeline, origin_s=self.grid_of(found).origin_s + self.start_s)

    def output_range(self, source_frames: int) -> tuple[int, int]:
        """The number of the first frame that comes out, and how many there are, of that many on the source's grid."""
        first = round(self.start_s * self.frame_rate)
        count = max(0, round(source_frames * self.frame_rate / self.source_rate) - first)
        return first, count if self.frame_limit is None else min(count, self.frame_limit)

    @property
    def frame_limit(self) -> int | None:
        """Largest number of frames that come out, fewer if the source ends before; None for all."""
        return None if self.duration_s is None else max(1, round(self.duration_s * self.frame_rate))

    def to_json(self) -> dict[str, Any]:
        """Returns the treatment for provenance.json, fractions as `n/d`."""
        return {field.name: _json(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SourceTreatment:
        """Reads what `to_json` makes, also that of older versions. Raises ValueError for anything else."""
        if "colour" not in value and all(name in value for name in _OLD_COLOUR):
            value = {**value, "colour": _old_colour(value)}
        try:
            values = {field.name: value[field.name] for field in fields(cls) if field.name in value}
            if "deinterlace" in value:
                values["fields"] = "interlaced" if value["deinterlace"] else "progressive"
            for name in ("frame_rate", "start_s", "duration_s", "source_rate", "origin_s"):
                if values.get(name) is not None:
                    values[name] = Fraction(values[name])
            values["colour"] = Colour(**values["colour"])
            values["sound_indices"] = tuple(int(index) for index in values.get("sound_indices", ()))
            if values.get("shape") is not None:
                values["shape"] = Shape.from_json(values["shape"])
            if values.get("crop") is not None:
                values["crop"] = Crop(**{side: int(pixels) for side, pixels in values["crop"].items()})
            turn_filters(values.get("turn", "none"))
            if values["fields"] not in get_args(Fields):
                raise ValueError(f"unknown fields {values['fields']!r}")
            if values["frame_rate"] <= 0 or values.get("source_rate", 1) < 0:
                raise ValueError("a rate is not above 0")
            return cls(**values)
        except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ValueError(f"not a source treatment: {error!r}") from error


def _json(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Shape):
        return value.to_json()
    if isinstance(value, tuple):
        return list(value)
    return asdict(value) if isinstance(value, Crop | Colour) else value


def _old_colour(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if value["transfer"] != "sdr":
        raise ValueError("not a source treatment of today: HDR has another tone curve since; package it again")
    return {"matrix": value["matrix"], "full_range": value["full_range"]}


def display_size(width: int, height: int, sar: Fraction, crop: Crop | None, turn: Turn) -> tuple[Fraction, Fraction]:
    """Columns and rows of a stored picture once cropped, upright and stretched to square pixels.

    Neither is below what is stored.
    """
    columns, rows = Fraction(width), Fraction(height)
    if crop is not None:
        columns, rows = columns - crop.left - crop.right, rows - crop.top - crop.bottom
    columns, rows = (columns * sar, rows) if sar >= 1 else (columns, rows / sar)
    return (rows, columns) if turn in SIDEWAYS else (columns, rows)


def file_sha256(path: Path) -> str:
    """64 hex digits over the whole file, which tell a source from another. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def raw_input(treatment: SourceTreatment, shape: Shape) -> ffmpeg.nodes.FilterableStream:
    """The raw frames of `media.source.reading.source_frames` on stdin, as an input of an ffmpeg-python graph."""
    return ffmpeg.input(
        "pipe:0",
        f="rawvideo",
        pixel_format=shape.pixel_format,
        video_size=(shape.width, shape.height),
        framerate=str(treatment.frame_rate),
    )


def video_filters(treatment: SourceTreatment, width: int, height: int) -> list[Filter]:
    """THE filter chain: from decoded frames to even `width` x `height`."""
    return shared_filters(treatment) + size_filters(treatment, width, height)


def shared_filters(treatment: SourceTreatment) -> list[Filter]:
    """The head of `video_filters`, which is the same for every size: the packager runs it once."""
    return shape_filters(treatment) + sdr_filters(treatment.colour)


def shape_filters(treatment: SourceTreatment) -> list[Filter]:
    """The head of `shared_filters`, which is the same for SDR and HDR: cropped and upright."""
    return ([treatment.crop.filter()] if treatment.crop is not None else []) + turn_filters(treatment.turn)


def size_filters(treatment: SourceTreatment, width: int, height: int) -> list[Filter]:
    """The tail of `video_filters`: size and colour in one step, so that nothing is rounded twice."""
    return sdr_size_filters(treatment.colour, width, height)


def apply_filters(node: ffmpeg.nodes.FilterableStream, chain: list[Filter]) -> ffmpeg.nodes.FilterableStream:
    """The ffmpeg-python stream after those filters."""
    for name, options in chain:
        node = node.filter(name, **options)
    return node


QUIET = (
    "-hide_banner",
    "-nostdin",
    "-loglevel",
    "error",
    "-max_error_rate",  # damaged frames are reported by us, not by the exit status
    "1",
)
"""Global options of every ffmpeg that reads a source."""


def seconds(value: Fraction) -> str:
    """Formats a time for an ffmpeg option, to the microsecond with which it computes."""
    return f"{float(value):.6f}"
