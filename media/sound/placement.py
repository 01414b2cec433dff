"""The place of decoded sound, in samples at 48 kHz, and the stretching of a block that this may ask for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

SOUND_RATE_HZ = 48_000
"""Samples per second of all sound in a bundle."""

STEP = SOUND_RATE_HZ // 50
"""20 ms: sound that is this far off has a hole or an overlap before it, and is put right at once."""
MOST = SOUND_RATE_HZ * 3 // 200
"""15 ms: sound that drifts is never left further off than this, however hard it must be stretched."""
JITTER = SOUND_RATE_HZ * 3 // 1000
"""3 ms: coarse time stamps are off by this much, Matroska's by half a millisecond."""
LASTING = 4
"""Blocks that must be off in the same direction before it is called a drift."""
GENTLE = 8
"""A drift below MOST is corrected by at most an eighth of a block. Clocks that differ need a thousandth of that."""

Samples = NDArray[np.float32]
"""(samples, channels), full scale is 1."""


@dataclass(frozen=True)
class Placement:
    """The place and the length that one block of decoded sound gets."""

    start: int
    """The sample of the bundle at which what is kept of it begins; may lie before 0 or after the end."""
    skip: int
    """Samples at the beginning of the block that are left out."""
    length: int
    """Samples that the rest becomes; stretched or squeezed if that is another number."""


class Placer:
    """Places the blocks of one stream, in the order in which they were decoded.

    Blocks never overlap. A block is at its time to within `STEP`, or to the sample if it comes after a hole or an
    overlap of at least `STEP`. Nothing adds up: each block is compared with its own time.
    """

    def __init__(self, end: int) -> None:
        self._end = end
        self._next: int | None = None
        """The start of a block that simply follows."""
        self._errors: deque[int] = deque(maxlen=LASTING)
        self._in_overlap = False
        """True if all of the last block was left out: the first block that is kept is then placed to the sample."""

    def place(self, time_s: Fraction | None, samples: int) -> Placement:
        """The place of the next block, which is due at `time_s`; None lets it follow what came before it."""
        following = self._next
        at = (following or 0) if time_s is None else round(time_s * SOUND_RATE_HZ)
        if following is None:
            following = at
        if at >= self._end and at - following >= STEP:
            # Perhaps a wrong time stamp: it is left out without holding up the sound that comes after it.
            return Placement(at, samples, 0)
        error = at - following
        if abs(error) >= STEP or self._in_overlap:
            self._errors.clear()
            start = max(at, following)
            skip = min(start - at, samples)
            placement = Placement(start, skip, samples - skip)
            self._in_overlap = skip == samples
        else:
            placement = Placement(following, 0, samples + self._correction(error, samples))
        if placement.length or self._next is None:
            self._next = placement.start + placement.length
        return placement

    def _correction(self, error: int, samples: int) -> int:
        """Samples by which to lengthen (or shorten) a block that comes `error` samples too early (or too late)."""
        self._errors.append(error)
        # The smallest of the last errors: one packet that is off by itself is left alone.
        lasting = min(self._errors, key=abs)
        is_drift = len(self._errors) == LASTING and all((e > 0) == (error > 0) for e in self._errors)
        gentle = min(max(abs(lasting) - JITTER, 0), samples // GENTLE) if is_drift else 0
        size = min(max(gentle, abs(error) - MOST), samples // 2)
        return size if error > 0 else -size


def stretched(block: Samples, length: int, before: Samples) -> Samples:
    """`block` made `length` samples long by linear interpolation.

    `before` is the one sample, shape (1, channels), that precedes it: no click where blocks meet. The last sample of
    the result is the last of the block.
    """
    if length == len(block):
        return block
    # The position of each new sample in exact arithmetic, as wholes and rest of `length`-ths.
    positions = np.arange(1, length + 1, dtype=np.int64) * len(block)
    whole, rest = np.divmod(positions, length)
    extended = np.concatenate([before, block, block[-1:]])
    weight = (rest / length).astype(np.float32)[:, None]
    mixed: Samples = extended[whole] * (1 - weight) + extended[whole + 1] * weight
    return mixed
