"""The choice on a rung as a record that a person can follow: what was tried, its worth, its fate and why.

`choice_record` is part of provenance.json (docs/bundle.md). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from manifests.provenance import ChoiceRecord, TriedModels, UntrainedNetwork
from trainer.choice.results import NetworkOutcome, RungOutcome
from trainer.choice.select import worth_bytes


def choice_record(outcome: RungOutcome, media_bytes: Sequence[int]) -> ChoiceRecord:
    """Returns the record of the choice on one rung."""
    rows = [row for index, tried in enumerate(outcome.networks) for row in _rows(outcome, index, tried, media_bytes)]
    return ChoiceRecord(
        rate_per_db=round(outcome.rate_per_db, 4),
        networks=tuple(tried.network.spec.name for tried in outcome.tracks()),
        tried=tuple(rows),
        not_trained=tuple(UntrainedNetwork(name, why) for name, why in outcome.rejected),
    )


def _rows(outcome: RungOutcome, index: int, tried: NetworkOutcome, media_bytes: Sequence[int]) -> list[TriedModels]:
    kinds: dict[str, list[int]] = {}
    for number, model in enumerate(tried.models):
        kinds.setdefault(_kind(model.segments), []).append(number)
    return [_row(outcome, index, tried, media_bytes, what, numbers) for what, numbers in kinds.items()]


def _kind(segments: frozenset[int] | None) -> str:
    return "title model" if segments is None else "models for parts of the title"


def _row(
    outcome: RungOutcome,
    index: int,
    tried: NetworkOutcome,
    media_bytes: Sequence[int],
    what: str,
    numbers: Sequence[int],
) -> TriedModels:
    # For each segment the best of the kind, whatever was chosen.
    best = [max((n for n in numbers if s.model_sse[n] is not None), key=s.gain_db, default=None) for s in tried.scores]
    gains = [s.gain_db(n) for s, n in zip(tried.scores, best, strict=True) if n is not None]
    gainful = [n if n is not None and s.gain_db(n) > 0 else None for s, n in zip(tried.scores, best, strict=True)]
    size_bytes = sum(tried.models[n].size_bytes for n in numbers)
    worth = worth_bytes(tried.scores, media_bytes, gainful, outcome.rate_per_db)
    published = index in outcome.published
    used = sum(use in numbers for use in tried.uses) if published else 0
    needed = published and any(n in tried.needed() for n in numbers)
    why = _why(outcome, index, used=used, needed=needed, worth=worth, size_bytes=size_bytes, spoilt=len(tried.spoilt))
    gain_db = round(fmean(gains), 3) if gains else 0.0
    return TriedModels(tried.network.spec.name, what, len(numbers), size_bytes, gain_db, round(worth), used, why)


def _why(
    outcome: RungOutcome, index: int, *, used: int, needed: bool, worth: float, size_bytes: int, spoilt: int
) -> str:
    if used or needed:
        best = outcome.published[0] == index
        reason = "saves most bytes" if best else "for players too slow for the first"
        return reason if used else "base of updates"
    if spoilt and worth <= size_bytes:
        return f"VMAF-NEG falls in {spoilt} segments"
    if worth <= size_bytes:
        return "costs more bytes than it saves"
    return "another saves more" if index in outcome.published else "another network saves more"
