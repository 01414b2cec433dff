"""Decodes and resizes frames, and scores them against the source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import av
import cv2

from bench.programs import BenchError
from manifests.model import VideoRepresentation
from manifests.networks import Size
from media.frames import Frame, decode_segment, frame_from_i420
from media.quality import FrameScore, judge, pooled

Enlarge = Callable[[Frame], Frame]

RESIZED = {"bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
"""Interpolations of OpenCV: bicubic with a = -0.75, Lanczos with 8 taps."""
METRICS = ("psnr_y", "psnr_u", "psnr_v", "vmaf", "vmaf_neg")
UNSHARP_AMOUNT, UNSHARP_SIGMA = 0.4, 1.0
JUDGING_CODE = ("bench/judging.py", "media/quality.py", "media/vmaf.py", "media/source/treatment.py")
"""Code on which every score depends, besides the bytes of a rung."""


def lossless_frames(path: Path) -> Iterator[Frame]:
    """Yields the frames of a file that the player wrote, bit for bit. Raises BenchError if they are not 8-bit 4:2:0."""
    with av.open(str(path)) as container:
        for index, decoded in enumerate(container.decode(video=0)):
            if decoded.format.name != "yuv420p":
                raise BenchError(f"{path.name} contains {decoded.format.name}, not yuv420p")
            planes = decoded.to_ndarray().tobytes()
            yield frame_from_i420(planes, decoded.width, decoded.height, Fraction(index))


def decoded_frames(media: Sequence[Path]) -> Iterator[Frame]:
    """Yields all frames of a rung, as a player decodes them. `media` is its init segment, then its segments."""
    init, *segments = media
    for segment in segments:
        yield from decode_segment(init.read_bytes(), segment.read_bytes())


def enlargement(name: str, size: Size) -> Enlarge:
    """Returns the resizing called `bicubic`, `lanczos` or `unsharp` (Lanczos with an unsharp mask)."""
    interpolation = RESIZED.get(name, cv2.INTER_LANCZOS4)

    def enlarge(frame: Frame) -> Frame:
        resized = _resized(frame, size, interpolation)
        return sharpened(resized) if name == "unsharp" else resized

    return enlarge


def _resized(frame: Frame, size: Size, interpolation: int) -> Frame:
    """Returns the frame at a size; the same object if it has that size already."""
    width, height = size
    if (frame.width, frame.height) == size:
        return frame
    luma = cv2.resize(frame.y, size, interpolation=interpolation)
    u, v = (cv2.resize(c, (width // 2, height // 2), interpolation=interpolation) for c in (frame.u, frame.v))
    return Frame(luma, u, v, frame.pts_s)


def sharpened(frame: Frame) -> Frame:
    """Returns the frame with an unsharp mask on its luma: plus 0.4 of what a Gaussian blur of sigma 1 removes."""
    blurred = cv2.GaussianBlur(frame.y, (0, 0), UNSHARP_SIGMA)
    luma = cv2.addWeighted(frame.y, 1 + UNSHARP_AMOUNT, blurred, -UNSHARP_AMOUNT, 0)
    return Frame(luma, frame.u, frame.v, frame.pts_s)


def frame_scores(
    references: Iterable[Frame],
    decoded: Iterable[Frame],
    ways: Mapping[str, Enlarge],
    size: Size,
    *,
    vmaf_every: int,
    on_frame: Callable[[], None] = lambda: None,
) -> dict[str, list[FrameScore]]:
    """Returns the score of every frame in each way of resizing it. Raises BenchError if the lengths differ."""
    with ExitStack() as stack:
        # Both streams are read once, and every way is scored frame by frame.
        judges = {name: stack.enter_context(judge(*size, vmaf_every=vmaf_every)) for name in ways}
        for index, (reference, frame) in enumerate(zip_longest(references, decoded)):
            if reference is None or frame is None:
                ended = "source" if reference is None else "rung"
                raise BenchError(f"the {ended} ends after {index} frames, before the other")
            for name, enlarge in ways.items():
                judges[name].add(reference, enlarge(frame))
            on_frame()
    return {name: verdict.scores() for name, verdict in judges.items()}


def scores_by_segment(scores: Iterable[FrameScore], rung: VideoRepresentation) -> Iterator[list[FrameScore]]:
    """Yields the scores of each segment, which has as many frames as the manifest promises."""
    rest = iter(scores)
    for segment in rung.segments:
        yield list(islice(rest, round(segment.duration_s * rung.video.frame_rate)))


def quality_json(scores: Sequence[FrameScore]) -> dict[str, Any]:
    """Returns METRICS over all these frames, and their number."""
    quality = pooled(scores)
    return {"frames": quality.frames, **{name: getattr(quality, name) for name in METRICS}}
