"""Built-in models for a network on a rung: by name, as the player ships them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from manifests.networks import NetworkSpec, Size
from manifests.weights import ModelWeights, decode_model
from player.superres.builtin import builtin_model, builtin_names
from trainer.choice.networks import SizedNetwork

_RATIOS = (Fraction(1), Fraction(3, 2), Fraction(2), Fraction(3))
"""Enlargements from the rung to the picture that built-in models are made for."""
_VERSION = 1


@dataclass(frozen=True)
class GenericModel:
    """A model that players have."""

    name: str
    data: bytes
    weights: ModelWeights


def generic_name(spec: NetworkSpec, rung: Size, picture: Size) -> str:
    """What the built-in model of a network is called, for rungs shown at the size `picture`."""
    ratio = Fraction(picture[0], rung[0])
    nearest = min(_RATIOS, key=lambda known: abs(known - ratio))
    return f"generic-{spec.name}-x{float(nearest):g}-{_VERSION}"


def generic_model(network: SizedNetwork, rung: Size) -> GenericModel | None:
    """The built-in model for that network on rungs of that size, None where this version has none."""
    name = generic_name(network.spec, rung, network.enhanced_size)
    if name not in builtin_names():
        return None
    data = builtin_model(name)
    weights = decode_model(data)
    return GenericModel(name, data, weights) if weights.spec == network.spec else None
