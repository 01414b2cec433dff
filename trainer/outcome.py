"""What training one rung came to, and its form on disk, in which finished work survives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from manifests.bundle import publish_file
from trainer.judge import SegmentScore

_OUTCOME = "outcome.json"


@dataclass(frozen=True)
class TrainedModel:
    """A coded model and where it may be used."""

    data: bytes
    segments: frozenset[int] | None
    """None: everywhere."""
    base: int | None = None
    """Index of the model that it updates."""
    builtin: str | None = None
    """Name of the built-in model that `data` is; None for one of the title's own."""

    @property
    def size_bytes(self) -> int:
        """What a player fetches for it."""
        return 0 if self.builtin is not None else len(self.data)


@dataclass(frozen=True)
class RungOutcome:
    """The models of one rung, how they did, and which segment should use which."""

    models: tuple[TrainedModel, ...]
    uses: tuple[int | None, ...]
    """For each segment an index into `models`, or None where plain upscaling wins."""
    scores: tuple[SegmentScore, ...]

    def gains_db(self) -> list[float]:
        """Per segment, the gain in PSNR-Y as it will be played; 0 where no model is used."""
        return [0.0 if use is None else score.gain_db(use) for score, use in zip(self.scores, self.uses, strict=True)]

    def needed(self) -> list[int]:
        """Indices of the models that some segment uses and of their bases; a base comes before what updates it."""
        needed: set[int] = set()
        for use in self.uses:
            while use is not None:
                needed.add(use)
                use = self.models[use].base
        return sorted(needed)


def save_outcome(folder: Path, outcome: RungOutcome) -> None:
    """Write it into `folder`; whole or not at all."""
    value = {
        "models": [
            {
                "data": model.data.hex(),
                "segments": None if model.segments is None else sorted(model.segments),
                "base": model.base,
                "builtin": model.builtin,
            }
            for model in outcome.models
        ],
        "uses": outcome.uses,
        "scores": [[score.samples, score.plain_sse, score.model_sse] for score in outcome.scores],
    }
    publish_file(folder / _OUTCOME, json.dumps(value).encode())


def load_outcome(folder: Path) -> RungOutcome | None:
    """The finished outcome in `folder`, None where there is none."""
    try:
        value = json.loads((folder / _OUTCOME).read_bytes())
    except FileNotFoundError:
        return None
    models = tuple(
        TrainedModel(
            bytes.fromhex(model["data"]),
            None if model["segments"] is None else frozenset(model["segments"]),
            model["base"],
            model.get("builtin"),
        )
        for model in value["models"]
    )
    scores = tuple(SegmentScore(samples, plain, tuple(sums)) for samples, plain, sums in value["scores"])
    return RungOutcome(models, tuple(value["uses"]), scores)
