"""Reuse of a network's residual for the next frame: half the network's work, for machines without time for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from media.resize import base_upsample
from player.superres.engines import Upscaler

Plane = NDArray[np.uint8]


class ResidualReuse:
    """An upscaler that knows what it did last. Of one thread, as every upscaler."""

    def __init__(self, upscaler: Upscaler) -> None:
        self.name = upscaler.name
        self.scale = upscaler.scale
        self.again: FrameResidual | None = None
        """Adds once more what the network added last; None before its first picture."""
        self._upscaler = upscaler

    def upscale(self, frames: Sequence[Plane]) -> Plane:
        (luma,) = frames
        enhanced = self._upscaler.upscale(frames)
        self.again = FrameResidual(self.name, self.scale, luma, enhanced)
        return enhanced


@dataclass(eq=False)
class FrameResidual:
    """An upscaler without a network: plain, and the residual between a plane and what a network made of it."""

    name: str
    scale: int
    before: Plane
    """(h, w), what went into the network."""
    enhanced: Plane
    """(h·scale, w·scale), what came out."""

    def upscale(self, frames: Sequence[Plane]) -> Plane:
        """(h, w), of the same size as `before`, to (h·scale, w·scale)."""
        (luma,) = frames
        residual = cv2.subtract(self.enhanced, base_upsample(self.before, self.scale), dtype=cv2.CV_16S)
        picture: Plane = cv2.add(base_upsample(luma, self.scale), residual, dtype=cv2.CV_8U)
        return picture
