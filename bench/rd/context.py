"""Holds what every measurement of a clip needs."""

from __future__ import annotations

from dataclasses import dataclass

from bench.cache import Cache
from bench.rd.rungs import Clip
from bench.rd.talk import BenchProgress
from manifests.networks import Size


@dataclass(frozen=True)
class Context:
    """Clip, size at which everything is scored, kept results, and progress on stderr."""

    clip: Clip
    size: Size
    """(width, height) of the highest rung: the source's, less a row or column if that is odd."""
    cache: Cache
    talk: BenchProgress
