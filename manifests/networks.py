"""Networks by name, and what running them costs. Defined in docs/bundle.md, section "Model files"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from manifests.errors import UnknownNetworkError

FOLDS = (1, 2, 4)

_NAME = re.compile(r"c([1-9]\d{0,2})d(0|[1-9]\d?)(?:f([24]))?")

Size = tuple[int, int]
"""(width, height) in luma pixels."""


@dataclass(frozen=True)
class NetworkSpec:
    """A member of the family CnDm: space-to-depth by f, conv3x3 f²→n, m times conv3x3 n→n, conv3x3 n→(f·s)²,
    depth-to-space by f·s; ReLU between.
    """

    scale: int
    """Enlargement s of the picture that goes in, 1 to 4; 1 only where it is folded."""
    width: int
    """Channels n of the hidden layers, 1 to 128."""
    depth: int
    """Hidden n→n layers m, 0 to 16."""
    fold: int = 1
    """Side f of the square of pixels that is one position of the convolutions: 1, 2 or 4."""

    def __post_init__(self) -> None:
        known = 1 <= self.scale <= 4 and 1 <= self.width <= 128 and 0 <= self.depth <= 16 and self.fold in FOLDS
        if not known or self.scale == self.fold == 1:
            raise UnknownNetworkError(f"no network {self.name} at x{self.scale} is known")

    @property
    def name(self) -> str:
        """`c16d2`, or with a fold `c16d2f2`; the scale is said beside it."""
        return f"c{self.width}d{self.depth}" + (f"f{self.fold}" if self.fold > 1 else "")

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """(channels in, channels out) of each 3x3 convolution, first to last."""
        hidden = [(self.width, self.width)] * self.depth
        return ((self.fold**2, self.width), *hidden, (self.width, (self.fold * self.scale) ** 2))

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-adds per pixel of the picture that goes in, rounded up; the base upsample is not counted."""
        return -(-sum(9 * channels_in * channels_out for channels_in, channels_out in self.layers) // self.fold**2)


def parse_network(name: str, scale: int) -> NetworkSpec:
    """The network called `name` in a manifest, such as `c16d2` or `c16d2f2`. Raises UnknownNetworkError."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownNetworkError(
            f"network {name[:40]!r} is not known; this version knows c<width>d<depth>, such as c16d2, "
            "and c<width>d<depth>f<fold> with fold 2 or 4, such as c16d2f2"
        )
    return NetworkSpec(scale=scale, width=int(match[1]), depth=int(match[2]), fold=int(match[3] or 1))


def macs_per_rung_pixel(spec: NetworkSpec, input_size: Size, rung_size: Size) -> int:
    """Multiply-adds per pixel of a rung whose frames are brought to `input_size` for the network, rounded up."""
    (width, height), (rung_width, rung_height) = input_size, rung_size
    return -(-spec.macs_per_pixel * width * height // (rung_width * rung_height))
