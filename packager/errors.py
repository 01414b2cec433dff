"""Errors of the packager: one root, one subclass for each reaction. (Errors of media are MediaErrors.)"""

from __future__ import annotations

from manifests.errors import NeudashError


class PackagingError(NeudashError):
    """Root of everything this package raises. `str()` is one sentence fit for a person to read."""


class LadderError(PackagingError):
    """Rungs that cannot be read, or that this source cannot fill."""


class HdrError(PackagingError):
    """An HDR ladder that this source cannot fill."""


class SubtitlesError(PackagingError):
    """Not a readable subtitle file."""


class OutputFolderError(PackagingError):
    """An output folder that contains another bundle, or files that are not ours."""


class CaptureError(PackagingError):
    """A capture device that is not there, or gives nothing."""


class SoundError(PackagingError):
    """A sound track that is asked for and not there."""
