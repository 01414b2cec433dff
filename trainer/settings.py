"""What a person can ask of a training run, and how it tells them how far it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

from manifests.networks import NetworkSpec, parse_network

Scope = Literal["title", "scene", "segment"]

SCALE = 2
"""Enlargement by a network that is not folded: x2 won over x1.5 and x3 on most content
(research/quality-prototype.md). A folded one enlarges nothing: its frames come at their final size."""


def trained_network(name: str) -> NetworkSpec:
    """The network called `name` at the scale that it is trained for. Raises UnknownNetworkError."""
    spec = parse_network(name, SCALE)
    return spec if spec.fold == 1 else replace(spec, scale=1)


@dataclass(frozen=True)
class TrainSettings:
    """What the models depend on beside the bundle and its source."""

    network: str = "c16d2"
    scope: Scope = "segment"
    steps: int = 2000
    """Of a full model; an update to it takes a tenth."""
    seed: int = 0
    budget_bytes: int = 768 << 20
    """Memory for the frames learnt from."""


class Reporter(Protocol):
    """Where a job says how far it is."""

    def begin(self, what: str, total: int) -> None:
        """A stage starts; it will count to `total`."""

    def at(self, done: int, note: str = "") -> None:
        """The stage has come to `done`."""
