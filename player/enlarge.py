"""From a decoded frame of any rung to a frame of the output's size."""

from __future__ import annotations

from media.frames import Frame, fit
from player.geometry import OutputFormat
from player.superres.engines import Upscaler
from player.superres.enhancer import enhance_frame

MAX_PLAIN_SCALE = 4


def enlarged(frame: Frame, upscaler: Upscaler | None, plain_scale: int, output: OutputFormat) -> Frame:
    """By the network or, without one, `plain_scale` times by the plain upscale; then to the output's size."""
    scale = plain_scale if upscaler is None else upscaler.scale
    return fit(frame if scale == 1 else enhance_frame(frame, upscaler, scale), output.width, output.height)


def plain_scale(width: int, height: int, output: OutputFormat) -> int:
    """The whole number that takes a rung without models to the output's size; 1 where there is none up to 4."""
    for scale in range(2, MAX_PLAIN_SCALE + 1):
        if (width * scale, height * scale) == (output.width, output.height):
            return scale
    return 1
