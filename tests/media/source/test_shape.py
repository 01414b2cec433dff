"""The one shape of all frames: which it is, and how frames of another shape are brought to it."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat, names
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from media.source.scan import Look
from media.source.shape import Shape, common_shape, fitted, packed, planar_format


@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    sar=st.fractions(Fraction(1, 100), 100),
    pixels=st.sampled_from(["yuv420p", "yuva444p12le", "gbrp", "gbrap16le", "gray", "gray16le", "yuv411p"]),
)
def test_a_shape_survives_json(width: int, height: int, sar: Fraction, pixels: str) -> None:
    shape = Shape(width, height, sar, pixels)
    assert Shape.from_json(shape.to_json()) == shape


GOOD = {"width": 64, "height": 48, "sar": "1", "pixel_format": "yuv420p"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"pixel_format": "yuv420p,drawtext=x"},
        {"pixel_format": "rgb24"},
        {"pixel_format": None},
        {"pixel_format": "vaapi"},
        {"width": "many"},
        {"width": None},
        {"height": []},
        {"width": 0},
        {"height": -2},
        {"width": 100_000, "height": 100_000},
        {"sar": "1/0"},
        {"sar": "x"},
        {"sar": "0"},
        {"sar": "-1"},
        {"sar": None},
    ],
)
def test_what_is_no_shape_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, ZeroDivisionError)):
        Shape.from_json(GOOD | wrong)


@pytest.mark.parametrize("missing", GOOD)
def test_a_shape_has_all_its_parts(missing: str) -> None:
    with pytest.raises(KeyError):
        Shape.from_json({name: value for name, value in GOOD.items() if name != missing})


def look(width: int, height: int, pixel_format: str = "yuv420p", sar: Fraction = Fraction(1)) -> Look:
    return Look(0, width, height, pixel_format, sar, interlaced=False)


def test_the_common_shape_is_that_of_most_key_frames_then_the_earliest() -> None:
    small, large = look(320, 240), look(640, 360)
    assert common_shape([small, large, small]) == Shape(320, 240, Fraction(1), "yuv420p")
    assert common_shape([small, large]) == Shape(320, 240, Fraction(1), "yuv420p")
    assert common_shape([large, small]) == Shape(640, 360, Fraction(1), "yuv420p")
    wide = look(320, 240, sar=Fraction(4, 3))
    assert common_shape([small, wide, wide]).sar == Fraction(4, 3)
    deep = look(320, 240, "yuv420p10le")
    assert common_shape([small, deep, deep]).pixel_format == "yuv420p10le"


def readable() -> list[str]:
    """The pixel formats of frames that lie in memory and that PyAV's swscale can read."""
    found = []
    for name in sorted(names):
        # Frames of hardware have no components; of yaf32 swscale ends the whole process.
        if VideoFormat(name).components and not name.startswith("yaf"):
            with suppress(OSError):
                VideoFrame(16, 16, name).reformat(format="yuv444p")
                found.append(name)
    return found


@pytest.mark.parametrize("name", readable())
def test_every_pixel_format_becomes_a_planar_one_that_holds_all_of_it(name: str) -> None:
    planar = planar_format(name)
    assert Shape.from_json(GOOD | {"pixel_format": planar}).pixel_format == planar
    assert planar_format(planar) == planar
    source, target = VideoFormat(name), VideoFormat(planar)
    assert max(c.bits for c in target.components) >= min(16, max(c.bits for c in source.components))
    if not source.has_palette:
        assert any(c.is_alpha for c in source.components) <= any(c.is_alpha for c in target.components)
    frame = VideoFrame(18, 14, name)
    shape = Shape(18, 14, Fraction(1), planar)
    assert len(packed(frame, shape)) == frame_bytes(shape)


def test_all_formats_are_tried() -> None:
    assert len(readable()) > 150


def frame_bytes(shape: Shape) -> int:
    """Counts the bytes of a frame as ffmpeg's rawvideo does."""
    described = VideoFormat(shape.pixel_format, shape.width, shape.height)
    per_sample = 2 if described.components[0].bits > 8 else 1
    return sum(component.width * component.height * per_sample for component in described.components)


def flat(width: int, height: int, pixel_format: str = "yuv420p") -> VideoFrame:
    """One light grey."""
    rgb = np.full((height, width, 3), 200, np.uint8)
    return VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)


class Stream:
    """The parts of a stream that `fitted` needs."""

    sample_aspect_ratio: Fraction | None = None


def decoder(sar: Fraction = Fraction(1)) -> VideoCodecContext:
    context = CodecContext.create("rawvideo", "r")
    assert isinstance(context, VideoCodecContext)
    context.sample_aspect_ratio = sar
    return context


@pytest.mark.parametrize(
    ("size", "sar", "expected"),
    [
        ((320, 240), Fraction(1), (480, 360)),  # bars at the sides
        ((640, 180), Fraction(1), (640, 180)),  # bars above and below
        ((320, 180), Fraction(1), (640, 360)),  # none
        ((480, 360), Fraction(4, 3), (640, 360)),  # none: stretched, as it is shown
        ((321, 243), Fraction(1), (476, 360)),
        ((100, 360), Fraction(1), (100, 360)),
    ],
)
@pytest.mark.parametrize("pixels", ["yuv420p", "gbrp", "yuv422p10le", "yuva444p", "gray"])
def test_bars_keep_the_aspect_ratio(
    size: tuple[int, int], sar: Fraction, expected: tuple[int, int], pixels: str
) -> None:
    shape = Shape(640, 360, Fraction(1), pixels)
    frame = fitted(flat(*size, pixels), shape, decoder(sar), Stream())  # type: ignore[arg-type]
    assert (frame.width, frame.height, frame.format.name) == (640, 360, pixels)
    rows = frame.reformat(format="gray").to_ndarray()[:, :640] > 100
    shown = (int(rows[180].sum()), int(rows[:, 320].sum()))
    assert all(abs(ours - wanted) <= 2 for ours, wanted in zip(shown, expected, strict=True))
    # In the middle, to the sample of chroma.
    left, top = int(np.argmax(rows[180])), int(np.argmax(rows[:, 320]))
    assert abs(left - (640 - expected[0]) / 2) <= 2
    assert abs(top - (360 - expected[1]) / 2) <= 2


def test_bars_are_black_without_a_tint() -> None:
    shape = Shape(640, 360, Fraction(1), "yuv420p")
    frame = fitted(flat(320, 240), shape, decoder(), Stream())  # type: ignore[arg-type]
    corner = [np.frombuffer(memoryview(plane), np.uint8)[0] for plane in frame.planes]
    assert corner == [16, 128, 128]


def test_a_frame_of_the_shape_is_left_as_it_is() -> None:
    frame = flat(64, 48)
    assert fitted(frame, Shape(64, 48, Fraction(1), "yuv420p"), decoder(), Stream()) is frame  # type: ignore[arg-type]
