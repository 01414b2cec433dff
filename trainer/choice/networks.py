"""Networks to try on a rung if the trainer chooses: pure, from sizes, bytes and budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from manifests.networks import NetworkSpec, Size, parse_network
from manifests.weights import full_model_bytes

SizeClass = Literal["cpu", "gpu"]
"""Machine that has to play the title in real time: two cores of a CPU, or a GPU."""

SCALE = 2
"""Enlargement by a network that is not folded: x2 won over x1.5 and x3 on most content.
A folded one enlarges nothing: its frames come at their final size."""

MACS_PER_PICTURE_PIXEL = {"cpu": 1440, "gpu": 7488}
"""Most multiply-adds for each pixel of the enhanced picture. cpu: c16d2f2, which two cores play at 720p30 in real
time. gpu: c32d3f2, 0.93 TFLOP/s at 1080p30."""
CPU_MACS_PER_S = MACS_PER_PICTURE_PIXEL["cpu"] * 1280 * 720 * 30
"""Multiply-adds a second of two cores; a title that needs more gets a smaller network next to the large one."""

FULL_BITS = 6
"""Bits a weight of a full model, to estimate by. Loses 0.005 to 0.03 dB against float."""
UPDATE_BITS = 2
"""Bits a weight of the cheapest update with kernels."""
_MOST_GAIN_DB = 1.5
"""No network of a few kilobytes was seen to gain more over the plain resize of common rungs."""
_WIDER_GAIN_DB = 0.3
"""Gain of c24d3f4 over c16d2 for four times the bytes (0.29 dB on textured sport at x2); c32d3f2 gains twice that."""
_SCENE_GAIN_DB = 0.2
_UPDATE_GAIN_DB = 0.1
"""Most that a scene's own model, or a segment's own update, was seen to gain over the title's."""
_SMALL_SHARE = Fraction(1, 100)
"""Share of the rung's bytes; for a model that takes more, a smaller one is tried as well."""
_WIDE_FROM_RATIO = Fraction(9, 5)
"""Enlargement from which c24d3f4 is tried: at less, sixteen pixels a position lose what width gains. At 1.5 it was
never the one that saved most bytes (docs/experiments.md)."""

Exact = tuple[Fraction, Fraction]
"""(width, height) as displayed, in square pixels."""


@dataclass(frozen=True)
class SizedNetwork:
    """A network and the picture that it takes."""

    spec: NetworkSpec
    input_size: Size
    """Size of the picture that it takes: that of the rung's frames, or larger, to which they are resized."""

    @property
    def enhanced_size(self) -> Size:
        """Size of the picture that it makes."""
        return self.input_size.times(self.spec.scale)

    @property
    def macs_per_frame(self) -> int:
        return self.spec.macs_per_pixel * self.input_size[0] * self.input_size[1]


@dataclass(frozen=True)
class Rejected:
    """A network that was not trained, and why."""

    network: SizedNetwork
    reason: str


@dataclass(frozen=True)
class Dominated:
    """A network that a narrower one beat on a sibling of the rung."""

    narrower: str
    """Name of the network that gained more."""
    rung: str
    """Rung on which that was measured."""


def trained_network(name: str) -> NetworkSpec:
    """The network called `name` at the scale that it is trained for. Raises UnknownNetworkError."""
    spec = parse_network(name, SCALE)
    return spec if spec.fold == 1 else parse_network(name, 1)


def largest_picture(rungs: Sequence[Size], source: Exact) -> Size:
    """Returns the size of the largest picture that rungs of these sizes can become.

    That of the largest rung, or twice that of a rung if the source is as large.
    """
    doubled = [double for size in rungs if (double := size.times(SCALE)).fits(source)]
    return max([*rungs, *doubled], key=lambda size: size.pixels)


