"""The record of a measured ladder in provenance.json: what was tried, and what each rung was expected to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PlannedQuality:
    """Quality in the size of the largest picture, as the trial promised it."""

    psnr_y: float
    """dB."""
    vmaf_neg: float
    """0 to 100."""


@dataclass(frozen=True)
class PlannedRung:
    """One rung as it was chosen."""

    id: str
    width: int
    height: int
    sar: str
    """Sample aspect ratio, as `n/d` or a whole number."""
    crf: float
    target_vmaf_neg: float
    """VMAF-NEG for which it was chosen."""
    media_bps: int
    """Rate of the video alone."""
    rate_bps: int
    """Rate with the models that it was expected to get."""
    plain: PlannedQuality
    shown: PlannedQuality
    """Quality with those models."""
    excess_percent: float
    """Rate above the convex hull of all candidates at its quality, mean of PSNR-Y and VMAF-NEG."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PlannedRung:
        """Reads what `asdict` makes. Raises LookupError, TypeError."""
        qualities = {name: PlannedQuality(**value[name]) for name in ("plain", "shown")}
        return cls(**{**value, **qualities})


@dataclass(frozen=True)
class LadderRecord:
    """Measurement and choice of a ladder."""

    excerpts: tuple[int, ...]
    """Indices of the segments that were tried."""
    points: tuple[Mapping[str, Any], ...]
    """Size, CRF, rate and quality of every trial."""
    rungs: tuple[PlannedRung, ...]
    plain_rungs: tuple[PlannedRung, ...]
    """The best ladder of as many rungs for viewers without models, by the same search: what ours is compared with."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LadderRecord:
        """Reads what `to_json` makes. Raises LookupError, TypeError."""
        rungs, plain = (tuple(map(PlannedRung.from_json, value[name])) for name in ("rungs", "plain_rungs"))
        return cls(tuple(value["excerpts"]), tuple(value["points"]), rungs, plain)

    def to_json(self) -> dict[str, Any]:
        """Returns the record as provenance.json holds it."""
        return asdict(self)
