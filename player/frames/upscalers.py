"""Upscalers, made before the frames that need them; the first one opens the engine."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Protocol

from manifests.errors import BundleError
from manifests.networks import Size
from manifests.weights import ModelWeights
from player.errors import UnplayableError
from player.superres.engines import (
    Engine,
    EngineUnavailableError,
    UnsupportedModelFileError,
    Upscaler,
    open_engine,
    open_pretrained,
)
from player.superres.model_choice import ENHANCEMENT_OFF, Unavailable

KEPT_UPSCALERS = 2
"""Number kept beside those that segments under way hold: going back to a shared model after an update costs nothing."""


class LazyEngine:
    """An engine that is opened by its first use: frameworks take seconds to import, and many sessions need none."""

    def __init__(self, name: str, backend: str | None) -> None:
        self.name = name
        self._backend = backend
        self._engine: Engine | None = None
        self._lock = Lock()

    def upscaler(self, weights: ModelWeights, width: int, height: int) -> Upscaler:
        """Raises EngineUnavailableError."""
        with self._lock:
            if self._engine is None:
                self._engine = open_engine(self.name, self._backend)
                self.name = self._engine.name
        return self._engine.upscaler(weights, width, height)


class Enhancer(Protocol):
    """Supplier of a session's upscalers. Called by one thread at a time."""

    def prepare(self, weights: ModelWeights | None, width: int, height: int) -> Upscaler | Unavailable:
        """Returns an upscaler for frames of that size, or why there is none.

        `weights` are those of the segment's own model, None if it has none. Raises UnplayableError if playing on would
        hide that a model or engine which was named is missing.
        """
        ...


class ModelEnhancer:
    """The models that the manifest names."""

    def __init__(self, engine: str = "auto", backend: str | None = None) -> None:
        self._named = engine != "auto" or backend is not None
        self._engine = LazyEngine(engine, backend)
        self._kept: OrderedDict[tuple[int, int, int], tuple[ModelWeights, Upscaler]] = OrderedDict()

    def prepare(self, weights: ModelWeights | None, width: int, height: int) -> Upscaler | Unavailable:
        if weights is None:
            return Unavailable("no model")
        key = (id(weights), width, height)
        if key not in self._kept:
            try:
                self._kept[key] = (weights, self._engine.upscaler(weights, width, height))
            except EngineUnavailableError as error:
                if self._named:
                    raise UnplayableError(str(error)) from error
                return Unavailable(str(error))
            except Exception as error:  # frameworks raise what they like, and it costs this enhancement alone
                return Unavailable(f"the engine {self._engine.name} failed: {first_line(error)}")
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_UPSCALERS:
            self._kept.popitem(last=False)
        return self._kept[key][1]


class FileEnhancer:
    """One model file of the user's own for every segment, in place of the manifest's models."""

    def __init__(self, path: Path, engine: str = "auto", backend: str | None = None) -> None:
        self._path = path
        self._engine = LazyEngine(engine, backend)
        self._made: dict[Size, Upscaler] = {}

    def prepare(self, weights: ModelWeights | None, width: int, height: int) -> Upscaler:
        if Size(width, height) not in self._made:
            try:
                self._made[Size(width, height)] = open_pretrained(self._path, self._engine, width, height)
            except OSError as error:
                raise UnplayableError(f"--model {self._path}: {error.strerror}") from error
            except (BundleError, EngineUnavailableError, UnsupportedModelFileError) as error:
                raise UnplayableError(f"--model {self._path}: {error}") from error
        return self._made[Size(width, height)]


class NoEnhancer:
    """`--no-enhance`."""

    def prepare(self, weights: ModelWeights | None, width: int, height: int) -> Unavailable:
        return Unavailable(ENHANCEMENT_OFF)


def first_line(error: Exception) -> str:
    """Returns the first line of another library's error message, short enough for a report."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
