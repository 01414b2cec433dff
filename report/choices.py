"""What the trainer tried on each rung and why, from provenance.json, as rows to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One row: a model, or several of a kind, on one rung."""

    rung: str
    network: str
    what: str
    size_bytes: int | None
    """None where nothing was trained; so are gain and worth."""
    gain_db: float | None
    worth_bytes: int | None
    used: int
    why: str


def choices_of(provenance: Mapping[str, Any]) -> list[Choice]:
    """All that was tried or left untried, by rung; nothing where the trainer left no record of it."""
    try:
        return [row for rung, record in provenance.get("training", {}).items() for row in _rows(rung, record)]
    except (LookupError, TypeError, AttributeError):
        return []


def _rows(rung: str, record: Mapping[str, Any]) -> list[Choice]:
    choice = record.get("choice", {"tried": [], "not_trained": []})
    tried = [
        Choice(
            rung,
            row["network"],
            row["what"],
            row["size_bytes"],
            row["gain_db"],
            row["worth_bytes"],
            row["used"],
            row["why"],
        )
        for row in choice["tried"]
    ]
    untried = [
        Choice(rung, row["network"], "not trained", None, None, None, 0, row["why"]) for row in choice["not_trained"]
    ]
    return tried + untried
