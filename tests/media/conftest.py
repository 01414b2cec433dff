"""Pictures that tell their number, for tests of which frame is shown when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from media.source.reading import ReadingNotes, source_frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from packager.plan import Plan

BITS = 8
BOX = 16
"""Columns of one bit, and rows of the picture's strip."""

WIDTH, HEIGHT = BITS * BOX, 64


@pytest.fixture(scope="session")
def numbered() -> Callable[..., str]:
    """ffmpeg's filters for `WIDTH` x `HEIGHT` pictures of which each tells its number in binary, in its lowest rows."""

    def graph(rate: str, frames: int, first: int = 0) -> str:
        bits = "+".join(
            f"{235 - 16}*eq(floor(X/{BOX}),{bit})*mod(floor((N+{first})/{1 << bit}),2)" for bit in range(BITS)
        )
        moving = "16+mod(X+Y+11*N,180)"  # so that every frame differs from the one before all over
        return (
            f"nullsrc=size={WIDTH}x{HEIGHT}:rate={rate},trim=end_frame={frames},format=yuv420p,"
            f"geq=lum='if(gte(Y,{HEIGHT - BOX}),16+{bits},{moving})':cb=128:cr=128"
        )

    return graph


def number_of(luma: NDArray[np.uint8]) -> int:
    """The number that a picture tells, whatever its size."""
    rows, columns = luma.shape
    strip = luma[rows - rows * BOX // HEIGHT // 2]
    return sum(int(strip[columns * (2 * bit + 1) // (2 * BITS)] > 125) << bit for bit in range(BITS))


@pytest.fixture(scope="session")
def numbers_of() -> Callable[..., list[int]]:
    """The numbers of the frames that come out of a planned source; `notes` takes note of damage."""

    def read(plan: Plan, notes: ReadingNotes | None = None) -> list[int]:
        shape = plan.treatment.shape_of(plan.found)
        assert shape.pixel_format.startswith(("yuv4", "gray")) and "le" not in shape.pixel_format
        return [
            number_of(np.frombuffer(data, np.uint8)[: shape.width * shape.height].reshape(shape.height, shape.width))
            for data in source_frames(plan.request.source, plan.found, plan.treatment, notes)
        ]

    return read


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., Plan]:
    """The plan for a source, with what else is asked for."""
    from packager.plan import Request, make_plan

    def plan(path: Path, **wanted: object) -> Plan:
        return make_plan(Request(path, path.with_suffix(".bundle"), **wanted))  # type: ignore[arg-type]

    return plan
