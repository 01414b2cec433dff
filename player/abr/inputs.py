"""Inputs of the policies: the coming segments, from a manifest and its quality table. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from manifests.model import ModelTrack, VideoRepresentation
from manifests.quality_table import QualityTable, RungQuality, models_digest
from player.abr.state import Enhancement, ModelPart, RungChoice, Upcoming
from player.superres.model_choice import model_for_segment, track_problem

TOLD_AHEAD = 8
"""Segments that a policy is given in advance."""
TOP_QUALITY = 95.0
"""VMAF-NEG assumed for the largest rung if it was not measured."""
QUALITY_PER_LOG_RATE = 20.0
"""Loss of score for a rung with 1/e of the bits: the slope of x264 ladders between 0.2 and 3 Mbit/s."""
QUALITY_PER_DB = 4.0
"""Gain in VMAF-NEG assumed for a decibel of PSNR-Y."""
LEAST_QUALITY = 5.0

SecondsOf = Callable[[VideoRepresentation, ModelTrack], float]
"""Returns the time that this machine takes to enhance a second of that rung by that track."""


Known = Mapping[str, RungQuality]
"""Scores of rungs that can be trusted, by representation id; rungs without any are missing."""


def usable_entries(rungs: Sequence[VideoRepresentation], table: QualityTable) -> Known:
    """Returns the entries of the table that can be trusted.

    Rungs with another number of segments are dropped, and enhanced scores are dropped if they were measured with other
    models. Looks at every segment, so call it once, not for every decision.
    """
    found = {rung.id: (rung, table.rungs[rung.id]) for rung in rungs if rung.id in table.rungs}
    return {
        name: told if told.models == rung_models_digest(rung) else _of_plain(told)
        for name, (rung, told) in found.items()
        if len(told.segments) == len(rung.segments)
    }


def _of_plain(told: RungQuality) -> RungQuality:
    plain = (replace(segment, enhanced_vmaf=None, enhanced_vmaf_neg=None) for segment in told.segments)
    return replace(told, segments=tuple(plain))


def upcoming_segments(
    rungs: Sequence[VideoRepresentation],
    known: Known,
    indices: range,
    seconds_of: SecondsOf | None,
) -> tuple[Upcoming, ...]:
    """Returns the segments at `indices` on every rung, lowest bandwidth first; without models if `seconds_of` is
    None.

    Included are models that this version can run and that this machine runs at least as fast as the video plays.
    """
    ordered = sorted(rungs, key=lambda rung: rung.bandwidth_bps)
    rates = [_bandwidth_bps(rung, known.get(rung.id)) for rung in ordered]
    return tuple(
        Upcoming(
            duration_s=_duration_s(ordered[0], index),
            choices=tuple(
                _choice(rung, known.get(rung.id), rate_bps, max(rates), index, seconds_of)
                for rung, rate_bps in zip(ordered, rates, strict=True)
            ),
        )
        for index in indices
    )


def _duration_s(rung: VideoRepresentation, index: int) -> float:
    return rung.segments[index].duration_ticks / rung.timescale


def _bandwidth_bps(rung: VideoRepresentation, measured: RungQuality | None) -> float:
    """Returns the rung's mean rate, which the literature's rules assume; a manifest states the peak."""
    if measured is None:
        return rung.bandwidth_bps
    return max(1.0, 8 * sum(segment.size_bytes for segment in measured.segments) / float(rung.duration_s))


def _choice(
    rung: VideoRepresentation,
    measured: RungQuality | None,
    rate_bps: float,
    top_bps: float,
    index: int,
    seconds_of: SecondsOf | None,
) -> RungChoice:
    duration_s = _duration_s(rung, index)
    segment = None if measured is None else measured.segments[index]
    plain = segment.plain if segment is not None else None
    quality = plain if plain is not None else _guessed(rate_bps, top_bps)
    size_bytes = float(segment.size_bytes) if segment is not None else rate_bps * duration_s / 8
    enhancements = () if seconds_of is None else _enhancements(rung, measured, quality, index, seconds_of)
    return RungChoice(rung.id, rate_bps, size_bytes, quality, enhancements)


def _guessed(bandwidth_bps: float, top_bps: float) -> float:
    return max(LEAST_QUALITY, TOP_QUALITY + QUALITY_PER_LOG_RATE * math.log(bandwidth_bps / top_bps))


def _enhancements(
    rung: VideoRepresentation, measured: RungQuality | None, plain: float, index: int, seconds_of: SecondsOf
) -> tuple[Enhancement, ...]:
    duration_s = _duration_s(rung, index)
    # The quality table has the gain of the best model only.
    best = model_for_segment(rung, index)
    gain = _measured_gain(measured, plain, index)
    found = []
    for track in rung.model_tracks:
        n = track.uses[index]
        if n is None or track_problem(track) is not None or seconds_of(rung, track) > 1:
            continue
        told = _told_gain(track, n)
        if gain is None:
            track_gain = told
        elif best.track is not None and track.id != best.track.id:
            # The table speaks of the best model; a smaller one gains as much less as the manifest says.
            track_gain = gain * min(1.0, told / max(1e-6, _told_gain(best.track, best.files[-1].n)))
        else:
            track_gain = gain
        parts = tuple(ModelPart(file.href, file.size_bytes) for file in track.chain(n))
        cost_s = seconds_of(rung, track) * duration_s
        found.append(Enhancement(track.id, parts, min(100.0, plain + track_gain), cost_s))
    return tuple(found)


def _measured_gain(measured: RungQuality | None, plain: float, index: int) -> float | None:
    """Returns the measured gain of the best model; None if it was not measured."""
    enhanced = None if measured is None else measured.segments[index].enhanced
    return None if enhanced is None else enhanced - plain


def _told_gain(track: ModelTrack, n: int) -> float:
    gain_db = track.model(n).gain_db
    return QUALITY_PER_DB * (gain_db if gain_db is not None else 0.5)


def rung_models_digest(rung: VideoRepresentation) -> bytes:
    """Returns a digest of the models with which a player shows the rung; a quality table must have the same to be
    trusted."""
    return models_digest([model_for_segment(rung, index).files for index in range(len(rung.segments))])
