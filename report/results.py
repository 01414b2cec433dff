"""Results of a report: quality and bytes of every segment on every rung, and sums over them.

`to_json` is the content of quality.json (docs/bundle.md). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from media.quality import PEAK, Quality, psnr_y

VERSION = 1
DECIMALS = {"psnr_y": 3, "ssim": 5, "vmaf": 2, "vmaf_neg": 2}


@dataclass(frozen=True)
class Scores:
    """Quality of a run of frames against the source."""

    psnr_y: float
    """dB."""
    ssim: float | None
    vmaf: float | None
    vmaf_neg: float | None

    def to_json(self) -> dict[str, float | None]:
        values = {name: getattr(self, name) for name in DECIMALS}
        return {name: None if v is None else round(v, DECIMALS[name]) for name, v in values.items()}


@dataclass(frozen=True)
class SegmentResult:
    """One segment of one rung."""

    number: int
    start_s: float
    duration_s: float
    frames: int
    size_bytes: int
    """Size of the media segment."""
    model_bytes: int
    """Bytes of the model files that playing from the start fetches for this segment; 0 if they are held already."""
    network: str | None
    """Network of the model it is played with; None for plain."""
    plain: Scores
    enhanced: Scores | None
    """Scores enhanced; None if the segment is played plain."""

    @property
    def played(self) -> Scores:
        return self.enhanced or self.plain

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "start_s": round(self.start_s, 3),
            "duration_s": round(self.duration_s, 3),
            "frames": self.frames,
            "bytes": self.size_bytes,
            "model_bytes": self.model_bytes,
            "network": self.network,
            "plain": self.plain.to_json(),
            "enhanced": self.enhanced.to_json() if self.enhanced else None,
        }


@dataclass(frozen=True)
class RungResult:
    """One rung over the whole title."""

    id: str
    width: int
    height: int
    init_bytes: int
    vmaf_every: int
    """VMAF and SSIM were measured on every n-th frame; PSNR on all."""
    key: str
    """Changes with the rung's bytes, its models, the source and the way of measuring."""
    segments: tuple[SegmentResult, ...]

    @property
    def video_bytes(self) -> int:
        return self.init_bytes + sum(s.size_bytes for s in self.segments)

    @property
    def model_bytes(self) -> int:
        return sum(s.model_bytes for s in self.segments)

    @property
    def duration_s(self) -> float:
        return sum(s.duration_s for s in self.segments)

    @property
    def enhanced(self) -> bool:
        return any(s.enhanced for s in self.segments)

    @property
    def plain_scores(self) -> Scores:
        """Scores of the title with every segment plain."""
        return pooled_scores([(s.plain, s.frames) for s in self.segments])

    @property
    def played_scores(self) -> Scores:
        """Scores of the title as a player shows it: enhanced if there is a model."""
        return pooled_scores([(s.played, s.frames) for s in self.segments])

    @property
    def network(self) -> str | None:
        return next((s.network for s in self.segments if s.network), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "width": self.width,
            "height": self.height,
            "init_bytes": self.init_bytes,
            "video_bytes": self.video_bytes,
            "model_bytes": self.model_bytes,
            "plain": self.plain_scores.to_json(),
            "enhanced": self.played_scores.to_json() if self.enhanced else None,
            "vmaf_every": self.vmaf_every,
            "key": self.key,
            "segments": [segment.to_json() for segment in self.segments],
        }


def scores_of(quality: Quality) -> Scores:
    """Returns scores rounded as in quality.json, so that a report is the same from measured and from stored results."""
    exact = Scores(quality.psnr_y, quality.ssim, quality.vmaf, quality.vmaf_neg)
    return _scores(exact.to_json())


def _scores(values: dict[str, Any]) -> Scores:
    return Scores(**values)


def pooled_scores(parts: Sequence[tuple[Scores, int]]) -> Scores:
    """Pools scores of runs of frames of one size, each with its number of frames, as if measured in one run."""
    frames = sum(count for _, count in parts)
    # Back to mean squared errors: a mean of decibels is not the quality of the whole.
    error = sum(PEAK**2 * 10 ** (-scores.psnr_y / 10) * count for scores, count in parts)
    return Scores(
        psnr_y(error, frames),
        *(_mean((getattr(scores, name), count) for scores, count in parts) for name in ("ssim", "vmaf", "vmaf_neg")),
    )


def _mean(parts: Iterable[tuple[float | None, int]]) -> float | None:
    known = [(value, count) for value, count in parts if value is not None]
    return sum(value * count for value, count in known) / sum(count for _, count in known) if known else None


def quality_json(width: int, height: int, rungs: Sequence[RungResult]) -> dict[str, Any]:
    """The content of quality.json for rungs judged at that size."""
    return {
        "version": VERSION,
        "target": {"width": width, "height": height},
        "rungs": [rung.to_json() for rung in rungs],
    }


def rungs_of_json(content: dict[str, Any], width: int, height: int) -> dict[str, RungResult]:
    """Reads the rungs in a quality.json of that target size, by id; empty if another version or method wrote it."""
    try:
        if content["version"] != VERSION or content["target"] != {"width": width, "height": height}:
            return {}
        return {rung["id"]: _rung(rung) for rung in content["rungs"]}
    except (LookupError, TypeError, ValueError):
        return {}


def _rung(rung: dict[str, Any]) -> RungResult:
    return RungResult(
        id=rung["id"],
        width=rung["width"],
        height=rung["height"],
        init_bytes=rung["init_bytes"],
        vmaf_every=rung["vmaf_every"],
        key=rung["key"],
        segments=tuple(_segment(segment) for segment in rung["segments"]),
    )


def _segment(segment: dict[str, Any]) -> SegmentResult:
    return SegmentResult(
        number=segment["number"],
        start_s=segment["start_s"],
        duration_s=segment["duration_s"],
        frames=segment["frames"],
        size_bytes=segment["bytes"],
        model_bytes=segment["model_bytes"],
        network=segment["network"],
        plain=_scores(segment["plain"]),
        enhanced=_scores(segment["enhanced"]) if segment["enhanced"] else None,
    )
