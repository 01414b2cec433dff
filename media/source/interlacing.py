"""Detection of interlacing by the content of frames: flags are often wrong, and one frame is not enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.source.reading import TELECINE_CYCLE, Schedule, timed_frames
from media.source.scan import Look, Scan
from media.source.treatment import Fields

EXCERPTS = 6
EXCERPT_FRAMES = 6 * TELECINE_CYCLE

COLUMNS_EVERY = 4
"""One column in this many is looked at."""
BLOCK_ROWS, BLOCK_COLUMNS = 8, 8
"""Rows of a field, and columns of those looked at, that are judged together: parts of a picture move differently."""
MOVED = 20
"""Luma of a sample that moves changes by more than this; noise and coding mostly by less."""
MIN_MOVED = 10
"""Samples of a block that must move if it is to tell anything."""
LIKE = 0.85
"""Fields of one frame are of one moment if they comb less than this part of what fields of two frames do."""
UNLIKE = 1.25
"""The two ways to pair fields of two frames differ by at least this factor if the fields follow each other in time."""
MIN_BLOCKS = 30
"""Moving blocks that an excerpt needs to tell anything."""
MIN_ORDERED = 0.12
"""An excerpt is interlaced if in this part of the blocks that move, fields follow each other in one and the same order.
In a progressive one, chance is for either order alike."""
REPEATED = 0.1
"""A field is repeated if this part or less of what moves in the other field moves in it."""
MIN_REPEATED = 0.3
"""The part of the frames that repeat a field in a 2:3 pulldown: it is two of five."""

Luma = NDArray[np.int16]


@dataclass(frozen=True)
class Verdict:
    """The counts of what shows in consecutive frames."""

    blocks: int = 0
    """Blocks of pairs of frames in which something moves; only they tell anything."""
    top_first: int = 0
    """Pairs whose bottom field is later than the top field of its frame."""
    bottom_first: int = 0
    """The ones whose bottom field is earlier."""
    pairs: int = 0
    """Pairs of frames with such blocks."""
    repeated: int = 0
    """Pairs of which one field is the same in both frames."""

    @property
    def tells(self) -> bool:
        return self.blocks >= MIN_BLOCKS

    @property
    def is_interlaced(self) -> bool:
        return self.tells and abs(self.top_first - self.bottom_first) >= MIN_ORDERED * self.blocks

    @property
    def is_pulldown(self) -> bool:
        return self.is_interlaced and self.repeated >= MIN_REPEATED * self.pairs


def judge_fields(path: Path, found: Scan, schedule: Schedule) -> Fields:
    """`interlaced` if frames that are marked so show combs, `telecine` if they do in the rhythm of a 2:3 pulldown.

    Frames of a source without such marks are not looked at.
    """
    marked = [look for look in found.looks if look.interlaced]
    if not marked:
        return "progressive"
    verdicts = [verdict_on(excerpt) for excerpt in _excerpts(path, found, schedule, marked)]
    interlaced = [verdict for verdict in verdicts if verdict.is_interlaced]
    if interlaced:
        return "telecine" if all(verdict.is_pulldown for verdict in interlaced) else "interlaced"
    # If nothing moves, the marks are all there is.
    return "progressive" if any(verdict.tells for verdict in verdicts) else "interlaced"


def _excerpts(path: Path, found: Scan, schedule: Schedule, marked: Sequence[Look]) -> Iterator[list[Luma]]:
    """The luma of consecutive frames from a few places over the length of what is marked."""
    places = [look for look in marked if look.packet in schedule.ticks]
    step = max(1, len(places) // EXCERPTS)
    for look in places[::step][:EXCERPTS]:
        frames = timed_frames(path, found, schedule, schedule.ticks[look.packet])
        yield [
            frame.to_ndarray(format="gray")[:, ::COLUMNS_EVERY].astype(np.int16)
            for _, frame in islice(frames, EXCERPT_FRAMES)
        ]


def verdict_on(frames: Sequence[Luma]) -> Verdict:
    """The verdict on consecutive frames; pairs of different sizes tell nothing."""
    found = [_verdict_on_pair(a, b) for a, b in pairwise(frames) if a.shape == b.shape]
    return Verdict(
        blocks=sum(verdict.blocks for verdict in found),
        top_first=sum(verdict.top_first for verdict in found),
        bottom_first=sum(verdict.bottom_first for verdict in found),
        pairs=sum(verdict.pairs for verdict in found),
        repeated=sum(verdict.repeated for verdict in found),
    )


def _verdict_on_pair(frame: Luma, following: Luma) -> Verdict:
    """Compares the combs inside a frame with those that its fields make with the fields of the following frame.

    In a progressive frame both fields are of one moment, and fit each other better than those of another frame. In an
    interlaced one, the later field is as far from the earlier one as from that of the following frame, and nearer to
    it than the fields are that are left over.
    """
    rows = max(0, len(frame) - 1) // 2
    top, bottom = frame[: 2 * rows + 1 : 2], frame[1 : 2 * rows : 2]
    next_top, next_bottom = following[: 2 * rows + 1 : 2], following[1 : 2 * rows : 2]
    # Only blocks that move can show whether fields belong together.
    top_moves, bottom_moves = np.abs(next_top - top) > MOVED, np.abs(next_bottom - bottom) > MOVED
    moves = bottom_moves | top_moves[:-1] | top_moves[1:]
    telling = _by_block(moves) >= MIN_MOVED
    if not telling.any():
        return Verdict()
    # In progressive video the lines of a frame fit each other best; in interlaced video those of neighbouring fields.
    inside, bottom_to_top, top_to_bottom = (
        _by_block(_combs(upper, lower) * moves)[telling]
        for upper, lower in ((top, bottom), (next_top, bottom), (top, next_bottom))
    )
    # A field that repeats while the other moves is the mark of telecine.
    less, more = sorted((top_moves.mean(), bottom_moves.mean()))
    return Verdict(
        blocks=len(inside),
        top_first=int(((inside > LIKE * bottom_to_top) & (top_to_bottom > UNLIKE * bottom_to_top)).sum()),
        bottom_first=int(((inside > LIKE * top_to_bottom) & (bottom_to_top > UNLIKE * top_to_bottom)).sum()),
        pairs=1,
        repeated=int(less <= REPEATED * more),
    )


def _combs(top: Luma, bottom: Luma) -> NDArray[np.int64]:
    """The distance of each sample of `bottom` from those of `top` above and below it."""
    combs: NDArray[np.int64] = np.abs(2 * bottom - top[:-1] - top[1:]).astype(np.int64)
    return combs


def _by_block(samples: NDArray[Any]) -> NDArray[np.int64]:
    """The sums over blocks; what is left over at the right and below is left out."""
    rows, columns = samples.shape[0] // BLOCK_ROWS, samples.shape[1] // BLOCK_COLUMNS
    whole = samples[: rows * BLOCK_ROWS, : columns * BLOCK_COLUMNS].astype(np.int64)
    sums: NDArray[np.int64] = whole.reshape(rows, BLOCK_ROWS, columns, BLOCK_COLUMNS).sum(axis=(1, 3))
    return sums
