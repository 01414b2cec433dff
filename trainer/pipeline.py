"""From a packaged bundle to one with models: a job for every rung that can be enhanced, then one manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

from manifests.bundle import PROVENANCE, Bundle, open_bundle, read_json
from manifests.errors import BrokenBundleError
from manifests.networks import NetworkSpec, Size
from media.probe import probe
from media.source import SourceTreatment
from player.superres.engines import open_engine
from trainer.errors import TrainingError
from trainer.fit import prepare_backend
from trainer.job import job_key, train_rung
from trainer.outcome import RungOutcome
from trainer.publish import publish_models
from trainer.rung import Rung
from trainer.settings import SCALE, Reporter, TrainSettings, trained_network

WORK = ".train"
"""Folder in the bundle for what is not finished: never listed, removed when all is published."""

_Exact = tuple[Fraction, Fraction]
"""(width, height) as displayed, in square pixels."""

ReporterOf = Callable[[str], Reporter]
"""Makes the reporter of a rung from its representation id."""


@dataclass(frozen=True)
class RungSummary:
    """What came of one rung, for people and for `--json`."""

    representation: str
    segments: int
    enhanced_segments: int
    gain_db: float
    """Mean over all segments as they will be played; a plain one counts as 0."""
    model_bytes: int
    media_bytes: int


def enhanceable_rungs(bundle: Bundle, source: Path, spec: NetworkSpec) -> list[Rung]:
    """The rungs that `spec` can enhance: those whose enlarged size the source still reaches and, for a folded network,
    every rung, at the size of the largest picture of the title.

    Raises BrokenBundleError where the bundle does not say how its source was treated, MediaError for a bad source.
    """
    try:
        treatment = SourceTreatment.from_json(read_json(bundle.root, PROVENANCE)["treatment"])
    except (KeyError, ValueError) as error:
        raise BrokenBundleError(f"{PROVENANCE} does not tell how the source was treated; package it again") from error
    sizes = {r.id: (r.video.width, r.video.height) for r in bundle.presentation.video if r.video is not None}
    source_size = probe(source).video.display_size
    inputs = sizes if spec.fold == 1 else dict.fromkeys(sizes, largest_picture(list(sizes.values()), source_size))
    return [
        Rung(bundle, r, source, treatment, spec, inputs[r.id])
        for r in bundle.presentation.video
        if _fits(sizes[r.id], inputs[r.id])
        and (spec.scale == 1 or _fits(_times(inputs[r.id], spec.scale), source_size))
    ]


def largest_picture(rungs: Sequence[Size], source: _Exact) -> Size:
    """(width, height) of the largest picture that rungs of these sizes come to: that of the largest rung, or of one
    doubled where the source reaches so far. Pure.
    """
    doubled = [_times(size, SCALE) for size in rungs if _fits(_times(size, SCALE), source)]
    return max([*rungs, *doubled], key=lambda size: size[0] * size[1])


def _times(size: Size, scale: int) -> Size:
    return size[0] * scale, size[1] * scale


def _fits(size: Size, into: Size | _Exact) -> bool:
    return size[0] <= into[0] and size[1] <= into[1]


def train_bundle(
    root: Path, source: Path, settings: TrainSettings, reporter_of: ReporterOf, *, jobs: int = 1, force: bool = False
) -> list[RungSummary]:
    """Train every rung that can be enhanced and publish the models that pay.

    Rungs trained before with these settings are left as they are unless `force`. With `jobs` above 1 that many
    rungs are trained at once, each in a process of its own. Raises TrainingError, BundleError, MediaError.
    """
    bundle = open_bundle(root)
    spec = trained_network(settings.network)
    rungs = {rung.representation.id: rung for rung in enhanceable_rungs(bundle, source, spec)}
    if not rungs:
        raise TrainingError(
            "no rung can be enhanced: none is at most half the source in width and height; "
            "package again with a lower one, such as --rungs auto, or train a folded network, such as --net c16d2f2"
        )
    keys = {name: job_key(rung, settings) for name, rung in rungs.items()}
    recorded = read_json(root, PROVENANCE).get("training", {})
    todo = {name: rung for name, rung in rungs.items() if force or recorded.get(name, {}).get("key") != keys[name]}
    if force:
        shutil.rmtree(root / WORK, ignore_errors=True)
    folders = {name: root / WORK / keys[name] for name in todo}
    outcomes = _trained(todo, settings, folders, reporter_of, jobs)
    if outcomes:
        records = {name: _record(keys[name], outcome) for name, outcome in outcomes.items()}
        # Once for all rungs: publishing checks every segment of the bundle.
        publish_models(root, settings, todo, outcomes, records)
    shutil.rmtree(root / WORK, ignore_errors=True)
    return summaries(open_bundle(root), settings.network, list(rungs))


def _record(key: str, outcome: RungOutcome) -> dict[str, object]:
    """What provenance.json keeps of a rung's training, beside the settings."""
    return {
        "key": key,
        "neudash": version("neudash"),
        "keras": version("keras"),
        "segment_gains_db": [round(gain_db, 4) for gain_db in outcome.gains_db()],
    }


def _trained(
    todo: Mapping[str, Rung],
    settings: TrainSettings,
    folders: Mapping[str, Path],
    reporter_of: ReporterOf,
    jobs: int,
) -> dict[str, RungOutcome]:
    if jobs == 1 or len(todo) <= 1:
        return {name: _run(rung, settings, folders[name], reporter_of(name)) for name, rung in todo.items()}
    # Spawned, not forked: TensorFlow's threads do not survive a fork.
    with ProcessPoolExecutor(min(jobs, len(todo)), mp_context=get_context("spawn")) as pool:
        running = {name: pool.submit(_run, rung, settings, folders[name], None) for name, rung in todo.items()}
        outcomes = {}
        for name, job in running.items():
            reporter = reporter_of(name)
            reporter.begin("training in its own process", 1)
            outcomes[name] = job.result()
            reporter.at(1)
        return outcomes


def _run(rung: Rung, settings: TrainSettings, folder: Path, reporter: Reporter | None) -> RungOutcome:
    prepare_backend(settings.seed)
    return train_rung(rung, settings, folder, open_engine(), reporter or _Silent())


class _Silent:
    def begin(self, what: str, total: int) -> None:
        """Nobody is listening."""

    def at(self, done: int, note: str = "") -> None:
        """Nobody is listening."""


def summaries(bundle: Bundle, network: str, names: list[str]) -> list[RungSummary]:
    """What the bundle's manifest says of the models of `network` on the representations `names`."""
    result = []
    for representation in bundle.presentation.video:
        if representation.id not in names:
            continue
        tracks = [track for track in representation.model_tracks if track.network == network]
        uses = tracks[0].uses if tracks else (None,) * len(representation.segments)
        gains = {model.n: model.gain_db or 0.0 for track in tracks for model in track.models}
        media = [href for href, file in bundle.files().items() if file.representation_id == representation.id]
        result.append(
            RungSummary(
                representation=representation.id,
                segments=len(uses),
                enhanced_segments=sum(use is not None for use in uses),
                gain_db=fmean(0.0 if use is None else gains[use] for use in uses),
                model_bytes=sum(model.size_bytes for track in tracks for model in track.models),
                media_bytes=sum(bundle.path(href).stat().st_size for href in media),
            )
        )
    return result
