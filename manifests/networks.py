"""Networks as data: a name, a short list of operations, a cost. Specified in docs/bundle.md, section "Model files".

A network family is written here and nowhere else in Python: engines, trainer and export interpret the list. (The page
has the same list in `web/src/model/network.ts`.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from manifests.errors import UnknownNetworkError


class Size(NamedTuple):
    """Width and height of a picture in luma pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def times(self, scale: int) -> Size:
        """Returns the size enlarged by `scale` in both directions."""
        return Size(self.width * scale, self.height * scale)

    def fits(self, into: tuple[float | Fraction, float | Fraction]) -> bool:
        """Returns True if neither side is larger than that of `into`."""
        return self.width <= into[0] and self.height <= into[1]


@dataclass(frozen=True)
class Fold:
    """Space to depth: each square of `factor` x `factor` pixels becomes one position, its pixels channels in row order.

    The first operation of every network. Its result is 8-bit levels as floats; what the next operation takes is that
    less the model's input mean.
    """

    factor: int


@dataclass(frozen=True)
class Conv:
    """Convolution 3x3 with bias, zeros around the picture, then ReLU if `relu`. The n-th has the model's n-th layer."""

    inputs: int
    """Channels that it takes."""
    outputs: int
    """Channels that it makes."""
    relu: bool


@dataclass(frozen=True)
class Add:
    """Adds the result of an earlier operation."""

    operation: int
    """Index of that operation in the list, from 0."""


@dataclass(frozen=True)
class AddBase:
    """Adds the base: the plain resize by the network's scale, in depth and not rounded; then rounds to 8-bit levels."""


@dataclass(frozen=True)
class Shuffle:
    """Depth to space: the reverse of `Fold`. The last operation of every network."""

    factor: int


Operation = Fold | Conv | Add | AddBase | Shuffle


def _chain(scale: int, width: int, depth: int, fold: int) -> tuple[Operation, ...]:
    """Returns the network of the family CnDm: convolutions one after the other, ReLU between."""
    side = fold * scale
    hidden = [Conv(width, width, relu=True)] * depth
    return (
        Fold(fold),
        Conv(fold**2, width, relu=True),
        *hidden,
        Conv(width, side**2, relu=False),
        AddBase(),
        Shuffle(side),
    )


_FORMS: Mapping[str, Callable[[int, int, int, int], tuple[Operation, ...]]] = {"": _chain}
"""Operations of a network from scale, width, depth and fold, by the form that ends its name."""

FAMILIES: Mapping[int, tuple[int, str]] = {1: (1, ""), 2: (2, ""), 3: (4, "")}
"""Fold and form of a network, by the family byte of a model file. A number never changes its meaning."""

_NAME = re.compile(rf"c([1-9]\d{{0,2}})d(0|[1-9]\d?)(?:f([24]))?({'|'.join(_FORMS)})")


@dataclass(frozen=True)
class NetworkSpec:
    """A network by its numbers; `operations` is its graph, which every engine interprets."""

    scale: int
    """Enlargement of the picture that goes in, 1 to 4; 1 only with a fold."""
    width: int
    """Channels of the hidden layers, 1 to 128."""
    depth: int
    """Hidden layers between the first and the last, 0 to 16."""
    fold: int = 1
    """Side of the square of pixels that is one position of the convolutions: 1, 2 or 4."""
    form: str = ""
    """Form of the graph; empty for a chain of convolutions."""

    def __post_init__(self) -> None:
        known = 1 <= self.scale <= 4 and 1 <= self.width <= 128 and 0 <= self.depth <= 16
        if not known or (self.fold, self.form) not in FAMILIES.values() or self.scale == self.fold == 1:
            raise UnknownNetworkError(f"no network {self.name} at x{self.scale} is known")

    @property
    def name(self) -> str:
        """`c16d2`, or with a fold `c16d2f2`. The scale is not part of it."""
        return f"c{self.width}d{self.depth}" + (f"f{self.fold}" if self.fold > 1 else "") + self.form

    @property
    def family(self) -> int:
        """Family byte of its model files."""
        return next(number for number, family in FAMILIES.items() if family == (self.fold, self.form))

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The graph, first operation to last."""
        return _FORMS[self.form](self.scale, self.width, self.depth, self.fold)

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """(channels in, channels out) of each 3x3 convolution, first to last."""
        return tuple((step.inputs, step.outputs) for step in self.operations if isinstance(step, Conv))

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-adds per pixel of the picture that goes in, rounded up; the base upsample is not counted."""
        return -(-sum(9 * channels_in * channels_out for channels_in, channels_out in self.layers) // self.fold**2)


def parse_network(name: str, scale: int) -> NetworkSpec:
    """Returns the network called `name` in a manifest, such as `c16d2` or `c16d2f2`. Raises UnknownNetworkError."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownNetworkError(
            f"network {name[:40]!r} is not known; this version knows c<width>d<depth>, such as c16d2, "
            "and c<width>d<depth>f<fold> with fold 2 or 4, such as c16d2f2"
        )
    return NetworkSpec(scale, int(match[1]), int(match[2]), int(match[3] or 1), match[4])


def macs_per_rung_pixel(spec: NetworkSpec, input_size: Size, rung_size: Size) -> int:
    """Multiply-adds per pixel of a rung whose frames are brought to `input_size` for the network, rounded up."""
    (width, height), (rung_width, rung_height) = input_size, rung_size
    return -(-spec.macs_per_pixel * width * height // (rung_width * rung_height))
