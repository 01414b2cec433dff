"""The one way from a source to frames: the packager encodes what trainer and report compare with.

All output is BT.709, limited range, 8-bit 4:2:0, constant frame rate, progressive, upright, and is tagged so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from media.errors import UnreadableSourceError
from media.frames import Frame, frame_from_i420
from media.programs import find_program, source_options, source_url, stream

FRAME_DEADLINE_S = 300.0
"""Longest wait for one frame; the first one of a piece far into a film takes the longest."""

Filter = tuple[str, dict[str, str]]
"""Name and options, as ffmpeg-python's `filter` takes them."""

Transfer = Literal["sdr", "pq", "hlg"]
_TRANSFERS = {"pq": "smpte2084", "hlg": "arib-std-b67"}


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
    matrix: str
    """YUV matrix of the source, in the words of ffmpeg's scale filter; of no effect for RGB."""
    full_range: bool
    """Whether the source's luma spans 0-255 rather than 16-235."""
    transfer: Transfer
    """`pq` and `hlg` are tone-mapped; `sdr` is kept."""

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
        return {name: str(v) if isinstance(v, Fraction) else v for name, v in values.items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SourceTreatment:
        """The inverse of `to_json`. Raises ValueError for anything else."""
        try:
            values = {field.name: value[field.name] for field in fields(cls)}
            for name in ("frame_rate", "first_frame_s", "start_s"):
                values[name] = Fraction(values[name])
            duration_s = values["duration_s"]
            values["duration_s"] = None if duration_s is None else Fraction(duration_s)
            return cls(**values)
        except (KeyError, TypeError, ZeroDivisionError) as error:
            raise ValueError(f"not a source treatment: {error!r}") from error


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
    chain: list[Filter] = []
    if treatment.deinterlace:
        chain.append(("bwdif", {"mode": "send_frame", "deint": "all"}))
    chain += _constant_rate(treatment)
    if treatment.transfer != "sdr":
        chain += _tone_map(treatment)
    return chain


def _constant_rate(treatment: SourceTreatment) -> list[Filter]:
    # Shifted first: at a whole number of frames from zero, jitter in the time stamps never flips a rounding.
    chain: list[Filter] = [
        ("setpts", {"expr": f"PTS-({seconds(treatment.shift_s)})/TB"}),
        ("fps", {"fps": str(treatment.frame_rate), "start_time": "0"}),
    ]
    if treatment.frame_limit is not None:
        chain.append(("trim", {"end_frame": str(treatment.frame_limit)}))
    return chain


def _tone_map(treatment: SourceTreatment) -> list[Filter]:
    """HDR to BT.709 in linear light (the chain of ffmpeg's own documentation of `tonemap`)."""
    return [
        (
            "zscale",
            {
                "transferin": _TRANSFERS[treatment.transfer],
                "primariesin": "bt2020",
                "matrixin": "bt2020nc",
                "rangein": _range(treatment),
                "transfer": "linear",
                "npl": "100",  # nits of SDR's white; the curve below brings HDR's 203 under it
            },
        ),
        ("format", {"pix_fmts": "gbrpf32le"}),
        ("zscale", {"primaries": "bt709"}),
        ("tonemap", {"tonemap": "hable", "desat": "0"}),
        ("zscale", {"transfer": "bt709", "matrix": "bt709", "range": "limited"}),
        ("format", {"pix_fmts": "yuv420p10le"}),
    ]


def size_filters(treatment: SourceTreatment, width: int, height: int) -> list[Filter]:
    """The tail of `video_filters`: size and colour in one step, so that nothing is rounded twice."""
    tone_mapped = treatment.transfer != "sdr"
    return [
        (
            "scale",
            {
                "width": str(width),
                "height": str(height),
                "flags": "lanczos+accurate_rnd+full_chroma_int",
                "in_color_matrix": "bt709" if tone_mapped else treatment.matrix,
                "in_range": "limited" if tone_mapped else _range(treatment),
                "out_color_matrix": "bt709",
                "out_range": "limited",
            },
        ),
        ("format", {"pix_fmts": "yuv420p"}),
        (
            "setparams",
            {"range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"},
        ),
    ]


def _range(treatment: SourceTreatment) -> str:
    return "full" if treatment.full_range else "limited"


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
