"""The one interface to what cuts an encoded track into segments, and the choice between the two that do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from media.errors import MediaError, ProgramNotFoundError
from media.programs import find_program
from packager.errors import PackagingError
from packager.segment_ffmpeg import FfmpegSegmenter
from packager.segment_mp4box import Mp4boxSegmenter, run_mp4box


class Segmenter(Protocol):
    """Cuts one track into `init.mp4` and `00001.m4s`, `00002.m4s` … of CMAF, nothing encoded again."""

    @property
    def name(self) -> str:
        """Such as `mp4box`."""

    def segment_video(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        """Cut at every key frame; they are `segment_s` apart, and a frame lasts `frame_s`."""

    def segment_audio(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        """Cut into pieces of `segment_s`, which is a whole number of AAC frames of `frame_s` each."""


ANSWER_S = 60.0


def open_segmenter(name: str, warn: Callable[[str], None] = lambda line: None) -> Segmenter:
    """`mp4box`, `ffmpeg`, or `auto`: MP4Box if it is installed and starts. `warn` is told if it does not start.

    Raises ProgramNotFoundError, PackagingError.
    """
    if name == "ffmpeg":
        return FfmpegSegmenter(find_program("ffmpeg"))
    try:
        program = find_program("MP4Box")
    except ProgramNotFoundError:
        if name == "mp4box":
            raise
        return FfmpegSegmenter(find_program("ffmpeg"))
    try:
        run_mp4box(program, "-version", deadline_s=ANSWER_S)
    except MediaError as error:
        if name == "mp4box":
            raise PackagingError(
                f"MP4Box is installed, but does not run: {error}; --segmenter ffmpeg does without"
            ) from error
        warn(f"MP4Box is installed, but does not run ({error}); ffmpeg cuts the segments instead")
        return FfmpegSegmenter(find_program("ffmpeg"))
    return Mp4boxSegmenter(program)
