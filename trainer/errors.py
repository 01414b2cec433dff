"""What a training run can fail of, beside what a bundle or a source can be."""


class TrainingError(Exception):
    """The bundle and the source given do not belong together, or nothing can be trained. `str()` says what to do."""
