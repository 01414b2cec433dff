"""Overfit one network to patches, in Keras 3 on any backend. What was tried for the recipe: docs/experiments.md.

A fit is a function of its patches, its settings and its seed. It saves its state as it goes, and a fit that was
killed goes on from there to the same weights.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from manifests.files import publish_file
from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights
from player.superres.network import residual_network, set_leak
from trainer.data.pairs import PatchSource

BATCH = 32
_REPORT_STEPS = 50
"""Steps between reports, at which the state is also saved."""
_LEAK = 0.2
_LEAK_UNTIL = 0.5
_LOSS_CROP = 2
"""Pixels at a patch's border that the loss leaves out, because zero padding there differs from the frame."""

_RELATIVE_STEPS = 0.3
"""Share of the steps of a fit from scratch for one that starts from like content: as good, at the same rate (0.02 dB
better than at a third of it, docs/adr/0008)."""
_UPDATE_STEPS, _UPDATE_RATE = 0.1, 1 / 5
"""Shares of steps and peak learning rate for an update."""
_FOLDED_RATE = 2 / 3
_RETRY_RATE = 1 / 3
"""Factor on the peak learning rate after a network died."""
_LOWEST_RATE = 1e-4
"""Lowest peak learning rate that is tried: with nothing to learn, a network ends up silent at any rate."""

OnProgress = Callable[[int, float], None]
"""Called with (steps done, gain in dB on the patches of the steps since the last call)."""


@dataclass(frozen=True)
class FitSettings:
    """Settings of a fit, apart from its patches."""

    steps: int
    seed: int
    peak_learning_rate: float

    @classmethod
    def from_scratch(cls, spec: NetworkSpec, steps: int, seed: int) -> FitSettings:
        """Peak learning rates that were found by measurement: wider networks want a lower one, and so do folded ones,
        whose inputs are alike: at 1.5e-2 units of c16d2f2 died, or all of it (drone-coast at x1).
        """
        rate = 1.5e-2 if spec.width <= 16 else 1e-2 if spec.width <= 32 else 5e-3
        return cls(steps, seed, rate if spec.fold == 1 else rate * _FOLDED_RATE)

    @classmethod
    def from_relative(cls, spec: NetworkSpec, steps: int, seed: int) -> FitSettings:
        """Returns settings for a fit that starts from weights of similar content; `steps` are those of one from
        scratch."""
        return cls.from_scratch(spec, steps, seed)._reduced(_RELATIVE_STEPS, 1.0)

    @classmethod
    def for_update(cls, spec: NetworkSpec, steps: int, seed: int) -> FitSettings:
        """Returns settings to tune the title's weights to one segment; `steps` are those of a fit from scratch."""
        return cls.from_scratch(spec, steps, seed)._reduced(_UPDATE_STEPS, _UPDATE_RATE)

    def _reduced(self, steps: float, rate: float) -> FitSettings:
        return FitSettings(max(1, round(self.steps * steps)), self.seed, self.peak_learning_rate * rate)


