"""The frames that the packager encoded from, for whoever compares with them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from media.frames import Frame, frame_from_i420
from media.programs import find_ffmpeg, pipe_program
from media.source.reading import source_frames
from media.source.scan import Scan, scan
from media.source.treatment import QUIET, SourceTreatment, apply_filters, raw_input, video_filters

FRAME_DEADLINE_S = 300.0
"""Longest wait for one frame; the first one of a piece far into a film takes the longest."""


def reference_frames(path: Path, treatment: SourceTreatment, width: int, height: int) -> Iterator[Frame]:
    """The frames that the packager encoded from, at even `width` x `height`; the first is shown at 0.

    Bit for bit what the encoder of a rung of that size was given. Raises ProgramFailedError if ffmpeg cannot go on,
    UnreadableSourceError if not one frame comes out.
    """
    found = scan(path, treatment.stream_index, treatment.sound_indices)
    yield from frames_as_encoded(path, found, treatment, width, height)


def frames_as_encoded(path: Path, found: Scan, treatment: SourceTreatment, width: int, height: int) -> Iterator[Frame]:
    """Yields the same as `reference_frames` for a source that has been scanned. Raises the same."""
    source = raw_input(treatment, treatment.shape_of(found))
    output = apply_filters(source, video_filters(treatment, width, height)).output(
        "pipe:1", f="rawvideo", pix_fmt="yuv420p", fps_mode="passthrough"
    )
    arguments = [str(find_ffmpeg()), *QUIET, *output.get_args()]
    frame_bytes = width * height * 3 // 2
    pieces = pipe_program(
        arguments, source_frames(path, found, treatment), frame_bytes=frame_bytes, deadline_s=FRAME_DEADLINE_S
    )
    for index, data in enumerate(pieces):
        yield frame_from_i420(data, width, height, Fraction(index) / treatment.frame_rate)
