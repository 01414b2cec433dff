"""The VMAF check: segments whose model gains PSNR-Y but loses VMAF-NEG are played plain.

PSNR by itself rewards blur, and VMAF by itself rewards sharpening that costs nothing; a picture counts as better if
PSNR-Y and VMAF-NEG (which sharpening does not raise) agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from manifests.networks import Size
from manifests.weights import ModelWeights
from media.frames import Frame
from media.quality import judge
from trainer.choice.judge import RungJudge

Plane = NDArray[np.uint8]

_FRAMES_OF_A_SEGMENT = 6
"""libvmaf is the slowest part of judging."""
_TOLERATED = 0.1
"""Points of VMAF-NEG: less is below what the sampling of frames can tell apart."""

Neg = dict[int, float]
"""VMAF-NEG by segment; empty if no ffmpeg has libvmaf."""


class VmafCheck:
    """VMAF-NEG of a rung's judged frames; that of the plain ones is taken once."""

    def __init__(self, rung: RungJudge) -> None:
        self._rung = rung
        self._indices = _spread(rung)
        self._plain: Neg | None = None

    def rejected_segments(
        self, models: Sequence[ModelWeights | None], input_size: Size, on_frame: Callable[[int], None]
    ) -> set[int]:
        """Returns indices of the segments whose VMAF-NEG falls with their model in `models` (None: plain).

        `input_size` is the size of the picture that goes into the networks. The set is empty if no ffmpeg has libvmaf.
        Raises ProgramFailedError.
        """
        if self._plain is None:
            self._plain = self._neg(list(self._indices), lambda index: self._rung.plain[index], lambda done: None)
        enhance = {id(m): self._rung.enhancer(m, input_size) for m in models if m is not None}

        def played(index: int) -> Plane:
            model = models[self._rung.shots[index].segment]
            return self._rung.plain[index] if model is None else enhance[id(model)](index)

        changed = [i for i in self._indices if models[self._rung.shots[i].segment] is not None]
        after = self._neg(changed, played, on_frame)
        return {segment for segment, becomes in after.items() if becomes < self._plain[segment] - _TOLERATED}

    def _neg(self, indices: list[int], picture: Callable[[int], Plane], on_frame: Callable[[int], None]) -> Neg:
        if not indices:
            return {}
        height, width = self._rung.plain[indices[0]].shape
        with judge(width, height, vmaf_every=1) as verdict:
            for done, index in enumerate(indices, 1):
                verdict.add(_grey(self._rung.shots[index].reference), _grey(picture(index)))
                on_frame(done)
        scores: dict[int, list[float]] = {}
        for index, score in zip(indices, verdict.scores(), strict=True):
            if score.vmaf_neg is not None:
                scores.setdefault(self._rung.shots[index].segment, []).append(score.vmaf_neg)
        return {segment: float(np.mean(values)) for segment, values in scores.items()}

    @property
    def frames(self) -> int:
        """Number of frames that one check scores, at most."""
        return len(self._indices)


def _spread(rung: RungJudge) -> list[int]:
    """Returns indices of at most `_FRAMES_OF_A_SEGMENT` frames of each segment, in order."""
    by_segment: dict[int, list[int]] = {}
    for index, shot in enumerate(rung.shots):
        by_segment.setdefault(shot.segment, []).append(index)
    return [
        index
        for indices in by_segment.values()
        for index in indices[:: max(1, -(-len(indices) // _FRAMES_OF_A_SEGMENT))]
    ]


def _grey(luma: Plane) -> Frame:
    """Returns a frame with that luma and grey chroma: VMAF ignores colour."""
    chroma = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    return Frame(np.asarray(luma), chroma, chroma, Fraction(0))
