"""A residual used once more: exact where nothing moved, and never without a network's picture before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from media.resize import base_upsample
from player.superres.residual_reuse import Plane, ResidualReuse

if TYPE_CHECKING:
    from collections.abc import Sequence


class Brighter:
    """A network that adds 9 to the plain upscale."""

    name, scale = "brighter", 2

    def __init__(self) -> None:
        self.runs = 0

    def upscale(self, frames: Sequence[Plane]) -> Plane:
        (luma,) = frames
        self.runs += 1
        return base_upsample(luma, 2) + np.uint8(9)


def picture(seed: int) -> Plane:
    return np.random.default_rng(seed).integers(60, 180, (20, 30), np.uint8)


def test_there_is_nothing_to_use_again_before_the_first_picture() -> None:
    assert ResidualReuse(Brighter()).again is None


def test_a_still_picture_is_enhanced_as_well_without_the_network() -> None:
    network = Brighter()
    remembering = ResidualReuse(network)
    enhanced = remembering.upscale([picture(1)])
    assert remembering.again is not None
    assert np.array_equal(remembering.again.upscale([picture(1)]), enhanced)
    assert network.runs == 1


def test_another_picture_gets_the_same_residual_within_its_range() -> None:
    remembering = ResidualReuse(Brighter())
    remembering.upscale([picture(1)])
    assert remembering.again is not None
    bright = np.full((20, 30), 250, np.uint8)
    assert np.array_equal(remembering.again.upscale([picture(2)]), base_upsample(picture(2), 2) + np.uint8(9))
    assert (remembering.again.upscale([bright]) == 255).all(), "saturated, not wrapped"
