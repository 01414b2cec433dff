"""One rung as the trainer sees it: every decoded frame beside the source frame that an enhanced one should equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from manifests.bundle import Bundle
from manifests.model import Representation
from manifests.networks import NetworkSpec, Size
from manifests.template import initialization_href, segment_href
from media.frames import Frame, decode_segment
from media.source import SourceTreatment, reference_frames
from trainer.errors import TrainingError


@dataclass(frozen=True)
class Rung:
    """A video representation, the source it was made from, and the network that is to learn what lies between."""

    bundle: Bundle
    representation: Representation
    source: Path
    treatment: SourceTreatment
    spec: NetworkSpec
    input_size: Size
    """(width, height) of the picture that goes into the network: the rung's own frames, or these enlarged plainly."""

    @property
    def size(self) -> Size:
        """(width, height) of its own frames."""
        video = self.representation.video
        assert video is not None, "a rung is a video representation"
        return video.width, video.height

    @property
    def enhanced_size(self) -> Size:
        """(width, height) of its frames once enhanced."""
        width, height = self.input_size
        return width * self.spec.scale, height * self.spec.scale

    def frame_counts(self) -> list[int]:
        """Frames of each segment."""
        video = self.representation.video
        assert video is not None, "a rung is a video representation"
        ticks_per_frame = self.representation.timescale / video.frame_rate
        return [round(segment.duration_ticks / ticks_per_frame) for segment in self.representation.segments]

    def media_bytes(self) -> list[int]:
        """Bytes of each segment."""
        hrefs = [segment_href(self.representation, segment) for segment in self.representation.segments]
        return [self.bundle.path(href).stat().st_size for href in hrefs]

    def frames(self) -> Iterator[tuple[int, int, Frame, Frame]]:
        """(index of the segment, index in the segment, decoded frame, source frame at the enhanced size), in order.

        Raises TrainingError where source and bundle differ in length, and what decoding raises.
        """
        references = reference_frames(self.source, self.treatment, *self.enhanced_size)
        for position, (segment, index, decoded) in enumerate(self._decoded()):
            reference = next(references, None)
            if reference is None:
                raise TrainingError(
                    f"{self.source.name} ends after {position} frames, before the bundle does: is it the video "
                    "that the bundle was packaged from?"
                )
            yield segment, index, decoded, reference
        if next(references, None) is not None:
            raise TrainingError(
                f"{self.source.name} goes on where the bundle ends: is it the video that the bundle was packaged from?"
            )

    def _decoded(self) -> Iterator[tuple[int, int, Frame]]:
        init = self.bundle.read(initialization_href(self.representation))
        per_segment = (
            ((index, position, frame) for position, frame in enumerate(decode_segment(init, self._media(index))))
            for index in range(len(self.representation.segments))
        )
        return chain.from_iterable(per_segment)

    def _media(self, index: int) -> bytes:
        return self.bundle.read(segment_href(self.representation, self.representation.segments[index]))
