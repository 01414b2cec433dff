"""What a person can ask of a training run, and how it tells them how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Scope = Literal["title", "scene", "segment"]

SCALE = 2
"""Enlargement that is trained for: x2 won over x1.5 and x3 on most content (research/quality-prototype.md)."""


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
