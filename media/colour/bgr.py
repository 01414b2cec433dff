"""Conversion between limited-range BT.709 planes and 8-bit BGR pictures, for screens and PNG files."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from media.frames import Frame

Plane = NDArray[np.uint8]
Picture = NDArray[np.uint8]
"""(height, width, 3), blue first, full range, as OpenCV has it."""

# ITU-R BT.709-6, items 3.2 and 3.3: luma weights of red and blue; item 4.6: the 8-bit limited range.
_RED, _BLUE = 0.2126, 0.0722
_GREEN = 1 - _RED - _BLUE
_BLACK, _LUMA_SPAN, _CHROMA_SPAN, _NEUTRAL = 16, 219, 224, 128


def bgr_of_frame(frame: Frame) -> Picture:
    """The picture of a 4:2:0 frame; chroma is enlarged bilinearly."""
    size = (frame.width, frame.height)
    cb = cv2.resize(frame.u, size, interpolation=cv2.INTER_LINEAR)
    cr = cv2.resize(frame.v, size, interpolation=cv2.INTER_LINEAR)
    return bgr_of_planes(frame.y, cb, cr)


def bgr_of_planes(y: Plane, cb: Plane, cr: Plane) -> Picture:
    """The picture of three planes of one size."""
    picture: Picture = cv2.transform(cv2.merge([y, cb, cr]), _to_bgr())
    return picture


def planes_of_bgr(picture: Picture) -> tuple[Plane, Plane, Plane]:
    """Y, Cb and Cr of a picture, each of its full size (4:4:4)."""
    y, cb, cr = cv2.split(cv2.transform(picture, _from_bgr()))
    return y, cb, cr


def _from_bgr() -> NDArray[np.float64]:
    """(3, 4): rows Y, Cb, Cr over columns B, G, R and an offset."""
    luma = np.array([_BLUE, _GREEN, _RED])
    blue, red = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    rows = [
        np.append(luma * _LUMA_SPAN / 255, _BLACK),
        np.append((blue - luma) / (2 * (1 - _BLUE)) * _CHROMA_SPAN / 255, _NEUTRAL),
        np.append((red - luma) / (2 * (1 - _RED)) * _CHROMA_SPAN / 255, _NEUTRAL),
    ]
    return np.array(rows)


def _to_bgr() -> NDArray[np.float64]:
    forward = _from_bgr()
    inverse = np.linalg.inv(forward[:, :3])
    return np.hstack([inverse, -inverse @ forward[:, 3:]])
