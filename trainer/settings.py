"""Settings of a training run, and the interface by which it reports progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from trainer.choice.networks import SizeClass

Scope = Literal["auto", "title", "scene", "segment"]
AUTO = "auto"
"""Given instead of the name of a network: the trainer chooses."""


@dataclass(frozen=True)
class TrainSettings:
    """Settings that determine the models, apart from the bundle and its source."""

    network: str = AUTO
    """Name of a network, or AUTO."""
    scope: Scope = "auto"
    steps: int = 2000
    """Steps of a model that is made from scratch; others take a part of them."""
    seed: int = 0
    size_class: SizeClass = "cpu"
    """Class of networks to choose from; ignored if a network is named."""
    budget_bytes: int = 512 << 20
    """Memory for source frames that are learnt from and judged by, at the enhanced size."""

    @property
    def chooses(self) -> bool:
        """True if each rung gets the networks that suit it, rather than a named one."""
        return self.network == AUTO


class Reporter(Protocol):
    """Receiver of a job's progress."""

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