def prepare_backend(seed: int) -> None:
    """Make the same seed give the same weights again on this machine. Called before the first fit of every group."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        # Costs nothing measurable on a CPU. Keras has no XLA with it, which is slower there than oneDNN anyway.
        tensorflow.config.experimental.enable_op_determinism()


class Fitter:
    """Fits networks of one spec, one after the other, in one compiled model: only the first pays for the compiling."""

    def __init__(self, spec: NetworkSpec) -> None:
        self._spec = spec
        self._model = residual_network(spec)
        # The rate is set before each step: a schedule would be part of what is compiled.
        self._optimiser = keras.optimizers.Adam(0.0, beta_2=0.99, global_clipnorm=1.0)
        # JAX is nothing without it; compiling by XLA or torch takes longer than it saves on a tiny network.
        jit_compile = keras.backend.backend() == "jax"
        self._model.compile(optimizer=self._optimiser, loss=_cropped_mse, jit_compile=jit_compile)
        self._optimiser.build(self._model.trainable_variables)

    def fit(
        self,
        patches: PatchSource,
        settings: FitSettings,
        *,
        start: ModelWeights | None = None,
        checkpoint: Path | None = None,
        on_progress: OnProgress = lambda steps, gain_db: None,
    ) -> ModelWeights:
        """Weights that turn the pairs' luma into their residual, in full precision.

        `start` continues from other weights, keeping their input mean, without the leaky phase. `checkpoint` names a
        file that holds the state from time to time; it is removed at the end. A network that dies on the way (all
        units of a layer below zero everywhere, for good) begins again, at a lower learning rate.
        """
        scaling = _Scaling.of(patches, start)
        self._set_weights(scaling.normalised(start) if start else initial_weights(self._spec, settings.seed))
        # The fitter is shared by all fits of a network, so the optimiser's moments of the last one are cleared.
        for variable in self._optimiser.variables:
            variable.assign(ops.zeros(variable.shape, variable.dtype))
        state = _State([*self._model.trainable_variables, *self._optimiser.variables], checkpoint)
        errors: list[tuple[float, float]] = []
        # A run that was killed continues from its checkpoint, with the learning rate that it had reached.
        done, peak_learning_rate = state.restore()
        settings = replace(settings, peak_learning_rate=peak_learning_rate or settings.peak_learning_rate)
        for step in range(done, settings.steps):
            set_leak(self._model, 0.0 if start else leak_at(step, settings.steps))
            self._optimiser.learning_rate = learning_rate_at(step, settings)
            # Seeded by the step, so that a resumed run draws the same patches.
            batch = patches.draw(BATCH, np.random.default_rng([settings.seed, step]))
            targets = scaling.targets(batch.residual)
            error = float(self._model.train_on_batch(scaling.inputs(batch.luma), targets))
            errors.append((float(np.mean(np.square(_inner(targets)))), error))
            if (step + 1) % _REPORT_STEPS == 0 or step + 1 == settings.steps:
                on_progress(step + 1, _gain_db(*np.mean(errors, axis=0)))
                errors.clear()
                # A dead network never recovers: start over more slowly.
                if self._is_dead(scaling.inputs(batch.luma)) and settings.peak_learning_rate > _LOWEST_RATE:
                    state.remove()
                    lower = replace(settings, peak_learning_rate=settings.peak_learning_rate * _RETRY_RATE)
                    return self.fit(patches, lower, start=start, checkpoint=checkpoint, on_progress=on_progress)
                state.save(step + 1, settings.peak_learning_rate)
        state.remove()
        return scaling.playable(self._weights(scaling.input_mean))

    def _is_dead(self, inputs: NDArray[np.float32]) -> bool:
        """Returns True if the output no longer depends on the input. (While activations leak, it does.)"""
        output = _inner(np.asarray(self._model.predict_on_batch(inputs)))
        return bool(np.ptp(output, axis=(0, 1, 2)).max() == 0)

    def _set_weights(self, weights: ModelWeights) -> None:
        for index, pair in enumerate(zip(weights.kernels, weights.biases, strict=True)):
            self._model.get_layer(f"conv{index}").set_weights(list(pair))

    def _weights(self, input_mean: int) -> ModelWeights:
        pairs = [self._model.get_layer(f"conv{index}").get_weights() for index in range(len(self._spec.layers))]
        kernels, biases = zip(*pairs, strict=True)
        return ModelWeights(self._spec, input_mean, kernels, biases)


def initial_weights(spec: NetworkSpec, seed: int) -> ModelWeights:
    """Returns the weights from which a fit starts, the same on every backend, in the trainer's normalised units.

    He's initialisation (arXiv:1502.01852), near zero in the last layer, so that training starts from the base upsample.
    """
    random = np.random.default_rng([seed, 2**31])
    kernels = []
    for index, (channels_in, channels_out) in enumerate(spec.layers):
        deviation = np.sqrt((0.01 if index == len(spec.layers) - 1 else 2.0) / (9 * channels_in))
        values = random.normal(0, deviation, (3, 3, channels_in, channels_out))
        kernels.append(np.clip(values, -2 * deviation, 2 * deviation).astype(np.float32))
    biases = [np.zeros(channels_out, np.float32) for _, channels_out in spec.layers]
    return ModelWeights(spec, 0, tuple(kernels), tuple(biases))


def learning_rate_at(step: int, settings: FitSettings) -> float:
    """Linear warm-up over a twentieth of the steps, then a cosine down to 2 % of the peak."""
    warmup_steps = max(1, settings.steps // 20)
    if step < warmup_steps:
        return settings.peak_learning_rate * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, settings.steps - warmup_steps)
    return settings.peak_learning_rate * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)


def leak_at(step: int, steps: int) -> float:
    """Slope of the activations below zero: none for the second half of the steps."""
    return _LEAK * max(0.0, 1 - step / (_LEAK_UNTIL * steps))


@dataclass(frozen=True)
class _Scaling:
    """Inputs and residuals have mean 0 and deviation 1 while training; the weights of a player carry both factors."""

    input_mean: int
    input_std: float
    residual_std: float

    @classmethod
    def of(cls, patches: PatchSource, start: ModelWeights | None) -> _Scaling:
        mean, std, residual_std = patches.statistics()
        return cls(mean if start is None else start.input_mean, std, residual_std)

    def inputs(self, luma: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray((luma.astype(np.float32) - self.input_mean) / self.input_std, np.float32)

    def targets(self, residual: NDArray[np.int8]) -> NDArray[np.float32]:
        return np.asarray(residual / np.float32(self.residual_std), np.float32)

    def playable(self, weights: ModelWeights) -> ModelWeights:
        """Weights for luma in levels. The first kernel takes the input's factor, the last layer the residual's; the
        mean stays a subtraction, for the zero padding comes after it.
        """
        return _rescaled(weights, 1 / self.input_std, self.residual_std)

    def normalised(self, weights: ModelWeights) -> ModelWeights:
        """The inverse of `playable`."""
        return _rescaled(weights, self.input_std, 1 / self.residual_std)


def _rescaled(weights: ModelWeights, first: float, last: float) -> ModelWeights:
    kernels, biases = list(weights.kernels), list(weights.biases)
    kernels[0] = kernels[0] * np.float32(first)
    kernels[-1] = kernels[-1] * np.float32(last)
    biases[-1] = biases[-1] * np.float32(last)
    return replace(weights, kernels=tuple(kernels), biases=tuple(biases))


class _State:
    """Everything that a fit changes, in one `.npz` of the trainer's own making (no objects in it)."""

    def __init__(self, variables: list[Any], path: Path | None) -> None:
        self._variables = variables
        self._path = path

    def restore(self) -> tuple[int, float | None]:
        """Steps done before and their peak learning rate; 0 and None for a fresh start."""
        if self._path is None or not self._path.exists():
            return 0, None
        with np.load(self._path, allow_pickle=False) as saved:
            for index, variable in enumerate(self._variables):
                variable.assign(saved[f"v{index}"])
            return int(saved["step"]), float(saved["peak_learning_rate"])

    def save(self, step: int, peak_learning_rate: float) -> None:
        if self._path is None:
            return
        arrays = {f"v{index}": ops.convert_to_numpy(v) for index, v in enumerate(self._variables)}
        buffer = io.BytesIO()
        np.savez(buffer, step=np.int64(step), peak_learning_rate=np.float64(peak_learning_rate), **arrays)
        publish_file(self._path, buffer.getvalue())

    def remove(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _cropped_mse(target: Any, output: Any) -> Any:
    return ops.mean(ops.square(_inner(target) - _inner(output)))


def _inner(patches: Any) -> Any:
    return patches[:, _LOSS_CROP:-_LOSS_CROP, _LOSS_CROP:-_LOSS_CROP]


def _gain_db(plain_error: float, error: float) -> float:
    return 10 * math.log10(max(plain_error, 1e-12) / max(error, 1e-12))
