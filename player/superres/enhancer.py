"""A whole frame enhanced: luma by the model's network, chroma by the plain upscale."""

from __future__ import annotations

from media.frames import Frame
from media.upscale import plain_upscale
from player.superres.engines import Upscaler


def enhance_frame(frame: Frame, upscaler: Upscaler | None, scale: int) -> Frame:
    """The frame `scale` times as wide and high; `upscaler` None is plain upscaling of every plane."""
    if upscaler is not None and upscaler.scale != scale:
        raise ValueError(f"{upscaler.name} enlarges {upscaler.scale} times where {scale} is wanted")
    luma = plain_upscale(frame.y, scale) if upscaler is None else upscaler.upscale(frame.y)
    return Frame(luma, plain_upscale(frame.u, scale), plain_upscale(frame.v, scale), frame.pts_s)
