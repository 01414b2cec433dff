"""Sinks of enhanced frames: a video file, numbered pictures, a window."""

from __future__ import annotations

from typing import Protocol

from media.frames import Frame
from player.superres.output import OutputFormat


class Sink(Protocol):
    """Stores a session. Called by one thread at a time; every method raises SinkError."""

    def open(self, output: OutputFormat, audio_init: bytes | None) -> None:
        """Once, first. `audio_init` is the init segment of the audio, None for a silent presentation."""
        ...

    def write(self, frame: Frame) -> None:
        """One frame of the output's form; time stamps grow."""
        ...

    def sound(self, init: bytes, media: bytes) -> None:
        """One audio segment, before the video it accompanies. Raises UndecodableSegmentError for a broken one."""
        ...

    def close(self) -> None:
        """Finishes the output and gives it its final name, or leaves nothing if a write failed or nothing came.

        Called however the session ends.
        """
        ...
