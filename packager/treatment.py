"""Treatment of a probed source: rate, fields, range, colour, decided in one place from its header."""

from __future__ import annotations

from fractions import Fraction

from media.colour.conversion import Colour
from media.source.grid import Grid
from media.source.probe import SourceInfo
from media.source.reading import TELECINE_CYCLE
from media.source.shape import Shape
from media.source.treatment import Fields, SourceTreatment

MAX_DOUBLED_RATE = Fraction(30)
"""Interlaced sources of at most this many frames a second give a frame for each field."""


def plan_treatment(
    info: SourceInfo,
    grid: Grid,
    fields: Fields,
    shape: Shape,
    *,
    start_s: Fraction = Fraction(0),
    duration_s: Fraction | None = None,
    sound_indices: tuple[int, ...] = (),
    colour: Colour,
) -> SourceTreatment:
    """The treatment of a source from `start_s` (snapped to a frame) for `duration_s` (None: to its end)."""
    frame_rate = output_rate(grid.rate, fields)
    # The start is rounded to a frame, so that the reference frames of trainer and report are the same.
    return SourceTreatment(
        stream_index=info.video.index,
        frame_rate=frame_rate,
        start_s=round(start_s * frame_rate) / frame_rate,
        duration_s=duration_s,
        fields=fields,
        colour=colour,
        sound_indices=sound_indices,
        source_rate=grid.rate,
        origin_s=grid.origin_s,
        shape=shape,
        crop=info.video.crop,
        turn=info.video.turn,
    )


def output_rate(source_rate: Fraction, fields: Fields) -> Fraction:
    """Returns the output's rate: a frame for each field of interlaced video, 4/5 for telecined film, else the
    source's."""
    if fields == "interlaced" and source_rate <= MAX_DOUBLED_RATE:
        return 2 * source_rate
    if fields == "telecine":
        return source_rate * (TELECINE_CYCLE - 1) / TELECINE_CYCLE
    return source_rate
