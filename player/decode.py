"""The frames of a delivered segment, put where the manifest says they belong."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction

from manifests.errors import MalformedFragmentError
from manifests.fragments import read_fragment, read_init
from media.errors import UndecodableSegmentError
from media.frames import Frame, decode_segment
from player.downloads import Delivery


def segment_frames(delivery: Delivery) -> Iterator[Frame]:
    """Its frames with growing time stamps inside the segment's time, the first at its start.

    Raises UndecodableSegmentError, after the frames that could be had, where there are fewer than its tables say.
    """
    assert delivery.media is not None, "asked of a segment that was delivered"
    first_s: Fraction | None = None
    last_s = delivery.start_s - 1
    count = 0
    for frame in decode_segment(delivery.init, delivery.media):
        if frame.width % 2 or frame.height % 2:
            raise UndecodableSegmentError(f"frames of {frame.width}x{frame.height}; sizes are even")
        first_s = frame.pts_s if first_s is None else first_s
        pts_s = delivery.start_s + frame.pts_s - first_s
        if last_s < pts_s < delivery.end_s:
            last_s = pts_s
            count += 1
            yield dataclasses.replace(frame, pts_s=pts_s)
    expected = _frames_promised(delivery.init, delivery.media)
    if count < expected:
        raise UndecodableSegmentError(f"{count} of {expected} frames could be decoded")


def _frames_promised(init: bytes, media: bytes) -> int:
    """What the segment's own tables say; 1 where they are of a kind that only the decoder understands."""
    try:
        return read_fragment(media, read_init(init)).sample_count
    except MalformedFragmentError:
        return 1
