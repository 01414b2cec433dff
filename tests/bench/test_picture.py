"""The README's picture shows pixels as they are."""

import numpy as np

from bench.picture import GAP, PARTS, STRIP, ZOOM, sheet
from neudash.sample.video import HEIGHT, WIDTH


def test_each_version_has_a_column_and_each_part_a_row_of_unchanged_pixels() -> None:
    random = np.random.default_rng(3)
    versions = {name: random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for name in ("plain", "enhanced", "source")}
    whole = sheet(versions)
    left, top, width, height = PARTS[1]
    column, row = 2 * (width * ZOOM + GAP), STRIP + height * ZOOM + GAP
    tile = whole[row : row + height * ZOOM, column : column + width * ZOOM]
    source_part = versions["source"][top : top + height, left : left + width]
    assert np.array_equal(tile[::ZOOM, ::ZOOM], source_part)
    assert np.array_equal(tile[1::ZOOM, 1::ZOOM], source_part)
