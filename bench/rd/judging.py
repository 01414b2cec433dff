"""Scores a rung, resized in several ways from one decode, against every frame of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import zip_longest
from typing import Any

import cv2

from bench.programs import BenchError
from manifests.networks import Size
from media.frames import Frame
from media.quality import Quality, judge, pooled

Enlarge = Callable[[Frame], Frame]

UNSHARP_AMOUNT, UNSHARP_SIGMA = 0.4, 1.0
RESIZED = {"bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
"""Interpolations of OpenCV: bicubic with a = -0.75, Lanczos with 8 taps."""
METRICS = ("psnr_y", "psnr_u", "psnr_v", "vmaf", "vmaf_neg")


def enlargement(name: str, width: int, height: int) -> Enlarge:
    """Returns the resizing called `bicubic`, `lanczos` or `unsharp` (Lanczos with an unsharp mask)."""
    resize = RESIZED.get(name, cv2.INTER_LANCZOS4)

    def enlarge(frame: Frame) -> Frame:
        resized = resized_frame(frame, width, height, resize)
        return sharpened(resized) if name == "unsharp" else resized

    return enlarge


def resized_frame(frame: Frame, width: int, height: int, interpolation: int) -> Frame:
    """Returns the frame at a size; the same object if it has that size already."""
    if (frame.width, frame.height) == (width, height):
        return frame
    luma = cv2.resize(frame.y, (width, height), interpolation=interpolation)
    u, v = (cv2.resize(c, (width // 2, height // 2), interpolation=interpolation) for c in (frame.u, frame.v))
    return Frame(luma, u, v, frame.pts_s)


def sharpened(frame: Frame) -> Frame:
    """Returns the frame with an unsharp mask on its luma: plus 0.4 of what a Gaussian blur of sigma 1 removes."""
    blurred = cv2.GaussianBlur(frame.y, (0, 0), UNSHARP_SIGMA)
    luma = cv2.addWeighted(frame.y, 1 + UNSHARP_AMOUNT, blurred, -UNSHARP_AMOUNT, 0)
    return Frame(luma, frame.u, frame.v, frame.pts_s)


def judged(
    references: Iterator[Frame],
    decoded: Iterable[Frame],
    ways: Mapping[str, Enlarge],
    size: Size,
    *,
    vmaf_every: int,
    on_frame: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, Any]]:
    """Returns the quality of each way over all frames, as JSON. Raises BenchError if the lengths differ."""
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
    return {name: quality_json(pooled(verdict.scores())) for name, verdict in judges.items()}


def quality_json(quality: Quality) -> dict[str, Any]:
    """Returns the compared metrics, and the number of frames they cover."""
    return {"frames": quality.frames, **{name: getattr(quality, name) for name in METRICS}}
