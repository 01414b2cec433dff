"""The second opinion: where a model gains PSNR-Y but loses VMAF-NEG, plain upscaling is played.

PSNR alone rewards blur and VMAF alone rewards sharpening that costs nothing; a picture counts as better where PSNR-Y
and VMAF-NEG (which sharpening does not raise) agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from manifests.networks import Size
from manifests.weights import ModelWeights
from media.frames import Frame, fit
from media.quality import FrameScore, judge, pooled
from media.upscale import plain_resize
from player.superres.engines import Engine, Upscaler

_EVERY = 5
"""libvmaf looks at one frame in so many: it is the slowest part of judging."""
_TOLERATED = 0.1
"""Points of VMAF-NEG: less is below what the sampling of frames can tell apart."""


def spoilt_segments(
    frames: Iterator[tuple[int, int, Frame, Frame]],
    models: Sequence[ModelWeights | None],
    engine: Engine,
    input_size: Size,
    size: Size,
    on_frame: Callable[[int], None],
) -> set[int]:
    """Indices of the segments whose VMAF-NEG falls with their model in `models` (None: plain).

    `frames` as `Rung.frames` gives them; `input_size` (width, height) of the picture that goes into the networks,
    `size` of the enhanced frames. Where no ffmpeg has libvmaf there is no second opinion, and the set is empty.
    Raises ProgramFailedError.
    """
    upscalers: dict[int, Upscaler] = {}
    starts: list[int] = []
    with judge(*size, vmaf_every=_EVERY) as plain, judge(*size, vmaf_every=_EVERY) as played:
        for done, (segment, position, decoded, reference) in enumerate(frames, 1):
            if position == 0:
                starts.append(done - 1)
            model = models[segment]
            if model is not None and id(model) not in upscalers:
                upscalers[id(model)] = engine.upscaler(model, *input_size)
            upscaler = None if model is None else upscalers[id(model)]
            floor = fit(decoded, *size)
            plain.add(reference, floor)
            if upscaler is not None:
                floor = replace(floor, y=upscaler.upscale(plain_resize(decoded.y, *input_size)))
            played.add(reference, floor)
            on_frame(done)
    before, after = (_neg_of_segments(scores, starts) for scores in (plain.scores(), played.scores()))
    return {
        segment
        for segment, (was, becomes) in enumerate(zip(before, after, strict=True))
        if was is not None and becomes is not None and becomes < was - _TOLERATED
    }


def _neg_of_segments(scores: list[FrameScore], starts: list[int]) -> list[float | None]:
    ends = [*starts[1:], len(scores)]
    return [pooled(scores[start:end]).vmaf_neg for start, end in zip(starts, ends, strict=True)]
