"""Segments by MP4Box (GPAC). Its manifest is thrown away: each defect found was in that, none in a segment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from media.errors import ProgramFailedError
from media.programs import find_program, run
from packager.presentation import measure_track
from packager.segmenters.ffmpeg import FfmpegSegmenter

DEADLINE_S = 1800.0
_TICKS_PER_S = 1_000_000
"""Unit of the times that MP4Box is given; milliseconds, its own unit, are too coarse."""

_MANIFEST = "mp4box.mpd"


@dataclass(frozen=True)
class Mp4boxSegmenter:
    """See `packager.segmenters.choice.Segmenter`."""

    program: Path
    name: str = "mp4box"

    def segment_video(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        # Half a frame short of a segment: the cut then falls on the key frame whatever its rounding does.
        self._segment(track, folder, segment_s - frame_s / 2)
        if _longest_s(folder) > segment_s:
            _empty(folder)
            self._instead.segment_video(track, folder, segment_s, frame_s)

    def segment_audio(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        # It rounds the time down to a sample: half of one more keeps floats from losing a whole one each time.
        self._segment(track, folder, segment_s + frame_s / 2048, "-closest")
        if _longest_s(folder) > segment_s:
            _empty(folder)
            self._instead.segment_audio(track, folder, segment_s, frame_s)

    @property
    def _instead(self) -> FfmpegSegmenter:
        """Returns ffmpeg's segmenter, for a segment that begins with a track's last frame, which MP4Box 1.0 cannot
        cut."""
        return FfmpegSegmenter(find_program("ffmpeg"))

    def _segment(self, track: Path, folder: Path, segment_s: Fraction, *options: str) -> None:
        # MP4Box gives `:` and `#` in a path a meaning of its own: it is shown relative ones, all of our making.
        inside = Path(os.path.relpath(folder, track.parent))
        arguments = segment_arguments(Path(track.name), inside, segment_s, *options)
        run_mp4box(self.program, *arguments, deadline_s=DEADLINE_S, cwd=track.parent)
        try:
            (folder / _MANIFEST).unlink()
        except FileNotFoundError:
            raise ProgramFailedError("MP4Box ended without a word, and has written no segments") from None


def run_mp4box(program: Path, *arguments: str, deadline_s: float, cwd: Path | None = None) -> bytes:
    """Run MP4Box in an empty home folder; returns stdout and stderr.

    Without a home it does not start, and in the user's it reads and writes settings. Raises ProgramFailedError,
    ProgramNotFoundError.
    """
    with TemporaryDirectory(prefix="neudash-home-") as home:
        return run([str(program), *arguments], deadline_s=deadline_s, cwd=cwd, home=Path(home), with_stderr=True)


def segment_arguments(track: Path, folder: Path, segment_s: Fraction, *options: str) -> list[str]:
    """Returns MP4Box's arguments, without its name."""
    ticks = str(round(segment_s * _TICKS_PER_S))
    return [
        "-quiet",
        *("-dash", ticks),
        *("-frag", ticks),  # one fragment in each segment
        *("-dash-scale", str(_TICKS_PER_S)),
        *options,
        "-rap",  # cut only at key frames
        *("-profile", "live"),
        *("-bs-switching", "no"),  # each rung keeps its own init segment
        "-url-template",
        "-segment-timeline",
        *("-segment-name", "$Number%05d$$Init=init$"),
        *("-out", str(folder / _MANIFEST)),
        str(track),
    ]


def _longest_s(folder: Path) -> Fraction:
    track = measure_track(folder)
    return Fraction(max(segment.duration_ticks for segment in track.segments), track.init.timescale)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
