"""One segment on its way from the network to the screen, with all that it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from manifests.model import ModelTrack, Segment, VideoRepresentation
from manifests.networks import Size
from manifests.weights import ModelWeights
from player.fetching.soundtrack import AudioSegment
from player.stats import SegmentStats
from player.superres.model_choice import SegmentModel


@dataclass
class FetchedSegment:
    """One segment on its way through the session; each stage adds to its record."""

    index: int
    """Index of the segment, from 0."""
    representation: VideoRepresentation
    """Rung chosen for it, or the one it came from if that failed."""
    record: SegmentStats
    init: bytes = b""
    media: bytes | None = None
    """Bytes of the segment; None if it was not delivered."""
    weights: ModelWeights | None = None
    """Weights of its model, if it came whole and in time."""
    track: ModelTrack | None = None
    """The one that its weights are of."""
    model: SegmentModel | None = None
    """The model that was asked for, or why none was."""
    audio: list[AudioSegment] = field(default_factory=list)

    @property
    def segment(self) -> Segment:
        return self.representation.segments[self.index]

    @property
    def input_size(self) -> Size:
        """(width, height) of the picture that its model takes."""
        rung = self.representation
        return rung.size if self.track is None else self.track.input_size_of(rung.video)

    @property
    def start_s(self) -> Fraction:
        return self.segment.start_s

    @property
    def end_s(self) -> Fraction:
        return self.segment.end_s
