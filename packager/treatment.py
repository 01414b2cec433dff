"""How a probed source is treated: rate, range, colour, in one place and without looking at anything else."""

from __future__ import annotations

from fractions import Fraction

from media.colour import BLACK, colour_of, without_zscale
from media.probe import SourceInfo, VideoInfo
from media.source import SourceTreatment

_RATES = "10 12 25/2 15 20 24000/1001 24 25 30000/1001 30 48 50 60000/1001 60"
STANDARD_RATES = tuple(map(Fraction, _RATES.split()))
"""What a source of variable rate is brought to: the first of these that is not below its average, nor below its
typical rate as far as that is SMOOTH: a screen recording stands still for seconds, and then something moves."""

SMOOTH = Fraction(30)

MAX_DRIFT_FRAMES = Fraction(2, 5)
"""Two rates are one and the same when they agree within this over the whole source: rounding hides it."""


def plan_treatment(
    info: SourceInfo,
    *,
    start_s: Fraction = Fraction(0),
    duration_s: Fraction | None = None,
    background: str = BLACK,
    tone_map: bool,
) -> SourceTreatment:
    """The treatment of a source from `start_s` (snapped to a frame) for `duration_s` (None: to its end).

    `background` is `#rrggbb` behind transparent parts. `tone_map` says whether the ffmpeg at hand has zscale; without
    it HDR and wide gamuts come out flat. Raises UnreadableSourceError if the colours cannot be converted.
    """
    frame_rate = constant_rate(info.video)
    colour = colour_of(info.video, background)
    return SourceTreatment(
        stream_index=info.video.index,
        frame_rate=frame_rate,
        first_frame_s=info.video.first_frame_s,
        start_s=round(start_s * frame_rate) / frame_rate,
        duration_s=duration_s,
        deinterlace=info.video.interlaced,
        colour=colour if tone_map or not colour.needs_zscale else without_zscale(colour),
    )


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
