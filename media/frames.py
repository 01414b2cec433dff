"""Decoded frames: planar 8-bit YUV 4:2:0 as numpy arrays, from segments exactly as a player decodes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from media.errors import UndecodableSegmentError
from media.resize import resize
from media.segments import video_of_segment

Plane = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture, limited-range BT.709 YUV 4:2:0."""

    y: Plane
    """(height, width), height and width even."""
    u: Plane
    """(height / 2, width / 2)."""
    v: Plane
    """(height / 2, width / 2)."""
    pts_s: Fraction
    """Presentation time in the Period."""

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    def i420(self) -> bytes:
        """The three planes one after the other, as `-f rawvideo -pix_fmt yuv420p` has them."""
        return self.y.tobytes() + self.u.tobytes() + self.v.tobytes()


def decode_segment(init: bytes, media: bytes) -> Iterator[Frame]:
    """Decode one CMAF segment (closed GOP) to frames in presentation order.

    Raises UndecodableSegmentError, possibly after some frames.
    """
    with video_of_segment(init + media) as (container, stream):
        stream.thread_type = "AUTO"
        for decoded in container.decode(stream):
            yield _to_frame(decoded)


def resize_frame(frame: Frame, width: int, height: int) -> Frame:
    """Returns the frame at another size; the same frame if it already has that size.

    Larger by the plain resize, smaller by libswscale's Lanczos, which filters against aliasing.
    """
    if (frame.width, frame.height) == (width, height):
        return frame
    if width >= frame.width and height >= frame.height:
        u, v = (resize(plane, width // 2, height // 2) for plane in (frame.u, frame.v))
        return Frame(resize(frame.y, width, height), u, v, frame.pts_s)
    source = av.VideoFrame.from_ndarray(_stacked(frame), format="yuv420p")
    scaled = source.reformat(width, height, format="yuv420p", interpolation=Interpolation.LANCZOS)
    return Frame(*_planes(scaled), pts_s=frame.pts_s)


def frame_from_i420(data: bytes, width: int, height: int, pts_s: Fraction) -> Frame:
    """Returns the frame whose `i420()` is `data`. Raises ValueError if the length does not fit the size."""
    luma, chroma = width * height, (width // 2) * (height // 2)
    if len(data) != luma + 2 * chroma:
        raise ValueError(f"{len(data)} bytes are not a {width}x{height} frame in yuv420p")
    flat = np.frombuffer(data, np.uint8)
    half = (height // 2, width // 2)
    return Frame(
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(half),
        flat[luma + chroma :].reshape(half),
        pts_s,
    )


def _to_frame(decoded: av.VideoFrame) -> Frame:
    if decoded.format.name != "yuv420p":
        decoded = decoded.reformat(format="yuv420p")
    if decoded.pts is None or decoded.time_base is None:
        raise UndecodableSegmentError("the segment has a frame without a time stamp")
    return Frame(*_planes(decoded), pts_s=decoded.pts * Fraction(decoded.time_base))


def _planes(decoded: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Copies of the three planes without the padding at the end of each row."""
    planes = []
    for plane in decoded.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width].copy())
    return planes[0], planes[1], planes[2]


def _stacked(frame: Frame) -> NDArray[np.uint8]:
    return np.frombuffer(frame.i420(), np.uint8).reshape(frame.height * 3 // 2, frame.width)
