"""Scores every frame that a player wrote, or that OpenCV resized, against the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2

from bench.programs import BenchError
from manifests.bundle import Bundle
from manifests.model import VideoRepresentation
from manifests.networks import Size
from manifests.provenance import read_provenance
from media.frames import Frame, decode_segment, frame_from_i420, resize_frame
from media.quality import FrameScore, measure, pooled
from media.source.reference import reference_frames
from media.source.treatment import SourceTreatment


def lossless_frames(path: Path) -> Iterator[Frame]:
    """Yields the frames of a file that the player wrote, bit for bit. Raises BenchError if they are not 8-bit 4:2:0."""
    with av.open(str(path)) as container:
        for index, decoded in enumerate(container.decode(video=0)):
            if decoded.format.name != "yuv420p":
                raise BenchError(f"{path.name} contains {decoded.format.name}, not yuv420p")
            planes = decoded.to_ndarray().tobytes()
            yield frame_from_i420(planes, decoded.width, decoded.height, Fraction(index))


def at_size(frames: Iterator[Frame], width: int, height: int) -> Iterator[Frame]:
    """Yields the frames at a size; resizes those that the player left at the rung's size because it had no model."""
    for frame in frames:
        yield resize_frame(frame, width, height)


def resized_frames(bundle: Bundle, rung: VideoRepresentation, width: int, height: int, filter_: int) -> Iterator[Frame]:
    """Yields the rung's frames, resized by one of OpenCV's interpolations."""
    init = bundle.read(rung.init_href)
    for segment in rung.segments:
        for frame in decode_segment(init, bundle.read(segment.href)):
            luma = cv2.resize(frame.y, (width, height), interpolation=filter_)
            u, v = (cv2.resize(c, (width // 2, height // 2), interpolation=filter_) for c in (frame.u, frame.v))
            yield Frame(luma, u, v, frame.pts_s)


def judged(
    bundle: Bundle,
    rung: VideoRepresentation,
    source: Path,
    size: Size,
    frames: Iterator[Frame],
    vmaf_every: int,
) -> dict[str, Any]:
    """Returns PSNR-Y, SSIM, VMAF and VMAF-NEG over all frames, and PSNR-Y of each segment."""
    treatment = SourceTreatment.from_json(read_provenance(bundle.root).treatment)
    scores = measure(reference_frames(source, treatment, *size), frames, vmaf_every=vmaf_every)
    per_segment = [pooled(run).psnr_y for run in _by_segment(rung, scores)]
    return {**asdict(pooled(scores)), "segments_psnr_y": per_segment}


def _by_segment(rung: VideoRepresentation, scores: list[FrameScore]) -> Iterator[list[FrameScore]]:
    first = 0
    for segment in rung.segments:
        count = round(segment.duration_s * rung.video.frame_rate)
        yield scores[first : first + count]
        first += count
