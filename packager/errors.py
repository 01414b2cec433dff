"""What the packager refuses: one root, one subclass per reaction. (What goes wrong with media is a MediaError.)"""

from __future__ import annotations


class PackagingError(Exception):
    """Root of everything this package raises. `str()` is one sentence fit for a person to read."""


class LadderError(PackagingError):
    """Rungs that cannot be read, or that this source cannot fill."""


class HdrError(PackagingError):
    """An HDR ladder that this source cannot fill."""


class SubtitlesError(PackagingError):
    """A file of subtitles that is none."""


class OutputFolderError(PackagingError):
    """An output folder that holds something else: another bundle, or files that are none of ours."""


class CaptureError(PackagingError):
    """A capture device that is not there, or gives nothing."""


class SoundError(PackagingError):
    """A sound track that is asked for and not there."""
