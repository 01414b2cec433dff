"""Whole frames through an upscaler and to the size that is shown: luma by the network, chroma by the plain resize."""

from __future__ import annotations

from manifests.networks import Size
from media.frames import Frame, resize_frame
from media.resize import resize
from player.superres.engines import Upscaler
from player.superres.output import OutputFormat


def enhance_frame(frame: Frame, upscaler: Upscaler, input_size: Size) -> Frame:
    """Returns the enhanced frame, at the size that the network makes.

    `input_size` is the size that `upscaler` was made for, to which luma is resized first; chroma is resized straight to
    half of the result. Raises ValueError if the frame is larger than that.
    """
    luma = upscaler.upscale([resize(frame.y, *input_size)])
    height, width = luma.shape
    u, v = (resize(plane, width // 2, height // 2) for plane in (frame.u, frame.v))
    return Frame(luma, u, v, frame.pts_s)


def output_frame(frame: Frame, upscaler: Upscaler | None, input_size: Size, output: OutputFormat) -> Frame:
    """Enhances `frame` by `upscaler`, made for `input_size` (width, height), if there is one; resizes to the output."""
    enhanced = frame if upscaler is None else enhance_frame(frame, upscaler, input_size)
    return resize_frame(enhanced, output.width, output.height)
