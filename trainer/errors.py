"""What a training run can fail of, beside what a bundle or a source can be."""


class TrainingError(Exception):
    """The bundle and the source given do not belong together, nothing can be trained, or a process that trained was
    killed. `str()` says what to do.
    """
