"""Scores of models as coded, through the player's own engine and resize, on frames that were kept for judging."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from manifests.networks import Size
from manifests.weights import ModelWeights
from media.quality import psnr_y, squared_error
from media.resize import resize
from player.superres.engines import Engine
from trainer.data.mapped_arrays import MappedArrays
from trainer.data.samples import Sample

Plane = NDArray[np.uint8]
Errors = tuple[int | None, ...]
"""Squared error of one model over the judged frames of each segment; None if it was not tried on that segment."""


@dataclass(frozen=True)
class SegmentScore:
    """Squared errors of one segment's luma against the source, summed over its judged frames."""

    samples: int
    """Luma samples compared."""
    plain_sse: int
    model_sse: Errors
    """Squared error of each judged model; None if it was not tried on this segment."""

    def gain_db(self, model: int) -> float:
        """Returns the gain in PSNR-Y of a model over plain; negative infinity if it was not tried."""
        sse = self.model_sse[model]
        return -math.inf if sse is None else 10 * math.log10(max(self.plain_sse, 1) / max(sse, 1))

    def barred(self) -> SegmentScore:
        """The same segment as if no model had been tried on it."""
        return replace(self, model_sse=(None,) * len(self.model_sse))


def plain_psnr_y(shots: Sequence[Sample]) -> float:
    """dB, of these frames enlarged without a model, together."""
    errors = (squared_error(shot.reference, _plain(shot)) for shot in shots)
    return psnr_y(sum(errors), sum(shot.reference.size for shot in shots))


def _plain(shot: Sample) -> Plane:
    height, width = shot.reference.shape
    return resize(shot.luma, width, height)


class RungJudge:
    """The judged frames of one rung, resized once (on the disk of `folder`), to compare any model with."""

    def __init__(self, shots: Sequence[Sample], segments: int, engine: Engine, folder: Path) -> None:
        self.shots = tuple(shots)
        enlarged = MappedArrays(folder, np.uint8)
        for shot in self.shots:
            enlarged.add(_plain(shot))
        self.plain = enlarged.arrays()
        """Each frame enlarged without a model."""
        self._segments = segments
        self._engine = engine
        self._samples = [0] * segments
        self._plain_sse = [0] * segments
        for shot, plain in zip(self.shots, self.plain, strict=True):
            self._samples[shot.segment] += shot.reference.size
            self._plain_sse[shot.segment] += squared_error(shot.reference, plain)

    def scores(self, errors: Sequence[Errors]) -> list[SegmentScore]:
        """A score for each segment of models with these errors."""
        columns = [tuple(column[s] for column in errors) for s in range(self._segments)]
        parts = zip(self._samples, self._plain_sse, columns, strict=True)
        return [SegmentScore(samples, plain, column) for samples, plain, column in parts]

    def errors(
        self,
        weights: ModelWeights,
        input_size: Size,
        where: frozenset[int] | None = None,
        on_frame: Callable[[int], None] = lambda done: None,
    ) -> Errors:
        """Returns the errors of a model that takes pictures of `input_size`, in the segments `where` or in all."""
        sums: list[int | None] = [0 if where is None or s in where else None for s in range(self._segments)]
        enhance = self.enhancer(weights, input_size)
        for index, shot in enumerate(self.shots):
            before = sums[shot.segment]
            if before is not None:
                sums[shot.segment] = before + squared_error(shot.reference, enhance(index))
            on_frame(index + 1)
        return tuple(sums)

    def enhancer(self, weights: ModelWeights, input_size: Size) -> Callable[[int], Plane]:
        """Makes the enhanced picture of the shot at an index."""
        upscaler = self._engine.upscaler(weights, *input_size)

        def picture(index: int) -> Plane:
            plain = self.plain[index]
            taken = plain if plain.shape == input_size[::-1] else resize(self.shots[index].luma, *input_size)
            return upscaler.upscale([taken])

        return picture

    def error_in(self, weights: ModelWeights, input_size: Size, segments: frozenset[int], most: int) -> int:
        """Returns the squared error over at most `most` frames of these segments, spread evenly, at least one."""
        indices = [index for index, shot in enumerate(self.shots) if shot.segment in segments]
        enhance = self.enhancer(weights, input_size)
        step = max(1, -(-len(indices) // most))
        return max(1, sum(squared_error(self.shots[i].reference, enhance(i)) for i in indices[::step]))
