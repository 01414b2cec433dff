"""Errors of a report, apart from those of bundles and media."""

from manifests.errors import NeudashError


class ReportError(NeudashError):
    """The bundle and the source do not have the same number of frames. `str()` contains the remedy."""
