"""What a person can ask of a training run, and how it tells them how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from trainer.choice.networks import SizeClass

Scope = Literal["auto", "title", "scene", "segment"]
AUTO = "auto"
"""Given instead of the name of a network: the trainer chooses."""


@dataclass(frozen=True)
class TrainSettings:
    """What the models depend on beside the bundle and its source."""

    network: str = AUTO
    """Name of a network, or AUTO."""
    scope: Scope = "auto"
    steps: int = 2000
    """Of a model made from scratch; others take a part of them."""
    seed: int = 0
    size_class: SizeClass = "cpu"
    """Of the networks to choose from; without meaning for one that is named."""
    budget_bytes: int = 512 << 20
    """For the source's frames that are learnt from and judged by, at the enhanced size."""

    @property
    def chooses(self) -> bool:
        """Whether each rung gets the networks that suit it, rather than the one that is named."""
        return self.network == AUTO


class Reporter(Protocol):
    """Where a job says how far it is."""

    def begin(self, what: str, total: int) -> None:
        """A stage starts; it will count to `total`."""

    def at(self, done: int, note: str = "") -> None:
        """The stage has come to `done`."""


class NullReporter:
    """A reporter to whom nobody listens."""

    def begin(self, what: str, total: int) -> None:
        """Nobody is listening."""

    def at(self, done: int, note: str = "") -> None:
        """Nobody is listening."""
