"""The one way from a source to frames: the packager encodes what trainer and report compare with.

All output is BT.709, limited range, 8-bit 4:2:0, constant frame rate, progressive, upright, and is tagged so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from media.colour import Colour, Filter, sdr_filters, sdr_size_filters
from media.errors import UnreadableSourceError
from media.frames import Frame, frame_from_i420
from media.programs import find_program, source_options, source_url, stream

FRAME_DEADLINE_S = 300.0
"""Longest wait for one frame; the first one of a piece far into a film takes the longest."""

_OLD_COLOUR = ("matrix", "full_range", "transfer")
"""Fields that were a treatment's own before there was a `Colour`."""


@dataclass(frozen=True)
class SourceTreatment:
    """All that decides which frames come out of a source; written to provenance.json by the packager."""

    stream_index: int
    """Of the video stream within the file."""
    frame_rate: Fraction
    """Constant rate of what comes out; that of the source where it has one, so that no frame is lost."""
    first_frame_s: Fraction
    """When the source's first frame is shown, from the start of the file; becomes 0."""
    start_s: Fraction
    """How far after the first frame we begin: a whole number of frames."""
    duration_s: Fraction | None
    """How long we go on; None for the end of the source."""
    deinterlace: bool
    colour: Colour
    """Of the source; what comes out is BT.709."""

    @property
    def seek_s(self) -> Fraction:
        """Where reading begins, from the start of the file: half a frame early, so rounding drops none."""
        return self.first_frame_s + self.start_s - self._half_frame_s if self.start_s else Fraction(0)

    @property
    def shift_s(self) -> Fraction:
        """What time stamps after the seek are too large by."""
        return self._half_frame_s if self.start_s else self.first_frame_s

    @property
    def frame_limit(self) -> int | None:
        """The most frames that come out; fewer where the source ends before. None: all."""
        return None if self.duration_s is None else max(1, round(self.duration_s * self.frame_rate))

    @property
    def _half_frame_s(self) -> Fraction:
        return 1 / (2 * self.frame_rate)

    def to_json(self) -> dict[str, Any]:
        """For provenance.json: fractions as `n/d`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: str(v) if isinstance(v, Fraction) else v for name, v in values.items()}
        return plain | {"colour": self.colour.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SourceTreatment:
        """The inverse of `to_json`; also reads what versions before `Colour` wrote. Raises ValueError."""
        if "colour" not in value and all(name in value for name in _OLD_COLOUR):
            value = {**value, "colour": _old_colour(value)}
        try:
            values = {field.name: value[field.name] for field in fields(cls)}
            for name in ("frame_rate", "first_frame_s", "start_s"):
                values[name] = Fraction(values[name])
            values["colour"] = Colour(**values["colour"])
            duration_s = values["duration_s"]
            values["duration_s"] = None if duration_s is None else Fraction(duration_s)
            return cls(**values)
        except (KeyError, TypeError, ZeroDivisionError) as error:
            raise ValueError(f"not a source treatment: {error!r}") from error


def _old_colour(value: dict[str, Any]) -> dict[str, Any]:
    if value["transfer"] != "sdr":
        raise ValueError("not a source treatment of today: HDR has another tone curve since; package it again")
    return {"matrix": value["matrix"], "full_range": value["full_range"]}


def file_sha256(path: Path) -> str:
    """64 hex digits over the whole file, which tell a source from another. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def open_source(path: Path, seek_s: Fraction) -> ffmpeg.nodes.FilterableStream:
    """The file as an input of an ffmpeg-python graph, whitelists and seek included."""
    options = source_options() | ({"ss": seconds(seek_s)} if seek_s else {})
    return ffmpeg.input(source_url(path), **options)


def video_filters(treatment: SourceTreatment, width: int, height: int) -> list[Filter]:
    """THE filter chain: from decoded frames to even `width` x `height`. (ffmpeg has turned them upright.)"""
    return shared_filters(treatment) + size_filters(treatment, width, height)


def shared_filters(treatment: SourceTreatment) -> list[Filter]:
    """The head of `video_filters`, which is the same for every size: the packager runs it once."""
    return timing_filters(treatment) + sdr_filters(treatment.colour)


def timing_filters(treatment: SourceTreatment) -> list[Filter]:
    """The head of `shared_filters`, which is the same for SDR and HDR: whole frames at a constant rate."""
    chain: list[Filter] = []
    if treatment.deinterlace:
        chain.append(("bwdif", {"mode": "send_frame", "deint": "all"}))
    return chain + _constant_rate(treatment)


def _constant_rate(treatment: SourceTreatment) -> list[Filter]:
    # Shifted first: at a whole number of frames from zero, jitter in the time stamps never flips a rounding.
    chain: list[Filter] = [
        ("setpts", {"expr": f"PTS-({seconds(treatment.shift_s)})/TB"}),
        ("fps", {"fps": str(treatment.frame_rate), "start_time": "0"}),
    ]
    if treatment.frame_limit is not None:
        chain.append(("trim", {"end_frame": str(treatment.frame_limit)}))
    return chain


def size_filters(treatment: SourceTreatment, width: int, height: int) -> list[Filter]:
    """The tail of `video_filters`: size and colour in one step, so that nothing is rounded twice."""
    return sdr_size_filters(treatment.colour, width, height)


def apply_filters(node: ffmpeg.nodes.FilterableStream, chain: list[Filter]) -> ffmpeg.nodes.FilterableStream:
    """The ffmpeg-python stream after those filters."""
    for name, options in chain:
        node = node.filter(name, **options)
    return node


def reference_frames(path: Path, treatment: SourceTreatment, width: int, height: int) -> Iterator[Frame]:
    """The frames that the packager encoded from, at even `width` x `height`; the first is shown at 0.

    Bit for bit what the encoder of a rung of that size was given. Raises ProgramFailedError where ffmpeg
    cannot go on, UnreadableSourceError where not one frame comes out.
    """
    source = open_source(path, treatment.seek_s)[str(treatment.stream_index)]
    output = apply_filters(source, video_filters(treatment, width, height)).output(
        "pipe:1", f="rawvideo", pix_fmt="yuv420p", fps_mode="passthrough"
    )
    arguments = [str(find_program("ffmpeg")), *QUIET, *output.get_args()]
    frame_bytes = width * height * 3 // 2
    index = -1
    for index, data in enumerate(stream(arguments, frame_bytes=frame_bytes, deadline_s=FRAME_DEADLINE_S)):
        yield frame_from_i420(data, width, height, index / treatment.frame_rate)
    if index < 0:
        raise UnreadableSourceError(f"{path.name!r} has no frames in the part asked for")


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
    """For an ffmpeg option, to the microsecond it computes with."""
    return f"{float(value):.6f}"
