"""Coding trained weights: in full, or as an update of weights that a player has; whichever saves more bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from manifests.networks import Size
from manifests.weights import ModelWeights, decode_model, encode_model
from trainer.choice.judge import RungJudge
from trainer.fitting.quantise import quantise, quantise_update

_FRAMES_JUDGED = 12
"""Judged frames for the choice among codings; the choice of models uses every judged frame."""

_FULL_BITS = (5, 6, 7)
"""Bits a weight of full models: mostly 6; 7 gain 0.02 dB over them, which pays on rungs of megabytes."""


def best_coding(
    tuned: ModelWeights,
    base: ModelWeights | None,
    judge: RungJudge,
    input_size: Size,
    segments: frozenset[int],
    worth_bytes_per_db: float,
) -> bytes:
    """Returns the `.ndm` file of `tuned` that saves most bytes over `segments`, given the worth of 1 dB in bytes.

    Tried: in full, and as an update of `base` (weights as a player has them), each at several bits a weight.
    """
    full = [encode_model(quantise(tuned, bits)) for bits in _FULL_BITS]
    updates = []
    if base is not None and tuned.input_mean == base.input_mean:
        updates = [encode_model(quantise_update(tuned, base, coding)) for coding in _codings(len(base.kernels))]

    def saved_bytes(data: bytes, base: ModelWeights | None) -> float:
        """Returns the saving of a coding, up to a constant."""
        error = judge.error_in(decode_model(data, base), input_size, segments, _FRAMES_JUDGED)
        return -worth_bytes_per_db * 10 * math.log10(error) - len(data)

    candidates = [*((data, None) for data in full), *((data, base) for data in updates)]
    return max(candidates, key=lambda candidate: saved_bytes(*candidate))[0]


def _codings(layers: int) -> Sequence[tuple[int, ...]]:
    """Returns bits a weight for each layer: the same for all, for the last layer only, or for biases only."""
    return [*((bits,) * layers for bits in (2, 3, 4)), (0,) * (layers - 1) + (4,), (0,) * layers]
