"""Coding trained weights: in full, or as an update of weights that a player has; whichever saves more bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from manifests.networks import Size
from manifests.weights import ModelWeights, decode_model, encode_model
from trainer.judge import RungJudge
from trainer.quantise import quantise, quantise_update

_FRAMES_JUDGED = 12
"""To choose among codings; the choice whether to send any is made on every judged frame."""


def best_coding(
    tuned: ModelWeights,
    base: ModelWeights | None,
    judge: RungJudge,
    input_size: Size,
    segments: frozenset[int],
    worth_bytes_per_db: float,
) -> bytes:
    """The `.ndm` file of `tuned` that saves most bytes over `segments`, where 1 dB is worth so many.

    In full at the usual bits, or any of several updates of `base` (the weights as a player has them).
    """
    full = encode_model(quantise(tuned))
    if base is None:
        return full
    files = [full]
    if tuned.input_mean == base.input_mean:
        files += [encode_model(quantise_update(tuned, base, coding)) for coding in _codings(len(base.kernels))]
    before = judge.error_in(base, input_size, segments, _FRAMES_JUDGED)

    def saved_bytes(data: bytes) -> float:
        weights = decode_model(data, None if data is full else base)
        gain_db = 10 * math.log10(before / judge.error_in(weights, input_size, segments, _FRAMES_JUDGED))
        return worth_bytes_per_db * gain_db - len(data)

    return max(files, key=saved_bytes)


def _codings(layers: int) -> Sequence[tuple[int, ...]]:
    """Bits a weight for each layer: all alike, the last layer alone, or biases alone."""
    return [*((bits,) * layers for bits in (2, 3, 4)), (0,) * (layers - 1) + (4,), (0,) * layers]
