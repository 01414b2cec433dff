"""Errors of pixels and of the programs that make them: one root, one subclass for each reaction."""

from __future__ import annotations

from manifests.errors import NeudashError


class MediaError(NeudashError):
    """Root of everything this package raises. `str()` is one sentence fit for a person to read."""


class ProgramNotFoundError(MediaError):
    """ffmpeg or MP4Box is not installed where we look; the message contains the remedy."""


class ProgramFailedError(MediaError):
    """A program ended with an error, or had to be ended at its deadline."""

    def __init__(self, message: str, stderr_tail: str = "") -> None:
        super().__init__(message)
        self.stderr_tail = stderr_tail
        """The last lines the program wrote to stderr, for whoever wants more than the sentence."""


class UnreadableSourceError(MediaError):
    """A source that is missing, refused (a playlist, too many pixels) or holds nothing we can decode."""


class UndecodableSegmentError(MediaError):
    """A media segment that does not decode to the frames it should hold."""


class WrongSourceError(MediaError):
    """The video that was named is not the one that a bundle was packaged from."""
