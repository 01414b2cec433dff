"""Size and timing of a session's output: constant, independent of the rung of a segment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from manifests.model import VideoRepresentation
from media.programs import MAX_SOURCE_PIXELS
from player.errors import UnplayableError

MAX_SIDE = 16384
"""Largest side of the output in pixels, the limit of H.264."""


@dataclass(frozen=True)
class OutputFormat:
    """Every frame that a sink is given has this form, in limited-range BT.709 YUV 4:2:0."""

    width: int
    height: int
    frame_rate: Fraction
    time_base_s: Fraction
    """The step in which time stamps are whole numbers."""
    sar: Fraction = Fraction(1)


def output_format(
    rungs: Sequence[VideoRepresentation], scale: int | None = None, played: str | None = None
) -> OutputFormat:
    """The largest enhanced size of the video representations `rungs` (at least one), in pixels.

    A model of the viewer's own enlarges by `scale` each rung that may be played: all, or the one with id `played`.
    Raises UnplayableError for a size that no output can have.
    """
    sizes = {r.id: r.target_size for r in rungs}
    if scale is not None:
        enlarged = (r for r in rungs if played in (None, r.id))
        sizes |= {r.id: r.size.times(scale) for r in enlarged}
    largest = max(rungs, key=lambda r: sizes[r.id].pixels)
    video, (width, height) = largest.video, sizes[largest.id]
    if width % 2 or height % 2 or max(width, height) > MAX_SIDE:
        raise UnplayableError(f"the video would be {width}x{height}; sides are even and at most {MAX_SIDE}")
    if width * height > MAX_SOURCE_PIXELS:
        raise UnplayableError(f"the video would be {width}x{height}, more than the {MAX_SOURCE_PIXELS} pixels of 8K")
    return OutputFormat(
        width=width,
        height=height,
        frame_rate=video.frame_rate,
        time_base_s=Fraction(1, largest.timescale),
        # The picture keeps its shape where width and height are enlarged by different ratios.
        sar=video.sar * Fraction(video.width * height, video.height * width),
    )


def switchable(rungs: Sequence[VideoRepresentation]) -> tuple[VideoRepresentation, ...]:
    """Those whose segments begin and end with those of the rung with the most bits, so that any can follow any."""
    model = _boundaries(max(rungs, key=lambda r: r.bandwidth_bps))
    return tuple(r for r in rungs if _boundaries(r) == model)


def fixed_rung(rungs: Sequence[VideoRepresentation], wish: str) -> VideoRepresentation:
    """The rung called `wish`, or the one of that height with the most bits. Raises UnplayableError."""
    named = [r for r in rungs if r.id == wish] or [r for r in rungs if str(r.video.height) == wish]
    if not named:
        offered = ", ".join(f"{r.video.height} ({r.id})" for r in rungs)
        raise UnplayableError(f"there is no rung {wish!r}; the manifest offers {offered}")
    return max(named, key=lambda r: r.bandwidth_bps)


def _boundaries(representation: VideoRepresentation) -> list[Fraction]:
    return [segment.end_s for segment in representation.segments]
