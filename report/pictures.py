"""The moments of a title where enhancement shows most: the plain, the enhanced and the source picture, and a detail."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from media.colour.bgr import Picture, bgr_of_frame
from media.frames import Frame
from media.quality import psnr_y, squared_error
from report.measure import RungPlayer, pairs
from report.results import RungResult

MOMENTS = 3
FRAME_STEP = 4
"""Only every fourth frame of a segment is considered."""
LARGEST = (1280, 720)
"""Pictures are cut to that size, not reduced: reducing would hide what is to be seen."""
DETAIL = (240, 160)
PICTURE_QUALITY, DETAIL_QUALITY = 88, 95


@dataclass(frozen=True)
class Box:
    """A part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, picture: Picture) -> Picture:
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame in three versions."""

    segment: int
    """Its number."""
    time_s: float
    gain_db: float
    """Gain in PSNR-Y of this frame."""
    plain: Frame
    enhanced: Frame
    source: Frame
    detail: Box
    """Part of the frame whose squared error falls most."""


@dataclass(frozen=True)
class Shown:
    """A moment as the page has it: data URIs."""

    segment: int
    time_s: float
    gain_db: float
    pictures: dict[str, str]
    """Pictures by `plain`, `enhanced` and `source`."""
    details: dict[str, str]
    width: int
    height: int


def clearest_segments(rung: RungResult, count: int = MOMENTS) -> list[int]:
    """Positions of the enhanced segments that gain most, in the order of the title."""
    gains = {
        index: segment.enhanced.psnr_y - segment.plain.psnr_y
        for index, segment in enumerate(rung.segments)
        if segment.enhanced
    }
    return sorted(sorted(gains, key=lambda index: -gains[index])[:count])


def moments(player: RungPlayer, indices: Sequence[int]) -> list[Moment]:
    """Returns for each segment the frame whose squared error falls most. Raises as `pairs` does."""
    best: dict[int, tuple[int, Moment]] = {}
    frame_index, current = 0, -1
    for index, decoded, reference in pairs(player):
        if index > max(indices, default=-1):
            break
        frame_index, current = (frame_index + 1, current) if index == current else (0, index)
        if index not in indices or frame_index % FRAME_STEP:
            continue
        number = player.representation.segments[index].number
        fall, moment = _moment(player, index, number, decoded, reference)
        if index not in best or fall > best[index][0]:
            best[index] = fall, moment
    return [best[index][1] for index in indices]


def _moment(player: RungPlayer, index: int, number: int, decoded: Frame, reference: Frame) -> tuple[int, Moment]:
    """The fall of the squared error, and the moment."""
    plain, enhanced = player.plain(decoded), player.played(decoded, index)
    before, after = squared_error(reference.y, plain.y), squared_error(reference.y, enhanced.y)
    gain_db = psnr_y(after, reference.y.size) - psnr_y(before, reference.y.size)
    detail = clearest_box(reference.y, plain.y, enhanced.y)
    return before - after, Moment(number, float(reference.pts_s), gain_db, plain, enhanced, reference, detail)


def clearest_box(source: NDArray[np.uint8], plain: NDArray[np.uint8], enhanced: NDArray[np.uint8]) -> Box:
    """Returns the part, of DETAIL's size, whose squared error falls most."""
    height, width = source.shape
    box_width, box_height = min(DETAIL[0], width), min(DETAIL[1], height)
    reference = source.astype(np.float32)
    fall = (plain - reference) ** 2 - (enhanced - reference) ** 2
    sums = cv2.boxFilter(fall, -1, (box_width, box_height), anchor=(0, 0), normalize=False)
    inside = sums[: height - box_height + 1, : width - box_width + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return Box(int(left), int(top), box_width, box_height)


def shown(moment: Moment) -> Shown:
    """The moment's pictures as WebP data URIs."""
    versions = {"plain": moment.plain, "enhanced": moment.enhanced, "source": moment.source}
    pictures = {name: bgr_of_frame(frame) for name, frame in versions.items()}
    part = _around(moment.detail, moment.source.width, moment.source.height)
    return Shown(
        moment.segment,
        moment.time_s,
        moment.gain_db,
        {name: data_uri(part.of(picture), PICTURE_QUALITY) for name, picture in pictures.items()},
        {name: data_uri(moment.detail.of(picture), DETAIL_QUALITY) for name, picture in pictures.items()},
        part.width,
        part.height,
    )


def _around(detail: Box, width: int, height: int) -> Box:
    """Returns the largest part to show, with the detail in its middle unless the frame's edges prevent that."""
    shown_width, shown_height = min(LARGEST[0], width), min(LARGEST[1], height)
    left = detail.left + detail.width // 2 - shown_width // 2
    top = detail.top + detail.height // 2 - shown_height // 2
    return Box(
        min(max(left, 0), width - shown_width),
        min(max(top, 0), height - shown_height),
        shown_width,
        shown_height,
    )


def data_uri(picture: Picture, quality: int) -> str:
    """The picture as WebP within a `data:` address."""
    _, data = cv2.imencode(".webp", picture, (cv2.IMWRITE_WEBP_QUALITY, quality))
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode()
