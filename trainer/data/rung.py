"""One rung as the trainer sees it: the segments of a video representation, and what comes out when they are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from manifests.bundle import Bundle
from manifests.model import VideoRepresentation
from manifests.networks import Size
from media.errors import UndecodableSegmentError
from media.frames import Frame, decode_segment
from trainer.errors import TrainingError

AGAIN = "package the video again, with --force"


@dataclass(frozen=True)
class TrainingRung:
    """A video representation, and the size that its frames are to be enhanced to."""

    bundle: Bundle
    representation: VideoRepresentation
    enhanced_size: Size
    """(width, height)."""

    @property
    def id(self) -> str:
        return self.representation.id

    @property
    def size(self) -> Size:
        """(width, height) of its own frames."""
        return self.representation.size

    def frame_counts(self) -> list[int]:
        """Frames of each segment."""
        return [self.representation.frame_count(segment) for segment in self.representation.segments]

    def media_bytes(self) -> list[int]:
        """Bytes of each segment."""
        return [self.bundle.path(href).stat().st_size for href in self.representation.hrefs[1:]]

    def media(self, segment: int) -> bytes:
        """The segment at that index."""
        return self.bundle.read(self._named(segment))

    def frames(self) -> Iterator[tuple[int, int, Frame]]:
        """Yields (index of the segment, index in the segment, decoded frame), in order.

        Raises TrainingError, which names the segment, if one has fewer frames than the manifest promises.
        """
        init = self.bundle.read(self.representation.init_href)
        for segment, expected in enumerate(self.frame_counts()):
            frames = 0
            try:
                for index, frame in enumerate(decode_segment(init, self.media(segment))):
                    yield segment, index, frame
                    frames += 1
            except UndecodableSegmentError as error:
                raise TrainingError(f"{self._named(segment)}: {error}; {AGAIN}") from error
            if frames < expected:
                raise TrainingError(f"{self._named(segment)}: {frames} of its {expected} frames decode; {AGAIN}")

    def _named(self, segment: int) -> str:
        return self.representation.segments[segment].href
