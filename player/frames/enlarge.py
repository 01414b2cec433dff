"""From a decoded frame of any rung to a frame of the output's size."""

from __future__ import annotations

from manifests.networks import Size
from media.frames import Frame, fit
from player.superres.engines import Upscaler
from player.superres.enhancer import enhance_frame
from player.superres.output import OutputFormat


def enlarged(frame: Frame, upscaler: Upscaler | None, input_size: Size, output: OutputFormat) -> Frame:
    """By the network, made for `input_size` (width, height), where there is one; then plainly to the output's size."""
    enhanced = frame if upscaler is None else enhance_frame(frame, upscaler, input_size)
    return fit(enhanced, output.width, output.height)
