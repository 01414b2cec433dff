"""Coding an update: how few bits carry what a segment's own fine-tuning gained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from manifests.weights import ModelWeights, decode_model, encode_model
from media.quality import squared_error
from media.upscale import plain_upscale
from player.superres.engines import Engine
from trainer.pairs import Pair
from trainer.quantise import quantise_update
from trainer.select import RATE_PER_DB

_FRAMES_JUDGED = 8
"""Of a segment, to choose among codings; the choice whether to send any is made on every frame."""


def best_update(
    tuned: ModelWeights, base: ModelWeights, pairs: Sequence[Pair], media_bytes: int, engine: Engine
) -> bytes:
    """The `.ndm` update of `base` towards `tuned` that saves most bytes over a segment of `media_bytes`."""
    layers = len(base.kernels)
    codings = [(bits,) * layers for bits in (2, 3, 4)] + [(0,) * (layers - 1) + (4,), (0,) * layers]
    files = [encode_model(quantise_update(tuned, base, coding)) for coding in codings]
    judged = pairs[:: max(1, len(pairs) // _FRAMES_JUDGED)]
    before = _error(base, judged, engine)

    def saved_bytes(data: bytes) -> float:
        gain_db = 10 * math.log10(before / _error(decode_model(data, base), judged, engine))
        return RATE_PER_DB * gain_db * media_bytes - len(data)

    return max(files, key=saved_bytes)


def _error(weights: ModelWeights, pairs: Sequence[Pair], engine: Engine) -> int:
    height, width = pairs[0].luma.shape
    upscaler = engine.upscaler(weights, width, height)
    scale = weights.spec.scale
    return max(1, sum(squared_error(_reference(pair, scale), upscaler.upscale(pair.luma)) for pair in pairs))


def _reference(pair: Pair, scale: int) -> NDArray[np.uint8]:
    """The source luma again, from what a pair keeps of it."""
    height, width = pair.luma.shape
    depth = pair.residual.reshape(height, width, scale, scale).transpose(0, 2, 1, 3)
    residual = depth.reshape(height * scale, width * scale).astype(np.int16)
    return np.asarray(np.clip(plain_upscale(pair.luma, scale) + residual, 0, 255), np.uint8)
