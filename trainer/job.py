"""One rung's training, from frames to the models worth sending. Finished models are kept in a work folder at once,
unfinished fits in a checkpoint beside them: a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from manifests.bundle import publish_file
from manifests.template import segment_href
from manifests.weights import ModelWeights, decode_model, encode_model
from player.superres.engines import Engine
from trainer.confirm import spoilt_segments
from trainer.fit import FitSettings, Fitter
from trainer.judge import judge
from trainer.outcome import RungOutcome, TrainedModel, load_outcome, save_outcome
from trainer.pairs import Pair, PatchSource, chosen_pairs, frames_to_sample
from trainer.quantise import quantise
from trainer.rung import Rung
from trainer.scenes import groups_of
from trainer.select import Candidate, choose
from trainer.settings import Reporter, TrainSettings
from trainer.update import best_update

CODE_VERSION = 3
"""Part of every job's key: raised when the same inputs would give other models."""

_UPDATE_STEPS_SHARE = 0.1
_UPDATE_LEARNING_RATE = 3e-3


def job_key(rung: Rung, settings: TrainSettings) -> str:
    """Names the work of one job: the same for the same media, source treatment, settings and code."""
    representation = rung.representation
    digest = hashlib.sha256()
    for segment in representation.segments:
        digest.update(rung.bundle.read(segment_href(representation, segment)))
    says = {
        "code": CODE_VERSION,
        "scale": rung.spec.scale,
        "treatment": rung.treatment.to_json(),
        **asdict(settings),
    }
    if rung.input_size != rung.size:
        says["input_size"] = rung.input_size
    digest.update(json.dumps(says, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def train_rung(rung: Rung, settings: TrainSettings, work: Path, engine: Engine, reporter: Reporter) -> RungOutcome:
    """Train, code, judge and choose; what the folder `work` holds of it already is not done again.

    Raises TrainingError, MediaError, BundleError.
    """
    finished = load_outcome(work)
    if finished is not None:
        return finished
    models = _Job(rung, settings, work, engine, reporter).models()
    decoded: list[ModelWeights] = []
    for model in models:
        decoded.append(decode_model(model.data, None if model.base is None else decoded[model.base]))
    reporter.begin("judging every frame", sum(rung.frame_counts()))
    tried = [(weights, model.segments) for weights, model in zip(decoded, models, strict=True)]
    scores = judge(rung.frames(), len(rung.representation.segments), tried, engine, rung.input_size, reporter.at)
    media_bytes, candidates = rung.media_bytes(), [Candidate(m.size_bytes, m.base) for m in models]
    uses = choose(scores, media_bytes, candidates)
    if any(use is not None for use in uses):
        reporter.begin("VMAF-NEG check", sum(rung.frame_counts()))
        played = [None if use is None else decoded[use] for use in uses]
        spoilt = spoilt_segments(rung.frames(), played, engine, rung.input_size, rung.enhanced_size, reporter.at)
        if spoilt:
            scores = [score.barred() if index in spoilt else score for index, score in enumerate(scores)]
            uses = choose(scores, media_bytes, candidates)
    outcome = RungOutcome(tuple(models), tuple(uses), tuple(scores))
    save_outcome(work, outcome)
    return outcome


class _Job:
    """The fits of one rung, in order."""

    def __init__(self, rung: Rung, settings: TrainSettings, work: Path, engine: Engine, reporter: Reporter) -> None:
        self._rung = rung
        self._settings = settings
        self._spec = rung.spec
        self._fitter = Fitter(self._spec)
        self._media_bytes = rung.media_bytes()
        self._work = work
        self._engine = engine
        self._reporter = reporter

    def models(self) -> list[TrainedModel]:
        pairs = self._sample()
        shared, *scenes = groups_of(self._settings.scope, pairs)
        models = [TrainedModel(self._full("shared", "shared model", pairs), None)]
        for number, scene in enumerate(scenes, 1):
            own = [pair for pair in pairs if pair.segment in scene]
            data = self._full(f"scene-{number}", f"scene {number} of {len(scenes)}", own)
            models.append(TrainedModel(data, frozenset(scene)))
        if self._settings.scope == "segment" and len(shared) > 1:
            base = decode_model(models[0].data)
            for segment in shared:
                own = [pair for pair in pairs if pair.segment == segment]
                models.append(TrainedModel(self._update(segment, base, own), frozenset([segment]), base=0))
        return models

    def _sample(self) -> list[Pair]:
        width, height = self._rung.input_size
        pair_bytes = width * height * (1 + self._spec.scale**2)
        kept = frames_to_sample(self._rung.frame_counts(), pair_bytes, self._settings.budget_bytes)
        self._reporter.begin("reading frames", sum(map(len, kept)))
        pairs: list[Pair] = []
        for pair in chosen_pairs(self._rung.frames(), kept, self._rung.input_size, self._spec.scale):
            pairs.append(pair)
            self._reporter.at(len(pairs))
        return pairs

    def _full(self, name: str, what: str, pairs: Sequence[Pair]) -> bytes:
        settings = FitSettings.for_network(self._spec, self._settings.steps, self._settings.seed)
        return self._once(name, lambda: encode_model(quantise(self._fit(name, what, pairs, settings, None))))

    def _update(self, segment: int, base: ModelWeights, pairs: Sequence[Pair]) -> bytes:
        steps = max(1, round(self._settings.steps * _UPDATE_STEPS_SHARE))
        settings = FitSettings(steps, self._settings.seed, _UPDATE_LEARNING_RATE)
        name, what = f"update-{segment}", f"update for segment {segment + 1}"

        def train() -> bytes:
            tuned = self._fit(name, what, pairs, settings, base)
            return best_update(tuned, base, pairs, self._media_bytes[segment], self._engine)

        return self._once(name, train)

    def _fit(
        self, name: str, what: str, pairs: Sequence[Pair], settings: FitSettings, start: ModelWeights | None
    ) -> ModelWeights:
        self._reporter.begin(what, settings.steps)
        return self._fitter.fit(
            PatchSource(pairs, self._spec.fold),
            settings,
            start=start,
            checkpoint=self._work / f"{name}.npz",
            on_progress=lambda step, gain_db: self._reporter.at(step, f"patches {gain_db:+.2f} dB"),
        )

    def _once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """A finished model from the work folder, or made now and put there."""
        path = self._work / f"{name}.ndm"
        if not path.exists():
            publish_file(path, make())
        return path.read_bytes()
