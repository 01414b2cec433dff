"""Scores of a picture against its reference: PSNR of Y, U and V, SSIM, VMAF and VMAF-NEG, for each frame and pooled.

PSNR is pooled over the summed squared error of all frames, never as a mean of decibels, in which one black frame would
outweigh a minute of film. VMAF (Li et al., Netflix 2016), its variant NEG (no enhancement gain, 2020) and SSIM (Wang et
al., 2004) come from libvmaf and are pooled as their mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from math import log10

import cv2
import numpy as np
from numpy.typing import NDArray

from media.errors import MediaError
from media.frames import Frame
from media.vmaf import VmafMeter, VmafScore, vmaf_meter, vmaf_program

PEAK = 255
HIGHEST_PSNR_DB = 100.0
"""PSNR of equal pictures: JSON has no infinity, and the largest finite value of 8-bit pictures is far lower."""


class UnequalPicturesError(MediaError):
    """Reference and distorted video differ in frame count or frame size: nothing to compare."""


@dataclass(frozen=True)
class FrameScore:
    """One frame against its reference."""

    squared_error: int
    """Summed over the luma samples."""
    samples: int
    """Luma samples; each chroma plane has a quarter of them."""
    chroma_errors: tuple[int, int]
    """Summed over the samples of U and of V."""
    ssim: float | None = None
    """Structural similarity of the luma, up to 1. None where libvmaf is missing or skipped the frame."""
    vmaf: float | None = None
    """0 to 100; None as above."""
    vmaf_neg: float | None = None


@dataclass(frozen=True)
class Quality:
    """The scores of a run of frames in one."""

    frames: int
    psnr_y: float
    """dB, from the squared error of all frames together."""
    psnr_y_of_frames: float
    """Mean of the frames' own PSNR-Y in dB, which other tools call average PSNR. Only for comparison with them."""
    psnr_u: float
    """dB, pooled as `psnr_y`; so is that of V."""
    psnr_v: float
    ssim: float | None
    vmaf: float | None
    vmaf_neg: float | None


def squared_error(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> int:
    """Sum of squared differences of two 8-bit planes of one size, exact."""
    return round(cv2.norm(reference, distorted, cv2.NORM_L2SQR))


def psnr_y(sum_squared_error: float, samples: int) -> float:
    """Peak signal-to-noise ratio in dB of `samples` 8-bit values; at most HIGHEST_PSNR_DB."""
    if samples <= 0:
        raise ValueError(f"PSNR of {samples} samples")
    if sum_squared_error == 0:
        return HIGHEST_PSNR_DB
    return min(HIGHEST_PSNR_DB, 10 * log10(PEAK**2 * samples / sum_squared_error))


def pooled(scores: Sequence[FrameScore]) -> Quality:
    """One Quality for a segment, a rung or a title. Raises ValueError without any frame."""
    if not scores:
        raise ValueError("the quality of no frames")
    samples = sum(s.samples for s in scores)
    return Quality(
        frames=len(scores),
        psnr_y=psnr_y(sum(s.squared_error for s in scores), samples),
        psnr_u=psnr_y(sum(s.chroma_errors[0] for s in scores), samples // 4),
        psnr_v=psnr_y(sum(s.chroma_errors[1] for s in scores), samples // 4),
        psnr_y_of_frames=sum(psnr_y(s.squared_error, s.samples) for s in scores) / len(scores),
        ssim=_mean([s.ssim for s in scores]),
        vmaf=_mean([s.vmaf for s in scores]),
        vmaf_neg=_mean([s.vmaf_neg for s in scores]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


class Judge:
    """Takes pairs of frames as they come; made by `judge`."""

    def __init__(self, width: int, height: int, meter: VmafMeter | None) -> None:
        self._size = (width, height)
        self._errors: list[int] = []
        self._chroma_errors: list[tuple[int, int]] = []
        self._meter = meter

    def add(self, reference: Frame, distorted: Frame) -> int:
        """The next pair; returns its squared error. Raises UnequalPicturesError, ProgramFailedError."""
        self._check("reference", reference)
        self._check("distorted", distorted)
        error = squared_error(reference.y, distorted.y)
        self._errors.append(error)
        self._chroma_errors.append((squared_error(reference.u, distorted.u), squared_error(reference.v, distorted.v)))
        if self._meter:
            self._meter.add(reference, distorted)
        return error

    def _check(self, name: str, frame: Frame) -> None:
        if (frame.width, frame.height) != self._size:
            raise UnequalPicturesError(
                f"frame {len(self._errors)} of the {name} video has {frame.width}x{frame.height} pixels,"
                f" not {self._size[0]}x{self._size[1]}"
            )

    def scores(self) -> list[FrameScore]:
        """A score for each pair, in order. VMAF and SSIM only after the block of `judge`."""
        rated = self._meter.scores if self._meter else {}
        samples = self._size[0] * self._size[1]
        pairs = enumerate(zip(self._errors, self._chroma_errors, strict=True))
        return [_score(error, samples, chroma, rated.get(index)) for index, (error, chroma) in pairs]


@contextmanager
def judge(width: int, height: int, *, vmaf_every: int = 1, neg_only: bool = False) -> Iterator[Judge]:
    """Opens a Judge of frames of that size; leaving the block waits for libvmaf. Raises ProgramFailedError.

    `vmaf_every`: libvmaf scores every n-th frame, PSNR always all of them; 0 leaves libvmaf out. `neg_only`: of
    libvmaf's scores only VMAF-NEG. SSIM and VMAF stay None if no ffmpeg has libvmaf: see `media.vmaf.vmaf_program`.
    """
    program = vmaf_program() if vmaf_every else None
    if program is None:
        yield Judge(width, height, None)
        return
    with vmaf_meter(program, width, height, every=vmaf_every, neg_only=neg_only) as meter:
        yield Judge(width, height, meter)


def _score(error: int, samples: int, chroma_errors: tuple[int, int], rated: VmafScore | None) -> FrameScore:
    if rated is None:
        return FrameScore(error, samples, chroma_errors)
    return FrameScore(error, samples, chroma_errors, ssim=rated.ssim, vmaf=rated.vmaf, vmaf_neg=rated.vmaf_neg)


def measure(reference: Iterable[Frame], distorted: Iterable[Frame], *, vmaf_every: int = 1) -> list[FrameScore]:
    """Scores two videos frame by frame, holding one pair at a time.

    Raises UnequalPicturesError if one is longer or of another size, ProgramFailedError.
    """
    pairs = enumerate(zip_longest(reference, distorted))
    index, pair = next(pairs, (0, None))
    if pair is None:
        return []
    first = _both(pair, index)
    with judge(first[0].width, first[0].height, vmaf_every=vmaf_every) as verdict:
        verdict.add(*first)
        for index, pair in pairs:
            verdict.add(*_both(pair, index))
    return verdict.scores()


def _both(pair: tuple[Frame | None, Frame | None], index: int) -> tuple[Frame, Frame]:
    reference, distorted = pair
    if reference is None or distorted is None:
        ended = "reference" if reference is None else "distorted"
        raise UnequalPicturesError(f"the {ended} video ends after {index} frames, the other goes on")
    return reference, distorted
