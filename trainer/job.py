"""The job of a group of siblings, the rungs of one size: trained one after the other, each from its neighbour."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights
from media.source.treatment import SourceTreatment
from player.superres.engines import Engine
from trainer.choice.networks import (
    Dominated,
    Rejected,
    SizedNetwork,
    class_networks,
    trained_network,
    without_dominated,
    worth_training,
)
from trainer.choice.results import RungOutcome, dominated, load_outcome, save_outcome
from trainer.choice.training_order import training_order
from trainer.data.rung import TrainingRung
from trainer.data.samples import References, samples
from trainer.fitting.fit import Fitter
from trainer.rung_training import RungTraining, title_weights
from trainer.settings import Reporter, TrainSettings

CODE_VERSION = 12
"""Part of every key: raised when the same inputs would give other models."""


@dataclass(frozen=True)
class Group:
    """Yields its frames with ascending time stamps inside the segment's time, the first at its start.

    Raises UndecodableSegmentError, after the frames that decoded, if there are fewer than its tables promise.
    """

    rungs: tuple[TrainingRung, ...]
    settings: TrainSettings
    references: References
    rates_per_db: Mapping[str, float]
    """Value of a decibel by representation id."""
    folder: Path
    """Folder for finished work."""


def title_key(rungs: Sequence[TrainingRung], treatment: SourceTreatment, settings: TrainSettings) -> str:
    """Names the work on a title: the same for the same media of all its rungs, source treatment, settings and code.

    All rungs, for fits start from those of siblings, and what a decibel is worth is read off the whole ladder.
    """
    digest = hashlib.sha256()
    for rung in sorted(rungs, key=lambda rung: rung.id):
        digest.update(f"{rung.id} {rung.enhanced_size}".encode())
        for segment in range(len(rung.representation.segments)):
            digest.update(rung.media(segment))
    says = {"code": CODE_VERSION, "treatment": treatment.to_json(), **asdict(settings)}
    digest.update(json.dumps(says, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def train_group(group: Group, engine: Engine, reporter_of: Callable[[str], Reporter]) -> dict[str, RungOutcome]:
    """Train, code, judge and choose, for each rung; what the group's folder holds of it already is not done again.

    Raises TrainingError, MediaError, BundleError.
    """
    rungs = {rung.id: rung for rung in group.rungs}
    # One for each network: only the first fit pays for the compiling.
    fitters = cache(Fitter)
    outcomes: dict[str, RungOutcome] = {}
    learnt: dict[str | None, _Learnt] = {None: _Learnt({}, {})}
    for turn in training_order({name: sum(rung.media_bytes()) for name, rung in rungs.items()}):
        path, before = group.folder / f"{turn.rung}.json", learnt[turn.start]
        outcome = load_outcome(path)
        if outcome is None:
            outcome = _trained(group, rungs[turn.rung], before, fitters, engine, reporter_of(turn.rung))
            save_outcome(path, outcome)
        outcomes[turn.rung] = outcome
        learnt[turn.rung] = before.and_from(turn.rung, outcome)
    return outcomes


@dataclass(frozen=True)
class _Learnt:
    """Knowledge from siblings that were trained before."""

    starts: Mapping[NetworkSpec, ModelWeights]
    """The title's weights, of the nearest sibling that has such a network."""
    dominated: Mapping[NetworkSpec, Dominated]

    def and_from(self, rung: str, outcome: RungOutcome) -> _Learnt:
        """Returns it with the outcome of another rung added."""
        starts = {n.network.spec: w for n in outcome.networks if (w := title_weights(n)) is not None}
        lost = {spec: Dominated(narrower, rung) for spec, narrower in dominated(outcome.networks).items()}
        return _Learnt({**self.starts, **starts}, {**self.dominated, **lost})


def _trained(
    group: Group,
    rung: TrainingRung,
    before: _Learnt,
    fitters: Callable[[NetworkSpec], Fitter],
    engine: Engine,
    reporter: Reporter,
) -> RungOutcome:
    settings, rate_per_db = group.settings, group.rates_per_db[rung.id]
    trained, rejected = networks_for(rung, settings, rate_per_db)
    trained, lost = without_dominated(trained, before.dominated)
    kept = samples(rung, group.references)
    training = RungTraining(rung, kept, rate_per_db, settings, group.folder, engine, fitters, reporter)
    return replace(training.outcome(trained, before.starts), rejected=rejected + _told(lost))


def networks_for(
    rung: TrainingRung, settings: TrainSettings, rate_per_db: float
) -> tuple[list[SizedNetwork], tuple[tuple[str, str], ...]]:
    """Returns the networks to train, and for each other network of the class its name and why it is not trained."""
    if not settings.chooses:
        spec = trained_network(settings.network)
        network = SizedNetwork(spec, rung.size if spec.fold == 1 else rung.enhanced_size)
        return [network], ()
    video = rung.representation.video
    networks = class_networks(
        settings.size_class, rung.size, rung.enhanced_size, video.frame_rate, sum(rung.media_bytes())
    )
    trained, rejected = worth_training(networks, rung.size, sum(rung.media_bytes()), rate_per_db)
    return trained, _told(rejected)


def _told(rejected: Sequence[Rejected]) -> tuple[tuple[str, str], ...]:
    return tuple((r.network.spec.name, r.reason) for r in rejected)
