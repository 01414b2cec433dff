"""What every measurement of a clip is given."""

from __future__ import annotations

from dataclasses import dataclass

from bench.cache import Cache
from bench.rd.rungs import Clip
from bench.rd.talk import BenchProgress
from manifests.networks import Size


@dataclass(frozen=True)
class Context:
    """The clip, the size at which all of it is judged, what is known already, and who is told."""

    clip: Clip
    size: Size
    """(width, height) of the highest rung: the source's, but for a row or column that is odd."""
    cache: Cache
    talk: BenchProgress
