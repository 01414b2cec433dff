"""Errors of a training run, apart from those of a bundle or a source."""


class TrainingError(Exception):
    """The bundle and the source do not match, nothing can be trained, or a training process was killed.

    `str()` contains the remedy.
    """
