"""Results of training one rung, and their form on disk, in which finished work is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests.files import publish_file
from manifests.networks import NetworkSpec, Size, parse_network
from trainer.choice.judge import SegmentScore
from trainer.choice.networks import SizedNetwork
from trainer.choice.select import Candidate, worth_bytes


@dataclass(frozen=True)
class TrainedModel:
    """A coded model and the segments that may use it."""

    data: bytes
    segments: frozenset[int] | None
    """None: everywhere."""
    base: int | None = None
    """Index of the model that it updates."""
    file: str = ""
    """Name of its file in the work folder."""

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    @property
    def is_title(self) -> bool:
        """True if it was trained for the whole title."""
        return self.segments is None

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.size_bytes, self.base)


@dataclass(frozen=True)
class NetworkOutcome:
    """The models of one network on one rung, how they did, and which segment should use which."""

    network: SizedNetwork
    models: tuple[TrainedModel, ...]
    uses: tuple[int | None, ...]
    """Index into `models` for each segment; None if plain wins."""
    scores: tuple[SegmentScore, ...]
    spoilt: tuple[int, ...] = ()
    """Segments that are plain because VMAF-NEG fell; their scores hold no model."""

    def gains_db(self) -> list[float]:
        """Returns the gain in PSNR-Y of each segment as it will be played; 0 for plain ones."""
        return [0.0 if use is None else score.gain_db(use) for score, use in zip(self.scores, self.uses, strict=True)]

    def needed(self) -> list[int]:
        """Indices of the models that some segment uses and of their bases; a base comes before what updates it."""
        needed: set[int] = set()
        for use in self.uses:
            while use is not None:
                needed.add(use)
                use = self.models[use].base
        return sorted(needed)

    def saved_bytes(self, media_bytes: list[int], rate_per_db: float) -> float:
        """Returns the bytes that plain video of the same quality would take more, minus the bytes of the models."""
        sent = sum(self.models[index].size_bytes for index in self.needed())
        return worth_bytes(self.scores, media_bytes, self.uses, rate_per_db) - sent


@dataclass(frozen=True)
class RungOutcome:
    """All networks that were tried on one rung."""

    rate_per_db: float
    """Share of the rung's bytes that 1 dB was taken to be worth."""
    networks: tuple[NetworkOutcome, ...]
    published: tuple[int, ...]
    """Indices into `networks`, best first."""
    rejected: tuple[tuple[str, str], ...] = ()
    """(network, why it was not trained)."""

    def tracks(self) -> list[NetworkOutcome]:
        """The networks to publish, best first."""
        return [self.networks[index] for index in self.published]


def dominated(networks: Sequence[NetworkOutcome]) -> dict[NetworkSpec, str]:
    """Networks whose title model gained less than that of a narrower one, each with the name of one that did better.

    Over the segments that both were judged on.
    """
    titles = [(n, index) for n in networks for index, m in enumerate(n.models) if m.is_title]
    titles.sort(key=lambda title: title[0].network.spec.width)
    found: dict[NetworkSpec, str] = {}
    for number, (wide, of_wide) in enumerate(titles):
        for narrow, of_narrow in titles[:number]:
            both = [
                (a, b)
                for s, t in zip(wide.scores, narrow.scores, strict=True)
                if (a := s.model_sse[of_wide]) is not None and (b := t.model_sse[of_narrow]) is not None
            ]
            if sum(a for a, _ in both) > sum(b for _, b in both):
                found[wide.network.spec] = narrow.network.spec.name
    return found


def save_outcome(path: Path, outcome: RungOutcome) -> None:
    """Writes the outcome to `path`, whole or not at all; its models are in files next to it already."""
    value = {
        "rate_per_db": outcome.rate_per_db,
        "networks": [_network_json(network) for network in outcome.networks],
        "published": outcome.published,
        "rejected": outcome.rejected,
    }
    publish_file(path, json.dumps(value).encode())


def load_outcome(path: Path) -> RungOutcome | None:
    """Reads the finished outcome in the file `path`, its models from files next to it; None if one is missing."""
    try:
        value = json.loads(path.read_bytes())
        networks = tuple(_network(network, path.parent) for network in value["networks"])
    except FileNotFoundError:
        return None
    return RungOutcome(
        value["rate_per_db"],
        networks,
        tuple(value["published"]),
        tuple((name, reason) for name, reason in value["rejected"]),
    )


def _network_json(outcome: NetworkOutcome) -> dict[str, Any]:
    spec = outcome.network.spec
    return {
        "network": [spec.name, spec.scale, outcome.network.input_size],
        "models": [
            {
                "file": model.file,
                "segments": None if model.segments is None else sorted(model.segments),
                "base": model.base,
            }
            for model in outcome.models
        ],
        "uses": outcome.uses,
        "scores": [[score.samples, score.plain_sse, score.model_sse] for score in outcome.scores],
        "spoilt": outcome.spoilt,
    }


def _network(value: dict[str, Any], folder: Path) -> NetworkOutcome:
    name, scale, (width, height) = value["network"]
    models = tuple(
        TrainedModel(
            (folder / model["file"]).read_bytes(),
            None if model["segments"] is None else frozenset(model["segments"]),
            model["base"],
            model["file"],
        )
        for model in value["models"]
    )
    scores = tuple(SegmentScore(samples, plain, tuple(sums)) for samples, plain, sums in value["scores"])
    network = SizedNetwork(parse_network(name, scale), Size(width, height))
    return NetworkOutcome(network, models, tuple(value["uses"]), scores, tuple(value["spoilt"]))
