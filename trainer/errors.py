"""Errors of a training run, apart from those of a bundle or a source."""

from manifests.errors import NeudashError


class TrainingError(NeudashError):
    """The bundle and the source do not match, nothing can be trained, or a training process was killed.

    `str()` contains the remedy.
    """
