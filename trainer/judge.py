"""How good models are: as coded, through the player's own decode, engine and upscale, on every frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from manifests.networks import Size
from manifests.weights import ModelWeights
from media.frames import Frame
from media.quality import squared_error
from media.upscale import plain_resize
from player.superres.engines import Engine, Upscaler


@dataclass(frozen=True)
class SegmentScore:
    """Squared errors of one segment's luma against the source, summed over all its frames."""

    samples: int
    """Luma samples compared."""
    plain_sse: int
    model_sse: tuple[int | None, ...]
    """For each model that was judged; None where it was not tried on this segment."""

    def gain_db(self, model: int) -> float:
        """Gain in PSNR-Y of a model over plain upscaling; negative infinity where it was not tried."""
        sse = self.model_sse[model]
        return -math.inf if sse is None else 10 * math.log10(max(self.plain_sse, 1) / max(sse, 1))

    def barred(self) -> SegmentScore:
        """The same segment as if no model had been tried on it."""
        return replace(self, model_sse=(None,) * len(self.model_sse))


def judge(
    frames: Iterator[tuple[int, int, Frame, Frame]],
    segments: int,
    models: Sequence[tuple[ModelWeights, frozenset[int] | None]],
    engine: Engine,
    input_size: Size,
    on_frame: Callable[[int], None] = lambda done: None,
) -> list[SegmentScore]:
    """Scores of each segment from its frames (as `Rung.frames` gives them).

    A model comes with the segments it is tried on, None for all of them; `input_size` (width, height) is that of the
    picture they take. `on_frame` is told how many are done.
    """
    samples = [0] * segments
    plain = [0] * segments
    sums: list[list[int | None]] = [
        [0 if where is None or segment in where else None for _, where in models] for segment in range(segments)
    ]
    upscalers: dict[int, Upscaler] = {}
    for done, (segment, _, decoded, reference) in enumerate(frames, 1):
        samples[segment] += reference.y.size
        plain[segment] += squared_error(reference.y, plain_resize(decoded.y, reference.width, reference.height))
        taken = plain_resize(decoded.y, *input_size)
        for index, (weights, _) in enumerate(models):
            total = sums[segment][index]
            if total is None:
                continue
            if index not in upscalers:
                upscalers[index] = engine.upscaler(weights, *input_size)
            picture = upscalers[index].upscale(taken)
            sums[segment][index] = total + squared_error(reference.y, picture)
        on_frame(done)
    return [SegmentScore(samples[s], plain[s], tuple(sums[s])) for s in range(segments)]
