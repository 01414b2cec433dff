"""Rows about the trainer's choice: the models tried on each rung and the reason for their fate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from manifests.provenance import ChoiceRecord, TrainingRecord


@dataclass(frozen=True)
class Choice:
    """One row: a model, or several of a kind, on one rung."""

    rung: str
    network: str
    what: str
    size_bytes: int | None
    """None where nothing was trained; so are gain and worth."""
    gain_db: float | None
    worth_bytes: float | None
    used: int
    why: str


def choices_of(training: Mapping[str, TrainingRecord]) -> list[Choice]:
    """Returns a row for everything that was tried or left untried, rung by rung."""
    return [row for rung, record in training.items() for row in _rows(rung, record.choice)]


def _rows(rung: str, choice: ChoiceRecord) -> list[Choice]:
    tried = [
        Choice(rung, t.network, t.what, t.size_bytes, t.gain_db, t.worth_bytes, t.used, t.why) for t in choice.tried
    ]
    untried = [Choice(rung, n.network, "not trained", None, None, None, 0, n.why) for n in choice.not_trained]
    return tried + untried
