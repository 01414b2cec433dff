"""Training of one rung: its fits, and how they are coded, judged and chosen.

Finished models are kept in the work folder at once, unfinished fits in a checkpoint next to them: a run that was killed
is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from manifests.files import publish_file
from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights, decode_model, parse_model
from player.superres.engines import Engine
from trainer.choice.judge import Errors, RungJudge
from trainer.choice.networks import SizedNetwork, scene_could_pay, update_could_pay
from trainer.choice.results import NetworkOutcome, RungOutcome, TrainedModel
from trainer.choice.select import choose, side_by_side
from trainer.choice.vmaf_check import VmafCheck
from trainer.data.pairs import Pair, PatchSource, make_pairs
from trainer.data.rung import TrainingRung
from trainer.data.samples import Sample
from trainer.data.scenes import scenes_of
from trainer.fitting.coding import best_coding
from trainer.fitting.fit import FitSettings, Fitter
from trainer.settings import Reporter, TrainSettings

Starts = Mapping[NetworkSpec, ModelWeights]
"""Title weights by network, of the sibling that was trained before."""


class RungTraining:
    """The fits of one rung, in order."""

    def __init__(
        self,
        rung: TrainingRung,
        shots: Sequence[Sample],
        rate_per_db: float,
        settings: TrainSettings,
        work: Path,
        engine: Engine,
        fitters: Callable[[NetworkSpec], Fitter],
        reporter: Reporter,
    ) -> None:
        self._rung = rung
        self._rate_per_db = rate_per_db
        self._settings = settings
        self._work = work
        self._fitters = fitters
        self._reporter = reporter
        self._media_bytes = rung.media_bytes()
        judged_segments = {shot.segment for shot in shots if shot.judged}
        # A title of a frame or two, or a segment of as few, is judged by what it was learnt from.
        judged = [shot for shot in shots if shot.judged or shot.segment not in judged_segments]
        self._learnt = [shot for shot in shots if not shot.judged] or list(shots)
        self._judge = RungJudge(judged, len(self._media_bytes), engine, work)
        self._opinion = VmafCheck(self._judge)
        self._pairs: tuple[object, list[Pair]] = (None, [])

    def outcome(self, networks: Sequence[SizedNetwork], starts: Starts) -> RungOutcome:
        """Fits a title model for each network; scenes and segments get models of their own with the best of them.

        The best is the network that saves most bytes. Raises MediaError.
        """
        tried = [self._title_models(network, starts.get(network.spec)) for network in networks]
        best = max(range(len(tried)), key=lambda index: self._saved(tried[index]), default=None)
        if best is not None and self._parts_may_pay(tried[best]):
            tried[best] = self._with_parts(tried[best])
        order = self._confirmed_order(tried)
        for index in order[1:]:
            tried[index] = _plain_where(tried[index], tried[order[0]].uses)
        order = [index for index in order if any(use is not None for use in tried[index].uses)]
        return RungOutcome(self._rate_per_db, tuple(tried), tuple(order))

    def _confirmed_order(self, tried: list[NetworkOutcome]) -> list[int]:
        """Indices of the networks to publish, each in `tried` as the second opinion leaves it."""
        macs = [outcome.network.macs_per_frame for outcome in tried]
        confirmed: set[int] = set()
        while True:
            order = side_by_side([self._saved(outcome) for outcome in tried], macs)
            new = set(order) - confirmed
            if not new:
                return order
            # What it takes away may put another network first.
            for index in new:
                tried[index] = self._confirmed(tried[index])
            confirmed |= new

    def _saved(self, tried: NetworkOutcome) -> float:
        return tried.saved_bytes(self._media_bytes, self._rate_per_db)

    def _title_models(self, network: SizedNetwork, start: ModelWeights | None) -> NetworkOutcome:
        make = FitSettings.from_relative if start else FitSettings.from_scratch
        settings = make(network.spec, self._settings.steps, self._settings.seed)
        everywhere = frozenset(range(len(self._media_bytes)))
        path = self._once(network, "title", "title model", everywhere, settings, start, None)
        model = TrainedModel(path.read_bytes(), None, file=path.name)
        return self._judged(NetworkOutcome(network, (), (), tuple(self._judge.scores(()))), [model])

    def _parts_may_pay(self, tried: NetworkOutcome) -> bool:
        return self._settings.scope != "auto" or self._saved(tried) > 0

    def _with_parts(self, tried: NetworkOutcome) -> NetworkOutcome:
        """Adds models of scenes and segments, if the scope includes them."""
        network, spec = tried.network, tried.network.spec
        weights = weights_of(tried.models)[-1]
        models = []
        for name, what, segments, is_scene in self._parts(spec):
            make = FitSettings.from_relative if is_scene else FitSettings.for_update
            settings = make(spec, self._settings.steps, self._settings.seed)
            path = self._once(network, name, what, segments, settings, weights, weights)
            data = path.read_bytes()
            base = len(tried.models) - 1 if _is_update(data) else None
            models.append(TrainedModel(data, segments, base, path.name))
        return self._judged(tried, models) if models else tried

    def _parts(self, spec: NetworkSpec) -> list[tuple[str, str, frozenset[int], bool]]:
        """(name, what it is, segments, whether a scene) of the parts of the title to be given models."""
        scope, rate = self._settings.scope, self._rate_per_db
        scenes = [frozenset(run) for run in scenes_of(self._learnt)]
        segments = [frozenset([segment]) for run in scenes for segment in sorted(run)]
        parts = []
        if scope in ("auto", "scene") and len(scenes) > 1:
            for number, run in enumerate(scenes, 1):
                if scope == "scene" or scene_could_pay(spec, self._media_bytes_of(run), rate):
                    parts.append((f"scene-{number}", f"scene {number} of {len(scenes)}", run, True))
        if scope in ("auto", "segment") and len(segments) > 1:
            for run in segments:
                (segment,) = run
                if scope == "segment" or (
                    run not in [part[2] for part in parts] and update_could_pay(spec, self._media_bytes[segment], rate)
                ):
                    parts.append((f"segment-{segment}", f"update for segment {segment + 1}", run, False))
        return parts

    def _once(
        self,
        network: SizedNetwork,
        name: str,
        what: str,
        segments: frozenset[int],
        settings: FitSettings,
        start: ModelWeights | None,
        base: ModelWeights | None,
    ) -> Path:
        """Returns the file of a finished model in the work folder, which is made now if it is not there."""
        stem = self._work / f"{self._rung.id}.{network.spec.name}.{name}"
        path = stem.with_name(stem.name + ".ndm")
        # A file in the work folder is finished, because it is renamed into place.
        if not path.exists():
            pairs = [pair for pair in self._pairs_for(network) if pair.segment in segments]
            self._reporter.begin(f"{network.spec.name} {what}", settings.steps)
            tuned = self._fitters(network.spec).fit(
                PatchSource(pairs, network.spec.fold),
                settings,
                start=start,
                checkpoint=stem.with_name(stem.name + ".npz"),
                on_progress=lambda step, gain_db: self._reporter.at(step, f"patches {gain_db:+.2f} dB"),
            )
            worth = self._rate_per_db * self._media_bytes_of(segments)
            publish_file(path, best_coding(tuned, base, self._judge, network.input_size, segments, worth))
        return path

    def _media_bytes_of(self, segments: frozenset[int]) -> int:
        return sum(self._media_bytes[segment] for segment in segments)

    def _pairs_for(self, network: SizedNetwork) -> list[Pair]:
        """Returns pairs of all frames learnt from; built again only if the network's input picture changes."""
        key = (network.input_size, network.spec.scale)
        if self._pairs[0] != key:
            self._pairs = (None, [])  # Given back first: there is room for one set.
            self._pairs = (key, make_pairs(self._learnt, *key, self._work))
        return self._pairs[1]

    def _judged(self, tried: NetworkOutcome, more: Sequence[TrainedModel]) -> NetworkOutcome:
        """Returns the outcome with more models, and the choice made again."""
        models = (*tried.models, *more)
        errors: list[Errors] = []
        for index, weights in enumerate(weights_of(models)):
            known = index < len(tried.models)
            errors.append(
                tuple(score.model_sse[index] for score in tried.scores)
                if known
                else self._judge.errors(weights, tried.network.input_size, models[index].segments)
            )
        return self._chosen(replace(tried, models=models, scores=tuple(self._judge.scores(errors))))

    def _chosen(self, tried: NetworkOutcome) -> NetworkOutcome:
        candidates = [model.candidate for model in tried.models]
        return replace(tried, uses=tuple(choose(tried.scores, self._media_bytes, candidates, self._rate_per_db)))

    def _confirmed(self, tried: NetworkOutcome) -> NetworkOutcome:
        """Plain where VMAF-NEG falls."""
        weights = weights_of(tried.models)
        played = [None if use is None else weights[use] for use in tried.uses]
        self._reporter.begin(f"{tried.network.spec.name} VMAF-NEG check", self._opinion.frames)
        spoilt = self._opinion.rejected_segments(played, tried.network.input_size, self._reporter.at)
        if not spoilt:
            return tried
        scores = tuple(score.barred() if s in spoilt else score for s, score in enumerate(tried.scores))
        return self._chosen(replace(tried, scores=scores, spoilt=tuple(sorted(spoilt))))


def title_weights(outcome: NetworkOutcome) -> ModelWeights | None:
    """Returns the weights trained for the whole title, as coded; None if none were."""
    for model, weights in zip(outcome.models, weights_of(outcome.models), strict=True):
        if model.is_title:
            return weights
    return None


def weights_of(models: Sequence[TrainedModel]) -> list[ModelWeights]:
    """Returns the weights of each model, as a player decodes them."""
    decoded: list[ModelWeights] = []
    for model in models:
        decoded.append(decode_model(model.data, None if model.base is None else decoded[model.base]))
    return decoded


def _plain_where(tried: NetworkOutcome, best: Sequence[int | None]) -> NetworkOutcome:
    """Returns the outcome with no model for segments for which the best network has none, because players take that
    for plain."""
    return replace(tried, uses=tuple(None if b is None else use for use, b in zip(tried.uses, best, strict=True)))


def _is_update(data: bytes) -> bool:
    return parse_model(data).base_sha256 is not None
