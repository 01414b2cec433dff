"""Order in which the rungs of one size are trained, and the rung that each starts from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Turn:
    """One rung's place in the order."""

    rung: str
    """VideoRepresentation id."""
    start: str | None
    """The sibling trained before whose models its own start from; None for those made from scratch."""


def training_order(media_bytes: Mapping[str, int]) -> list[Turn]:
    """The rung in the middle by bytes first, then outwards, each from its neighbour: the errors of one encoder at
    near rates are alike, so most of what the neighbour learnt holds.
    """
    ordered = sorted(media_bytes, key=lambda name: (media_bytes[name], name))
    if not ordered:
        return []
    middle = (len(ordered) - 1) // 2
    down = _each_from_the_last(ordered[middle::-1])
    up = _each_from_the_last(ordered[middle:])
    return [Turn(ordered[middle], None), *down, *up]


def _each_from_the_last(names: Sequence[str]) -> list[Turn]:
    return [Turn(name, before) for before, name in pairwise(names)]
