"""Defines what a run measures: the grid of plain rungs, the part of the clip, the class of networks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from packager.encoders import DEFAULT_CODEC, DEFAULT_TUNE, ENCODERS

CLASSES = ("cpu", "gpu")
SLOW_RIVALS = ("fsrcnn", "espcn")
TRAINED_RIVALS = ("title", "segment")
"""Rivals that take as long to make as ours, or longer."""
QUICK_RIVALS = ("lanczos", "unsharp", *SLOW_RIVALS)
RIVALS = (*QUICK_RIVALS, *TRAINED_RIVALS)
CODEC_CRFS = {encoder.codec: encoder.measured_crfs for encoder in ENCODERS.values()}
"""CRFs by codec: a full grid for the one that is enhanced, a coarse one for others, whose encoders are far slower."""
PRESET, SEGMENT_S = "medium", 4


@dataclass(frozen=True)
class Settings:
    """Settings that decide the figures of a clip, besides its bytes and our code."""

    size_class: str = "cpu"
    """Class of the networks: those that a CPU, or a GPU, runs in real time."""
    start_s: float = 0.0
    seconds: float | None = None
    """Seconds that are taken; None takes all to the end of the clip."""
    crfs: tuple[int, ...] = CODEC_CRFS[DEFAULT_CODEC]
    divisors: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)
    """Divisors of the source's height."""
    codecs: tuple[str, ...] = (DEFAULT_CODEC,)
    """Codecs of the plain lines; the first is enhanced, and the others are compared with it."""
    preset: str = PRESET
    tune: str = DEFAULT_TUNE
    """Tune of every encode, plain and enhanced alike."""
    vmaf_every: int = 4
    """Interval of the frames that libvmaf scores."""
    enhance: bool = True
    """True if more than the plain line is measured."""
    net: str = "auto"
    scope: str = "auto"
    steps: int | None = None
    """Training steps; None takes the trainer's default."""
    cut_percent: float = 10.0
    """Excess over the plain hull's rate in per cent, by PSNR-Y and VMAF-NEG, above which a rung is not enhanced."""
    each_network: bool = False
    """True if a rung with several networks is also played with each single one."""
    rivals: tuple[str, ...] = QUICK_RIVALS
    slow_every: int = 12
    """Interval of the frames that a pretrained network upscales."""
    ladder: bool = True
    """True if the fixed ladder is measured."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def small(settings: Settings) -> Settings:
    """Returns settings for a run of less than a minute, which shows that everything works; its figures mean nothing."""
    return replace(
        settings,
        seconds=min(2.0, settings.seconds or 2.0),
        crfs=(23, 31, 39),
        divisors=(1.0, 2.0),
        net="c8d2",
        scope="title",
        steps=100,
        cut_percent=1000.0,
        rivals=("lanczos", "unsharp"),
        ladder=False,
    )


def heights(rows: int, divisors: tuple[float, ...]) -> list[int]:
    """Returns the heights to ask of the packager, highest first, for a source of `rows` rows.

    The half is half of the highest, and the third is half of two thirds, so that the packager makes exact partners.
    """
    named = {1.0: 2 * (rows // 2), 2.0: rows // 2, 3.0: round(rows / 3), 1.5: 2 * round(rows / 3)}
    return sorted({named.get(divisor, round(rows / divisor)) for divisor in divisors}, reverse=True)
