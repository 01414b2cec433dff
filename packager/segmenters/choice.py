"""The one interface to what cuts an encoded track into segments, and the choice between the two that do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from media.errors import MediaError, ProgramFailedError, ProgramNotFoundError
from media.programs import find_program
from packager.errors import PackagingError
from packager.segmenters.ffmpeg import FfmpegSegmenter
from packager.segmenters.mp4box import Mp4boxSegmenter, run_mp4box


class Segmenter(Protocol):
    """Cuts one track into `init.mp4` and `00001.m4s`, `00002.m4s` … of CMAF, nothing encoded again."""

    @property
    def name(self) -> str:
        """Name of the segmenter, such as `mp4box`."""

    def segment_video(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        """Cut at every key frame; they are `segment_s` apart, and a frame lasts `frame_s`."""

    def segment_audio(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        """Cut into pieces of `segment_s`, which is a whole number of AAC frames of `frame_s` each."""


ANSWER_S = 60.0


def open_segmenter(name: str, warn: Callable[[str], None] = lambda line: None) -> Segmenter:
    """Opens `mp4box`, `ffmpeg`, or `auto`: MP4Box if it is installed and starts. `warn` receives a line if it does
    not.

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
        if b"GPAC" not in run_mp4box(program, "-version", deadline_s=ANSWER_S):
            raise ProgramFailedError(f"{program} does not answer as MP4Box does")
    except MediaError as error:
        if name == "mp4box":
            raise PackagingError(
                f"MP4Box is installed, but does not run: {error}; --segmenter ffmpeg does without"
            ) from error
        warn(f"MP4Box is installed, but does not run ({error}); ffmpeg cuts the segments instead")
        return FfmpegSegmenter(find_program("ffmpeg"))
    mp4box = Mp4boxSegmenter(program)
    return mp4box if name == "mp4box" else FallingBackSegmenter(mp4box, warn)


class FallingBackSegmenter:
    """One segmenter as long as it works, and ffmpeg for all that comes after a failure of it."""

    def __init__(self, first: Segmenter, warn: Callable[[str], None]) -> None:
        """Wraps `first`; `warn` receives a line if it fails."""
        self._segmenter = first
        self._warn = warn

    @property
    def name(self) -> str:
        return self._segmenter.name

    def segment_video(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        self._tried(folder, lambda: self._segmenter.segment_video(track, folder, segment_s, frame_s))

    def segment_audio(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        self._tried(folder, lambda: self._segmenter.segment_audio(track, folder, segment_s, frame_s))

    def _tried(self, folder: Path, segment: Callable[[], None]) -> None:
        try:
            segment()
        except MediaError as error:
            if isinstance(self._segmenter, FfmpegSegmenter):
                raise
            self._warn(f"MP4Box failed ({error}); ffmpeg cuts the segments instead")
            self._segmenter = FfmpegSegmenter(find_program("ffmpeg"))
            for piece in folder.iterdir():
                piece.unlink()
            segment()
