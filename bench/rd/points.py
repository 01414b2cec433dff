"""One measured point of rate and quality, and how it stands in the JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.rd.fetching import Bytes
from bench.rd.judging import METRICS
from bench.rd.rungs import Rung
from report.hull import Point as RateAndQuality

COMPARED = ("psnr_y", "vmaf", "vmaf_neg")
"""Metrics for which there are hulls."""


@dataclass(frozen=True)
class Point:
    """A rung shown in one way."""

    kind: str
    """`plain`, `enhanced`, or the name of a rival."""
    way: str
    """How it was enlarged: `source` (not at all), `bicubic`, `lanczos`, `unsharp`, a network's name."""
    rung: str
    codec: str
    rate: str
    """As asked of the encoder: `crf27`, `800k`."""
    width: int
    height: int
    duration_s: float
    bytes: Bytes
    quality: dict[str, Any]
    """By the names of METRICS, None where libvmaf was missing."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What else is known: the networks used, frames enhanced, an output size that was not the source's."""

    @property
    def rate_bps(self) -> float:
        """Every byte that was fetched, over the duration."""
        return self.bytes.total * 8 / self.duration_s

    def to_json(self) -> dict[str, Any]:
        crf = self.rate.removeprefix("crf") if self.rate.startswith("crf") else None
        return {
            "kind": self.kind,
            "way": self.way,
            "rung": self.rung,
            "codec": self.codec,
            "size": f"{self.width}x{self.height}",
            "rate": self.rate,
            "crf": None if crf is None else float(crf),
            "bytes": {**asdict(self.bytes), "total": self.bytes.total},
            "rate_bps": round(self.rate_bps, 1),
            "frames": self.quality["frames"],
            **{name: self.quality[name] for name in METRICS},
            **self.notes,
        }


def point_of(
    kind: str, way: str, rung: Rung, sent: Bytes, quality: dict[str, Any], notes: dict[str, Any] | None = None
) -> Point:
    """The point of a rung."""
    return Point(kind, way, rung.id, rung.codec, rung.rate, *rung.size, rung.duration_s, sent, quality, notes or {})


def curve(points: Iterable[Point], metric: str) -> list[RateAndQuality]:
    """(rate, quality) of the points that have that metric."""
    return [(p.rate_bps, p.quality[metric]) for p in points if p.quality[metric] is not None]
