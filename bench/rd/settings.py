"""What a run measures: the grid of plain rungs, the part of the clip, the class of networks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from packager.encoders import DEFAULT_CODEC, ENCODERS

CLASSES = ("cpu", "gpu")
SLOW_RIVALS = ("fsrcnn", "espcn")
TRAINED_RIVALS = ("title", "segment")
"""Each takes as long as ours, or longer, to be made."""
QUICK_RIVALS = ("lanczos", "unsharp", *SLOW_RIVALS)
RIVALS = (*QUICK_RIVALS, *TRAINED_RIVALS)
CODEC_CRFS = {encoder.codec: encoder.measured_crfs for encoder in ENCODERS.values()}
"""A full grid for the codec that is enhanced, a coarse one for others, whose encoders take many times as long."""
PRESET, SEGMENT_S = "medium", 4


@dataclass(frozen=True)
class Settings:
    """All that decides the figures of a clip, beside its bytes and our code."""

    size_class: str = "cpu"
    """Of the networks: what a CPU, or a GPU, runs in real time."""
    start_s: float = 0.0
    seconds: float | None = None
    """None: to the end of the clip."""
    crfs: tuple[int, ...] = CODEC_CRFS[DEFAULT_CODEC]
    divisors: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)
    """Of the source's height."""
    codecs: tuple[str, ...] = (DEFAULT_CODEC,)
    """Plain lines; what is enhanced, and compared with, is the first."""
    preset: str = PRESET
    vmaf_every: int = 4
    """libvmaf looks at one frame in so many."""
    enhance: bool = True
    """Whether anything but the plain line is measured."""
    net: str = "auto"
    scope: str = "auto"
    steps: int | None = None
    """Of training; None: what the trainer takes."""
    cut_percent: float = 10.0
    """A rung that takes so much more than the plain hull for its PSNR-Y, and for its VMAF-NEG, is not enhanced."""
    each_network: bool = False
    """Whether a rung with several networks is also played with each of them alone."""
    rivals: tuple[str, ...] = QUICK_RIVALS
    slow_every: int = 12
    """Of the pretrained networks: one frame in so many."""
    ladder: bool = True
    """Whether the fixed ladder is measured."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def small(settings: Settings) -> Settings:
    """So little that it takes less than a minute: it tells that everything runs, and no figure of it means anything."""
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
    """Heights to ask the packager for, highest first, for a source of so many rows.

    The half is half of the highest, a third half of two thirds: so the packager makes exact partners of them.
    """
    named = {1.0: 2 * (rows // 2), 2.0: rows // 2, 3.0: round(rows / 3), 1.5: 2 * round(rows / 3)}
    return sorted({named.get(divisor, round(rows / divisor)) for divisor in divisors}, reverse=True)
