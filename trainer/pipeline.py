"""The run from a packaged bundle to one with models: its rungs in groups of one size, then one manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from console.version import neudash_version
from manifests.bundle import Bundle, open_bundle
from manifests.networks import Size
from manifests.provenance import TrainingRecord, read_provenance
from media.source.original import treatment_of
from media.source.probe import probe
from media.source.treatment import SourceTreatment
from player.superres.engines import open_engine
from trainer.choice.byte_value import RATE_PER_DB, PlainPoint, rates_per_db
from trainer.choice.judge import plain_psnr_y
from trainer.choice.networks import Exact, largest_picture, trained_network
from trainer.choice.record import choice_record
from trainer.choice.results import RungOutcome
from trainer.data.rung import TrainingRung
from trainer.data.samples import References, read_references, samples
from trainer.errors import TrainingError
from trainer.fitting.fit import prepare_backend
from trainer.job import Group, title_key, train_group
from trainer.processes import run_in_processes
from trainer.publish import publish_models
from trainer.settings import NullReporter, Reporter, TrainSettings

WORK = ".train"
"""Folder in the bundle for what is not finished: never listed, removed when all is published."""

ReporterOf = Callable[[str], Reporter]
"""Makes the reporter of a rung from its representation id."""


@dataclass(frozen=True)
class TrainedRung:
    """Result of training one rung, for people and for `--json`."""

    representation: str
    segments: int
    enhanced_segments: int
    gain_db: float
    """Mean over all segments as they will be played; a plain one counts as 0."""
    model_bytes: int
    """Bytes of the best network's models, the ones that play."""
    media_bytes: int
    stays: list[str]
    """Networks of earlier runs whose models play as before."""
    choice: dict[str, Any]
    """Choice as `trainer.choice.record.choice_record` returns it."""


def enhanceable_rungs(bundle: Bundle, source: Exact, settings: TrainSettings) -> list[TrainingRung]:
    """Returns the rungs that can be enhanced, each with its enhanced size, given the source's width and height.

    The enhanced size is that of the title's largest picture; with a named network without a fold, twice the rung's own
    if the source is as large.
    """
    picture = largest_picture([r.size for r in bundle.presentation.video], source)
    spec = None if settings.chooses else trained_network(settings.network)
    found = []
    for r in bundle.presentation.video:
        doubles = spec is not None and spec.fold == 1
        enhanced = r.size.times(spec.scale) if spec is not None and doubles else picture
        if enhanced.fits(source) if doubles else r.size.fits(picture):
            found.append(TrainingRung(bundle, r, enhanced))
    return found


def train_bundle(
    root: Path, source: Path, settings: TrainSettings, reporter_of: ReporterOf, *, jobs: int = 1, force: bool = False
) -> list[TrainedRung]:
    """Train every rung that can be enhanced and publish the models that pay.

    A bundle that was trained with these settings before is left as it is unless `force`. With `jobs` above 1 that
    many sizes are trained at once, each in a process of its own. Raises TrainingError, BundleError, MediaError.
    """
    bundle, treatment = open_bundle(root), treatment_of(root, source)
    rungs = enhanceable_rungs(bundle, probe(source).video.display_size, settings)
    if not rungs:
        raise TrainingError(
            "no rung can be enhanced: none is at most half the source in width and height; "
            "package again with a lower one, such as --rungs fixed, or let the trainer choose networks with --net auto"
        )
    # The same key means the same models: then there is nothing to do.
    key = title_key(rungs, treatment, settings)
    recorded = read_provenance(root).training
    if force:
        shutil.rmtree(root / WORK, ignore_errors=True)
    if force or any(rung.id not in recorded or recorded[rung.id].key != key for rung in rungs):
        outcomes = _trained(root, source, treatment, rungs, settings, root / WORK / key, reporter_of, jobs)
        records = {rung.id: _record(key, rung, outcomes[rung.id], settings) for rung in rungs}
        # Once for all rungs: publishing checks every segment of the bundle.
        publish_models(root, settings, outcomes, records)
    else:
        reporter = reporter_of(root.name)
        reporter.begin("trained with these settings before; --force does it again", 1)
        reporter.at(1)
    shutil.rmtree(root / WORK, ignore_errors=True)
    return summaries(open_bundle(root), [rung.id for rung in rungs])


