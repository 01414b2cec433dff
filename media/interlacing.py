"""Whether a source is interlaced, by what its frames show: flags alone lie too often, and one frame is not enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from av.video.frame import VideoFrame

from media.filters import filtered, open_graph
from media.reading import TELECINE_CYCLE, Schedule, timed_frames
from media.scan import Look, Scan
from media.source import Fields

EXCERPTS = 6
EXCERPT_FRAMES = 6 * TELECINE_CYCLE

MIN_INTERLACED = 0.1
"""The part of the frames that tell something which must be interlaced."""
MIN_REPEATED = 0.3
"""The part of the fields that repeat the one before in a pulldown: it is two of five frames."""


@dataclass(frozen=True)
class Verdict:
    """Counts of the kinds that ffmpeg's `idet` finds in consecutive frames."""

    frames: int
    interlaced: int
    progressive: int
    repeated: int
    """Frames one field of which repeats that of the frame before."""

    @property
    def is_pulldown(self) -> bool:
        return self.interlaced > 0 and self.repeated >= MIN_REPEATED * self.frames


def judge_fields(path: Path, found: Scan, schedule: Schedule) -> Fields:
    """`interlaced` if frames that are marked so show combs, `telecine` if they do in the rhythm of a 2:3 pulldown.

    Frames of a source without such marks are not looked at.
    """
    marked = [look for look in found.looks if look.interlaced]
    if not marked:
        return "progressive"
    verdicts = [verdict_on(excerpt) for excerpt in _excerpts(path, found, schedule, marked)]
    interlaced = sum(verdict.interlaced for verdict in verdicts)
    progressive = sum(verdict.progressive for verdict in verdicts)
    # If nothing moved, the marks are all there is.
    if interlaced < MIN_INTERLACED * (interlaced + progressive):
        return "progressive"
    telling = [verdict for verdict in verdicts if verdict.interlaced]
    return "telecine" if telling and all(verdict.is_pulldown for verdict in telling) else "interlaced"


def _excerpts(path: Path, found: Scan, schedule: Schedule, marked: Sequence[Look]) -> Iterator[list[VideoFrame]]:
    """Consecutive frames from a few places over the length of what is marked."""
    places = [look for look in marked if look.packet in schedule.ticks]
    step = max(1, len(places) // EXCERPTS)
    for look in places[::step][:EXCERPTS]:
        frames = timed_frames(path, found, schedule, schedule.ticks[look.packet])
        yield [frame for _, frame in islice(frames, EXCERPT_FRAMES)]


def verdict_on(frames: Sequence[VideoFrame]) -> Verdict:
    """The verdict of `idet` on consecutive frames of one size."""
    if not frames:
        return Verdict(0, 0, 0, 0)
    first = frames[0]
    graph = open_graph(first.width, first.height, first.format.name, ("idet", ""))
    alike = [f for f in frames if (f.width, f.height, f.format.name) == (first.width, first.height, first.format.name)]
    said = [frame.metadata for frame in filtered(graph, enumerate(alike))]
    kinds = [tags.get("lavfi.idet.single.current_frame", "") for tags in said]
    repeated = [tags.get("lavfi.idet.repeated.current_frame", "") for tags in said]
    return Verdict(
        len(kinds),
        interlaced=sum(kind in ("tff", "bff") for kind in kinds),
        progressive=kinds.count("progressive"),
        repeated=sum(field in ("top", "bottom") for field in repeated),
    )
