"""Choice of the model for a segment, among those that this version can run: one rule for player and report."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.errors import UnknownNetworkError
from manifests.model import ModelFile, ModelTrack, VideoRepresentation
from manifests.networks import parse_network
from manifests.weights import FORMAT
from player.stats import ModelKind

NO_MODELS = "this rung has no models"
ENHANCEMENT_OFF = "enhancement is off"
PLAIN_IS_BEST = "the manifest names no model: plain is best here"


@dataclass(frozen=True)
class Unavailable:
    """Result in place of weights or an upscaler that cannot be had; the segment is shown plain."""

    reason: str


@dataclass(frozen=True)
class SegmentModel:
    """Model of one segment according to the manifest."""

    representation: VideoRepresentation
    track: ModelTrack | None
    files: tuple[ModelFile, ...]
    """The chain, full weights first; empty for the plain resize."""
    reason: str | None = None
    """Reason why there is no model to use."""

    @property
    def kind(self) -> ModelKind:
        if not self.files:
            return "none"
        return "base" if len(self.files) == 1 else "update"


def model_for_segment(representation: VideoRepresentation, index: int) -> SegmentModel:
    """Returns the model of segment `index`, counted from 0: that of the best-ranked track that this version can run."""
    return model_candidates(representation, index)[0]


def model_candidates(representation: VideoRepresentation, index: int) -> tuple[SegmentModel, ...]:
    """Returns every model of segment `index`, counted from 0, that this version can run, best rank first.

    If there is none, one entry with the reason.
    """
    known: list[ModelTrack] = []
    reason = representation.model_problem or NO_MODELS
    for track in sorted(representation.model_tracks, key=lambda t: t.rank):
        problem = track_problem(track)
        if problem is None:
            known.append(track)
        else:
            reason = problem
    used = ((track, track.uses[index]) for track in known)
    found = tuple(SegmentModel(representation, track, track.chain(n)) for track, n in used if n is not None)
    return found or (SegmentModel(representation, None, (), PLAIN_IS_BEST if known else reason),)


def track_problem(track: ModelTrack) -> str | None:
    """Returns the reason why this version cannot run the track; None if it can."""
    if track.format != FORMAT:
        return f"model format {track.format[:40]!r} is not known to this version"
    try:
        parse_network(track.network, track.scale)
    except UnknownNetworkError as error:
        return str(error)
    return None
