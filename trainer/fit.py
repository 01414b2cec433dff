"""Overfit one network to patches: the recipe of DESIGN section 6, in Keras 3 on any backend.

A fit is a function of its patches, its settings and its seed. It saves its state between epochs, and a fit that was
killed goes on from there to the same weights.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from manifests.bundle import publish_file
from manifests.weights import ModelWeights, NetworkSpec
from player.superres.network import residual_network
from trainer.pairs import PatchSource

BATCH = 16
_STEPS_PER_EPOCH = 50
_LEAK = 0.2
_LEAK_UNTIL = 0.7
_LOSS_CROP = 2
"""Pixels at a patch's border, where the zero padding is not what the frame has there, that the loss leaves out."""

OnProgress = Callable[[int, float], None]
"""Called with (steps done, gain in dB on the patches of the last epoch)."""


@dataclass(frozen=True)
class FitSettings:
    """What a fit depends on beside its patches."""

    steps: int
    seed: int
    peak_learning_rate: float

    @classmethod
    def for_network(cls, spec: NetworkSpec, steps: int, seed: int) -> FitSettings:
        """Peak learning rates that were found by measurement: wider networks want a lower one."""
        return cls(steps, seed, 1.5e-2 if spec.width <= 16 else 1e-2 if spec.width <= 32 else 5e-3)


def prepare_backend(seed: int) -> None:
    """Make the same seed give the same weights again on this machine. Called once, before the first fit."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        if tensorflow.config.list_physical_devices("GPU"):
            # Turns XLA off. On a CPU, XLA repeats itself without it.
            tensorflow.config.experimental.enable_op_determinism()


def fit(
    spec: NetworkSpec,
    patches: PatchSource,
    settings: FitSettings,
    *,
    start: ModelWeights | None = None,
    checkpoint: Path | None = None,
    on_progress: OnProgress = lambda steps, gain_db: None,
) -> ModelWeights:
    """Weights that turn the pairs' luma into their residual, in full precision.

    `start` continues from other weights, keeping their input mean, without the leaky phase. `checkpoint` names a file
    that holds the state between epochs; it is removed at the end.
    """
    keras.utils.set_random_seed(settings.seed)
    scaling = _Scaling.of(patches, start)
    slope = keras.Variable(0.0 if start else _LEAK, trainable=False, dtype="float32", name="slope")
    model = residual_network(spec, slope)
    if start is not None:
        scaling.load(model, start)
    model.compile(optimizer=_optimiser(settings), loss=_cropped_mse, jit_compile=True)
    model.optimizer.build(model.trainable_variables)
    state = _State(model, checkpoint)
    first_epoch = state.restore()
    epochs = math.ceil(settings.steps / _STEPS_PER_EPOCH)
    for epoch in range(first_epoch, epochs):
        steps = min(_STEPS_PER_EPOCH, settings.steps - epoch * _STEPS_PER_EPOCH)
        if start is None:
            done = epoch * _STEPS_PER_EPOCH / settings.steps
            slope.assign(_LEAK * max(0.0, 1 - done / _LEAK_UNTIL))
        epoch_patches = _EpochPatches(patches, scaling, settings.seed, epoch, steps)
        history = model.fit(epoch_patches, epochs=1, shuffle=False, verbose=0)
        state.save(epoch + 1)
        on_progress(epoch * _STEPS_PER_EPOCH + steps, _gain_db(epoch_patches.plain_mse, history.history["loss"][0]))
    state.remove()
    return scaling.unload(model, spec)


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
        return np.asarray((luma[..., None].astype(np.float32) - self.input_mean) / self.input_std, np.float32)

    def targets(self, residual: NDArray[np.int8]) -> NDArray[np.float32]:
        return np.asarray(residual / np.float32(self.residual_std), np.float32)

    def unload(self, model: Any, spec: NetworkSpec) -> ModelWeights:
        """The weights for luma in levels. The first kernel takes the input's factor, the last layer the residual's;
        the mean stays a subtraction, for the zero padding comes after it.
        """
        pairs = [model.get_layer(f"conv{index}").get_weights() for index in range(len(spec.layers))]
        kernels, biases = [k.copy() for k, _ in pairs], [b.copy() for _, b in pairs]
        kernels[0] /= self.input_std
        kernels[-1] *= self.residual_std
        biases[-1] *= self.residual_std
        return ModelWeights(spec, self.input_mean, tuple(kernels), tuple(biases))

    def load(self, model: Any, weights: ModelWeights) -> None:
        kernels, biases = [k.copy() for k in weights.kernels], [b.copy() for b in weights.biases]
        kernels[0] *= self.input_std
        kernels[-1] /= self.residual_std
        biases[-1] /= self.residual_std
        for index, pair in enumerate(zip(kernels, biases, strict=True)):
            model.get_layer(f"conv{index}").set_weights(list(pair))


class _EpochPatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The batches of one epoch: drawn from (seed, epoch, step), so a resumed fit sees what an undisturbed one does."""

    def __init__(self, patches: PatchSource, scaling: _Scaling, seed: int, epoch: int, steps: int) -> None:
        super().__init__(workers=1)
        self._patches, self._scaling = patches, scaling
        self._seed, self._epoch, self._steps = seed, epoch, steps
        self._plain: list[float] = []

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        batch = self._patches.draw(BATCH, np.random.default_rng([self._seed, self._epoch, step]))
        targets = self._scaling.targets(batch.residual)
        inner = targets[:, _LOSS_CROP:-_LOSS_CROP, _LOSS_CROP:-_LOSS_CROP]
        self._plain.append(float(np.mean(np.square(inner))))
        return self._scaling.inputs(batch.luma), targets

    @property
    def plain_mse(self) -> float:
        """Loss of a network that adds nothing, over the batches drawn so far."""
        return float(np.mean(self._plain))


class _State:
    """Everything that a fit changes, in one `.npz` of the trainer's own making (no objects in it)."""

    def __init__(self, model: Any, path: Path | None) -> None:
        self._variables = [*model.trainable_variables, *model.optimizer.variables]
        self._path = path

    def restore(self) -> int:
        """Epochs done before, 0 for a fresh start."""
        if self._path is None or not self._path.exists():
            return 0
        with np.load(self._path, allow_pickle=False) as saved:
            for index, variable in enumerate(self._variables):
                variable.assign(saved[f"v{index}"])
            return int(saved["epoch"])

    def save(self, epoch: int) -> None:
        if self._path is None:
            return
        arrays = {f"v{index}": ops.convert_to_numpy(v) for index, v in enumerate(self._variables)}
        buffer = io.BytesIO()
        np.savez(buffer, epoch=np.int64(epoch), **arrays)
        publish_file(self._path, buffer.getvalue())

    def remove(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _optimiser(settings: FitSettings) -> Any:
    warmup_steps = max(1, settings.steps // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=max(1, settings.steps - warmup_steps),
        alpha=0.02,
        warmup_target=settings.peak_learning_rate,
        warmup_steps=warmup_steps,
    )
    return keras.optimizers.Adam(schedule, beta_2=0.99, global_clipnorm=1.0)


def _cropped_mse(target: Any, output: Any) -> Any:
    inner = slice(_LOSS_CROP, -_LOSS_CROP)
    return ops.mean(ops.square(target[:, inner, inner] - output[:, inner, inner]))


def _gain_db(plain_mse: float, mse: float) -> float:
    return 10 * math.log10(max(plain_mse, 1e-12) / max(mse, 1e-12))
