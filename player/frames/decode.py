"""Frames of a fetched segment, at the times that the manifest gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction

from manifests.errors import MalformedFragmentError
from manifests.mp4.fragments import read_fragment, read_init
from media.errors import UndecodableSegmentError
from media.frames import Frame, decode_segment
from player.fetching.fetched_segment import FetchedSegment

MAX_GROWTH = 4
"""Largest ratio of a frame's pixels to the manifest's: queues are counted in frames."""


def segment_frames(fetched: FetchedSegment) -> Iterator[Frame]:
    """Yields its frames with ascending time stamps inside the segment's time, the first at its start.

    Raises UndecodableSegmentError, after the frames that decoded, if there are fewer than its tables promise.
    """
    assert fetched.media is not None, "asked of a segment that was delivered"
    video = fetched.representation.video
    first_s: Fraction | None = None
    last_s = fetched.start_s - 1
    count = 0
    for frame in decode_segment(fetched.init, fetched.media):
        if frame.width % 2 or frame.height % 2:
            raise UndecodableSegmentError(f"frames of {frame.width}x{frame.height}; sizes are even")
        if frame.width * frame.height > MAX_GROWTH * video.width * video.height:
            raise UndecodableSegmentError(f"frames of {frame.width}x{frame.height} in a rung of {video.height} rows")
        first_s = frame.pts_s if first_s is None else first_s
        pts_s = fetched.start_s + frame.pts_s - first_s
        if last_s < pts_s < fetched.end_s:
            last_s = pts_s
            count += 1
            yield dataclasses.replace(frame, pts_s=pts_s)
    expected = _frames_promised(fetched)
    if count < expected:
        raise UndecodableSegmentError(f"{count} of {expected} frames could be decoded")


def _frames_promised(fetched: FetchedSegment) -> int:
    """Returns the frame count in the segment's own tables; if they do not parse, the one that fits its duration."""
    assert fetched.media is not None, "asked of a segment that was delivered"
    try:
        return read_fragment(fetched.media, read_init(fetched.init)).sample_count
    except MalformedFragmentError:
        return fetched.representation.frame_count(fetched.segment)
