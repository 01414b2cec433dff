"""Describes a bundle for simulations: size and quality of every segment on every rung, repeated as needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from bench.programs import BenchError
from manifests.bundle import Bundle, open_bundle
from manifests.model import ModelTrack, VideoRepresentation
from manifests.quality_table import QualityTable, decode_quality
from player.abr.inputs import upcoming_segments, usable_entries
from player.abr.state import Enhancement, ModelPart, RungChoice, Upcoming


@dataclass(frozen=True)
class Title:
    """Title that is played."""

    name: str
    segments: tuple[Upcoming, ...]
    """Segments of one repetition."""
    table_bytes: int
    """Size of the quality table, which a session fetches."""

    def looped(self, duration_s: float, *, forget: bool) -> tuple[Upcoming, ...]:
        """Returns at least `duration_s` seconds of the title, repeated.

        With `forget`, every repetition has models of its own, as the parts of a long title have.
        """
        found: list[Upcoming] = []
        played_s, rounds = 0.0, 0
        while played_s < duration_s - 1e-6:
            segment = self.segments[len(found) % len(self.segments)]
            found.append(_renamed(segment, f"{rounds}/") if forget else segment)
            played_s += segment.duration_s
            rounds += len(found) % len(self.segments) == 0
        return tuple(found)

    def plain(self) -> Title:
        """Returns the title without its models."""
        return replace(self, segments=tuple(_without_models(segment) for segment in self.segments))

    def effective_mbps(self, rung: str, track: str | None) -> float:
        """Returns the Mbit/s at which the plain ladder has a rung's mean quality, enhanced or not (NAS, OSDI 2018).

        Interpolates linearly between rungs; a quality beyond the ladder counts as its nearest rung's.
        """
        ladder = sorted((self._mean_quality(c.rung, None), c.bandwidth_bps / 1e6) for c in self.segments[0].choices)
        qualities, rates = ([point[axis] for point in ladder] for axis in (0, 1))
        return float(np.interp(self._mean_quality(rung, track), qualities, rates))

    def _mean_quality(self, rung: str, track: str | None) -> float:
        choices = [choice for segment in self.segments for choice in segment.choices if choice.rung == rung]
        return fmean(_quality(choice, track) for choice in choices)


def _quality(choice: RungChoice, track: str | None) -> float:
    return next((e.quality for e in choice.enhancements if e.track == track), choice.quality)


def _renamed(segment: Upcoming, prefix: str) -> Upcoming:
    def renamed(enhancement: Enhancement) -> Enhancement:
        files = tuple(ModelPart(prefix + part.label, part.size_bytes) for part in enhancement.files)
        return replace(enhancement, files=files)

    return _with_enhancements(segment, [tuple(map(renamed, choice.enhancements)) for choice in segment.choices])


def _without_models(segment: Upcoming) -> Upcoming:
    return _with_enhancements(segment, [() for _ in segment.choices])


def _with_enhancements(segment: Upcoming, enhancements: Sequence[tuple[Enhancement, ...]]) -> Upcoming:
    pairs = zip(segment.choices, enhancements, strict=True)
    return replace(segment, choices=tuple(replace(choice, enhancements=e) for choice, e in pairs))


def read_title(root: Path, macs_per_s: float) -> Title:
    """Returns the title of the bundle at `root`, for a machine of `macs_per_s` multiply-adds a second.

    Raises BundleError, and BenchError if the bundle has no quality table.
    """
    bundle = open_bundle(root)
    video = bundle.presentation.video
    table, size_bytes = _table(bundle)

    def seconds_of(rung: VideoRepresentation, track: ModelTrack) -> float:
        pixels_per_s = rung.video.width * rung.video.height * float(rung.video.frame_rate)
        return track.macs_per_pixel * pixels_per_s / macs_per_s

    segments = upcoming_segments(video, usable_entries(video, table), range(len(video[0].segments)), seconds_of)
    return Title(bundle.presentation.title or root.resolve().name, segments, size_bytes)


def _table(bundle: Bundle) -> tuple[QualityTable, int]:
    for s in bundle.presentation.adaptation_sets:
        if s.quality is not None:
            return decode_quality(bundle.read(s.quality.href)), s.quality.size_bytes
    raise BenchError(f"{bundle.root} has no quality table: run `neudash report` to add one")
