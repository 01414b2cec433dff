"""How a probed source is treated: rate, range, colour, in one place and without looking at anything else."""

from __future__ import annotations

from fractions import Fraction

from media.probe import HLG, PQ, SourceInfo, VideoInfo
from media.source import SourceTreatment, Transfer

_RATES = "10 12 25/2 15 20 24000/1001 24 25 30000/1001 30 48 50 60000/1001 60"
STANDARD_RATES = tuple(map(Fraction, _RATES.split()))
"""What a source of variable rate is brought to: the first of these that is not below its average, nor below its
typical rate as far as that is SMOOTH: a screen recording stands still for seconds, and then something moves."""

SMOOTH = Fraction(30)

MAX_DRIFT_FRAMES = Fraction(2, 5)
"""Two rates are one and the same when they agree within this over the whole source: rounding hides it."""

HD_ROWS = 720
"""Untagged video of so many rows or more is taken for BT.709, below for BT.601, as encoders before tags did."""


def plan_treatment(
    info: SourceInfo, *, start_s: Fraction = Fraction(0), duration_s: Fraction | None = None, tone_map: bool
) -> SourceTreatment:
    """The treatment of a source from `start_s` (snapped to a frame) for `duration_s` (None: to its end).

    `tone_map` says whether the ffmpeg at hand can tone-map; without it HDR comes out flat.
    """
    frame_rate = constant_rate(info.video)
    transfer = transfer_of(info.video)
    return SourceTreatment(
        stream_index=info.video.index,
        frame_rate=frame_rate,
        first_frame_s=info.video.first_frame_s,
        start_s=round(start_s * frame_rate) / frame_rate,
        duration_s=duration_s,
        deinterlace=info.video.interlaced,
        matrix=info.video.matrix or ("bt709" if min(info.video.display_size) >= HD_ROWS else "bt601"),
        full_range=info.video.full_range,
        transfer=transfer if tone_map else "sdr",
    )


def transfer_of(video: VideoInfo) -> Transfer:
    """`pq` or `hlg` for HDR, else `sdr`."""
    if video.transfer == PQ:
        return "pq"
    return "hlg" if video.transfer == HLG else "sdr"


def is_constant_rate(video: VideoInfo) -> bool:
    """Whether the source's frames lie on a grid, so that each of them comes out exactly once."""
    average, base = video.average_rate, video.base_rate
    return average is not None and base is not None and _agree(average, base, video.duration_s)


def constant_rate(video: VideoInfo) -> Fraction:
    """The constant rate to give a source: its own where it has one, exact or as the standard it means."""
    average = video.average_rate or video.base_rate or Fraction(25)
    for standard in sorted(STANDARD_RATES, key=lambda rate: abs(rate - average)):
        if _agree(average, standard, video.duration_s):
            return standard
    if is_constant_rate(video):
        return average
    enough = max(average, min(video.typical_rate or average, SMOOTH))
    return next((rate for rate in STANDARD_RATES if rate >= enough), STANDARD_RATES[-1])


def _agree(a: Fraction, b: Fraction, duration_s: Fraction | None) -> bool:
    return abs(a - b) * (duration_s or 1) < MAX_DRIFT_FRAMES