def _record(key: str, rung: TrainingRung, outcome: RungOutcome, settings: TrainSettings) -> TrainingRecord:
    gains = outcome.tracks()[0].gains_db() if outcome.published else [0.0] * len(rung.representation.segments)
    return TrainingRecord(
        key,
        tuple(round(gain_db, 4) for gain_db in gains),
        choice_record(outcome, rung.media_bytes()),
        {"neudash": neudash_version(), "keras": version("keras"), **asdict(settings)},
    )


def _trained(
    root: Path,
    source: Path,
    treatment: SourceTreatment,
    rungs: Sequence[TrainingRung],
    settings: TrainSettings,
    folder: Path,
    reporter_of: ReporterOf,
    jobs: int,
) -> dict[str, RungOutcome]:
    # Rungs with one enhanced size share the decoded source; rungs of one size also share fits.
    by_picture: dict[Size, list[TrainingRung]] = {}
    for rung in rungs:
        by_picture.setdefault(rung.enhanced_size, []).append(rung)
    groups: list[Group] = []
    for (width, height), alike in by_picture.items():
        path = root / WORK / f"source-{width}x{height}.npy"
        reporter = reporter_of(f"{width}x{height}")
        references = read_references(source, treatment, alike[0], settings.budget_bytes, path, reporter)
        rates = _rates(alike, references, reporter_of)
        by_size: dict[Size, list[TrainingRung]] = {}
        for rung in alike:
            by_size.setdefault(rung.size, []).append(rung)
        groups += [Group(tuple(group), settings, references, rates, folder) for group in by_size.values()]
    return _run_all(groups, reporter_of, jobs)


def _rates(rungs: Sequence[TrainingRung], references: References, reporter_of: ReporterOf) -> Mapping[str, float]:
    """Returns the worth of a decibel on each rung, from the scores of all of them played plain."""
    if len(rungs) == 1:
        return {rungs[0].id: RATE_PER_DB}
    points = {}
    for rung in rungs:
        reporter = reporter_of(rung.id)
        reporter.begin("plain quality", 1)
        judged = samples(rung, references, judged_alone=True)
        points[rung.id] = PlainPoint(sum(rung.media_bytes()), plain_psnr_y(judged))
        reporter.at(1, f"{points[rung.id].psnr_y:.2f} dB")
    return rates_per_db(points)


def _run_all(groups: Sequence[Group], reporter_of: ReporterOf, jobs: int) -> dict[str, RungOutcome]:
    outcomes: dict[str, RungOutcome] = {}
    if jobs == 1 or len(groups) <= 1:
        for group in groups:
            outcomes |= _run(group, reporter_of)
        return outcomes
    reporters = [reporter_of(", ".join(rung.id for rung in group.rungs)) for group in groups]
    for reporter in reporters:
        reporter.begin("training in a process of its own", 1)
    calls = [partial(_run, group, _silent) for group in groups]
    for trained in run_in_processes(calls, jobs, lambda index: reporters[index].at(1)):
        outcomes |= trained
    return outcomes


def _run(group: Group, reporter_of: ReporterOf) -> dict[str, RungOutcome]:
    prepare_backend(group.settings.seed)
    return train_group(group, open_engine(), reporter_of)


def _silent(_: str) -> Reporter:
    return NullReporter()


def summaries(bundle: Bundle, names: Sequence[str]) -> list[TrainedRung]:
    """Summarises the models that the bundle plays on the representations `names`."""
    training = read_provenance(bundle.root).training
    result = []
    for representation in bundle.presentation.video:
        if representation.id not in names:
            continue
        record = training[representation.id]
        gains, networks = record.segment_gains_db, record.choice.networks
        best = [track for track in representation.model_tracks if track.network in networks[:1]]
        uses = best[0].uses if best else (None,) * len(representation.segments)
        media = [href for href, file in bundle.files().items() if file.representation_id == representation.id]
        result.append(
            TrainedRung(
                representation=representation.id,
                segments=len(uses),
                enhanced_segments=sum(use is not None for use in uses),
                gain_db=sum(gains) / len(gains),
                model_bytes=sum(model.size_bytes for track in best for model in track.models),
                media_bytes=sum(bundle.path(href).stat().st_size for href in media),
                stays=[track.network for track in representation.model_tracks if track.network not in networks],
                choice=asdict(record.choice),
            )
        )
    return result