def class_networks(
    size_class: SizeClass, rung: Size, picture: Size, frame_rate: Fraction, media_bytes: int
) -> list[SizedNetwork]:
    """The networks of a class for a rung of `media_bytes` that is shown at the size `picture`, narrowest first."""
    names = ["c16d2", "c24d3f4"] if size_class == "cpu" else ["c16d2", "c24d3f4", "c32d3f2"]
    main = _sized("c16d2", rung, picture)
    too_slow = main.macs_per_frame * frame_rate > CPU_MACS_PER_S
    if too_slow or full_model_bytes(main.spec, FULL_BITS) > _SMALL_SHARE * media_bytes:
        names.insert(0, "c8d2")
    networks = [_sized(name, rung, picture) for name in names]
    return sorted(networks, key=lambda network: network.spec.width)


def _sized(name: str, rung: Size, picture: Size) -> SizedNetwork:
    """Returns the network for a rung: unfolded if the rung is half the picture, else folded by 2 (or as named) on the
    picture."""
    if "f" in name:
        return SizedNetwork(parse_network(name, 1), picture)
    if rung.times(SCALE) == picture:
        return SizedNetwork(parse_network(name, SCALE), rung)
    return SizedNetwork(parse_network(f"{name}f2", 1), picture)


def worth_training(
    networks: Sequence[SizedNetwork], rung: Size, media_bytes: int, rate_per_db: float
) -> tuple[list[SizedNetwork], list[Rejected]]:
    """Those of `networks` whose bytes a rung of `media_bytes` could earn back, and the others with the reason.

    The first must pay by itself, a wider one by what it gains over the last that was taken. `rate_per_db`: share of
    the bytes that 1 dB is worth.
    """
    tried: list[SizedNetwork] = []
    rejected: list[Rejected] = []
    for network in networks:
        if network.spec.fold == 4 and Fraction(network.input_size[0], rung[0]) < _WIDE_FROM_RATIO:
            rejected.append(Rejected(network, "for rungs well below the picture's size"))
            continue
        gain_db = _most_gain_db(network, tried)
        before = full_model_bytes(tried[-1].spec, FULL_BITS) if tried else 0
        cost, earns = full_model_bytes(network.spec, FULL_BITS) - before, rate_per_db * gain_db * media_bytes
        if earns > cost:
            tried.append(network)
        else:
            rejected.append(Rejected(network, f"{cost} bytes that {gain_db:.1f} dB would not earn back ({earns:.0f})"))
    return tried, rejected


def without_dominated(
    networks: Sequence[SizedNetwork], outdone: Mapping[NetworkSpec, Dominated]
) -> tuple[list[SizedNetwork], list[Rejected]]:
    """Those of `networks` that no narrower one of them outdid on a sibling, and the others with the reason."""
    names = {network.spec.name for network in networks}
    kept: list[SizedNetwork] = []
    rejected: list[Rejected] = []
    for network in networks:
        by = outdone.get(network.spec)
        if by is None or by.narrower not in names:
            kept.append(network)
        else:
            rejected.append(Rejected(network, f"gained less than {by.narrower} on {by.rung}"))
    return kept, rejected


def _most_gain_db(network: SizedNetwork, smaller: Sequence[SizedNetwork]) -> float:
    if not smaller:
        return _MOST_GAIN_DB
    return _WIDER_GAIN_DB if network.spec.width < 32 else 2 * _WIDER_GAIN_DB


def scene_could_pay(spec: NetworkSpec, media_bytes: int, rate_per_db: float) -> bool:
    """Returns True if a model of its own could earn its bytes in a scene of `media_bytes`."""
    return rate_per_db * _SCENE_GAIN_DB * media_bytes > full_model_bytes(spec, UPDATE_BITS)


def update_could_pay(spec: NetworkSpec, media_bytes: int, rate_per_db: float) -> bool:
    """Returns True if an update of its own could earn its bytes in a segment of `media_bytes`."""
    return rate_per_db * _UPDATE_GAIN_DB * media_bytes > full_model_bytes(spec, UPDATE_BITS)
