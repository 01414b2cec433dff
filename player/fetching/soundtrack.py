"""Sound next to the video, fetched as far as the video is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from manifests.model import AudioRepresentation
from player.errors import FetchError
from player.fetching.presentation_files import PresentationFiles


@dataclass(frozen=True)
class AudioSegment:
    """One segment with what is needed to read it."""

    init: bytes
    media: bytes


class Soundtrack:
    """One sound track, or silence for None. A segment that cannot be fetched is silent, with one warning."""

    def __init__(
        self, files: PresentationFiles, stream: AudioRepresentation | None, warn: Callable[[str], None]
    ) -> None:
        self._files = files
        self._warn = warn
        self._stream = stream
        self._position = 0
        self._init: bytes | None = None
        self.complete = True
        """True if all of it has come so far."""

    async def init(self) -> bytes | None:
        """Fetches its init segment; None without sound or if it cannot be fetched. Raises SinkError."""
        if self._stream is not None:
            try:
                self._init = (await self._files.init(self._stream)).data
            except FetchError as error:
                self._lose(error)
        return self._init

    async def until(self, end_s: Fraction | None) -> list[AudioSegment]:
        """The next segments, up to those that start before `end_s`; all that are left for None. Raises SinkError."""
        found: list[AudioSegment] = []
        stream, init = self._stream, self._init
        while stream is not None and init is not None and self._position < len(stream.segments):
            segment = stream.segments[self._position]
            if end_s is not None and segment.start_s >= end_s:
                break
            self._position += 1
            try:
                found.append(AudioSegment(init, (await self._files.segment(stream, segment)).data))
            except FetchError as error:
                self._lose(error)
        return found

    def go_to(self, at_s: Fraction) -> None:
        """Continues from the segment that is heard at that time."""
        if self._stream is not None:
            started = [n for n, segment in enumerate(self._stream.segments) if segment.start_s <= at_s]
            self._position = started[-1] if started else 0

    def _lose(self, error: FetchError) -> None:
        self.complete = False
        self._warn(f"audio is missing: {error}")
