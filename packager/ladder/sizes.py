"""Sizes of the ladder, as pure functions of the source's size and of the request.

A height is the number of rows, which for vertical video is the longer side. `auto` halves the source in both
directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from packager.errors import LadderError
from packager.rungs import Rate, WantedRung

MAX_SAR_TERM = 4096
"""ffmpeg rounds the sample aspect ratio it hands to x264 to terms of up to this; the manifest's stays exact."""

AUTO_RUNGS = 3
MIN_PARTNER_SIDE = 90
"""`auto` halves no further than this: below it there is little left to enhance."""

NEAR = Fraction(3, 100)
"""Largest difference of an exact size from the requested height, as a part of it."""

Area = tuple[Fraction, Fraction]
"""Width and height in square pixels."""


@dataclass(frozen=True)
class Size:
    """Luma columns and rows, both even, and the shape of one sample."""

    width: int
    height: int
    sar: Fraction
    """Sample aspect ratio, the one that gives the display aspect ratio."""

    def doubled(self) -> Size:
        """The size whose x2 partner this is."""
        return Size(2 * self.width, 2 * self.height, self.sar)

    @property
    def representable(self) -> bool:
        """True if the encoder keeps the sample aspect ratio exactly."""
        return max(self.sar.numerator, self.sar.denominator) <= MAX_SAR_TERM


@dataclass(frozen=True)
class LadderRung:
    """One video representation to be made."""

    id: str
    """Id such as `v360`; also the name of its folder."""
    size: Size
    rate: Rate


def auto_ladder(source: Area, rate: Rate) -> tuple[LadderRung, ...]:
    """The source's size (or what can be halved exactly near it), its half and its quarter, lowest first.

    Each rung is the x2 partner of the next. Raises LadderError for a source smaller than 2x2.
    """
    halvings = 0
    while halvings < AUTO_RUNGS - 1 and min(source) / 2 ** (halvings + 1) >= MIN_PARTNER_SIDE:
        halvings += 1
    lowest = (source[0] / 2**halvings, source[1] / 2**halvings)

    sizes = [nearest_size(lowest, lowest[0] / lowest[1], lowest[1])]
    for _ in range(halvings):
        sizes.append(sizes[-1].doubled())
    return tuple(LadderRung(f"v{size.height}", size, rate) for size in sizes)


def wanted_ladder(source: Area, wanted: Sequence[WantedRung]) -> tuple[LadderRung, ...]:
    """The rungs that were asked for, in that order; a rung of half the height is exactly half the size.

    Raises LadderError for a rung above the source, or the same rung twice.
    """
    for rung in wanted:
        if rung.height > source[1]:
            raise LadderError(f"rung {rung} is above the source, which is {floor(source[1])} high; leave it out")
    sizes = exact_sizes(source, sorted({rung.height for rung in wanted}))
    ids = unique_ids([(sizes[rung.height], rung.rate) for rung in wanted])
    for index, name in enumerate(ids):
        if name in ids[:index]:
            raise LadderError(f"rung {wanted[index]} comes out the same as another one; leave it out")
    return tuple(LadderRung(name, sizes[r.height], r.rate) for name, r in zip(ids, wanted, strict=True))


def unique_ids(rungs: Sequence[tuple[Size, Rate]]) -> list[str]:
    """Returns an id for each rung, such as `v360`; rungs of one height have their rate in it: `v360-crf27`."""
    heights = [size.height for size, _ in rungs]
    return [f"v{size.height}" + (f"-{rate}" if heights.count(size.height) > 1 else "") for size, rate in rungs]


def exact_sizes(source: Area, heights: Sequence[int]) -> dict[int, Size]:
    """Returns a size of the source's exact shape for each of the ascending heights; halves are exact halves."""
    sizes: dict[int, Size] = {}
    for height in heights:
        if height % 2 == 0 and height // 2 in sizes:
            sizes[height] = sizes[height // 2].doubled()
            continue
        doublings = 0
        while height * 2 ** (doublings + 1) in heights:
            doublings += 1
        # What will be doubled must still fit into the source when it has been.
        bound = (source[0] / 2**doublings, source[1] / 2**doublings)
        sizes[height] = nearest_size(bound, source[0] / source[1], Fraction(height))
    return sizes


def nearest_size(bound: Area, aspect: Fraction, height: Fraction) -> Size:
    """Returns the even size of a display aspect ratio that is nearest to `height` rows and not above `bound`.

    It has square samples if such a size is near, else a sample aspect ratio of small terms if there is one, else the
    one nearest to square. Raises LadderError if not even 2x2 fits.
    """
    if min(bound) < 2:
        raise LadderError(f"the source is too small: {float(bound[0]):g}x{float(bound[1]):g} is left of it")
    lowest = max(2, 2 * floor(height * (1 - NEAR) / 2))
    highest = max(2, 2 * floor(min(bound[1], height * (1 + NEAR)) / 2))
    sizes = [
        Size(columns, rows, aspect * rows / columns)
        for rows in range(lowest, highest + 1, 2)
        for columns in _even_near(rows * aspect, bound[0])
    ]
    return min(
        sizes,
        key=lambda s: (not s.representable, s.sar != 1, abs(s.height - height) / height + abs(s.sar - 1)),
    )


def _even_near(width: Fraction, widest: Fraction) -> set[int]:
    around = {2 * floor(width / 2) + step for step in range(-8, 10, 2)}
    return {columns for columns in around if 2 <= columns <= widest} or {2}
