"""Holds one measured point of rate and quality, and writes it as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.judging import METRICS
from bench.rd.fetching import Bytes
from bench.rd.rungs import Rung
from media.hull import Point as RateAndQuality

COMPARED = ("psnr_y", "vmaf", "vmaf_neg")
"""Metrics that are compared by hulls."""


@dataclass(frozen=True)
class Point:
    """Rung shown in one way."""

    kind: str
    """`plain`, `enhanced`, or the name of a rival."""
    way: str
    """Way of resizing (`source` if none, `bicubic`, `lanczos`, `unsharp`), or a network's name."""
    rung: str
    codec: str
    rate: str
    """Rate asked of the encoder: `crf27`, `800k`."""
    width: int
    height: int
    duration_s: float
    bytes: Bytes
    quality: dict[str, Any]
    """Scores by the names of METRICS; None if libvmaf was missing."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Further facts: networks used, frames enhanced, an output size other than the source's."""

    @property
    def rate_bps(self) -> float:
        """Bits of all fetched bytes, per second of video."""
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
    """Returns the point of a rung."""
    return Point(kind, way, rung.id, rung.codec, rung.rate, *rung.size, rung.duration_s, sent, quality, notes or {})


def curve(points: Iterable[Point], metric: str) -> list[RateAndQuality]:
    """Returns (rate in bit/s, quality) of the points that have a metric."""
    return [(p.rate_bps, p.quality[metric]) for p in points if p.quality[metric] is not None]
