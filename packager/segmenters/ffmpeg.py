"""Segments by ffmpeg's dash muxer, for machines without MP4Box. Its manifest is discarded as well."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import ffmpeg

from media.programs import file_url, run
from media.source.treatment import seconds

DEADLINE_S = 1800.0
_MANIFEST = "ffmpeg.mpd"


@dataclass(frozen=True)
class FfmpegSegmenter:
    """See `packager.segmenters.choice.Segmenter`."""

    program: Path
    name: str = "ffmpeg"

    def segment_video(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        # It cuts at the first key frame after the given time: half a frame less is safe from rounding.
        self._segment(track, folder, segment_s - frame_s / 2)

    def segment_audio(self, track: Path, folder: Path, segment_s: Fraction, frame_s: Fraction) -> None:
        self._segment(track, folder, segment_s - frame_s / 2)

    def _segment(self, track: Path, folder: Path, segment_s: Fraction) -> None:
        arguments = segment_arguments(track, segment_s)
        # The muxer resolves the names of segments against those of its manifest.
        run([str(self.program), *arguments], deadline_s=DEADLINE_S, cwd=folder)
        (folder / _MANIFEST).unlink()


def segment_arguments(track: Path, segment_s: Fraction) -> list[str]:
    """Returns ffmpeg's arguments, to be run in the folder for the segments."""
    output = ffmpeg.input(file_url(track), protocol_whitelist="file").output(
        _MANIFEST,
        f="dash",
        c="copy",
        map_metadata="-1",
        seg_duration=seconds(segment_s),
        use_template="1",
        use_timeline="1",
        init_seg_name="init.mp4",
        media_seg_name="$Number%05d$.m4s",
        single_file="0",
    )
    return ["-hide_banner", "-nostdin", "-loglevel", "error", "-y", *output.get_args()]
