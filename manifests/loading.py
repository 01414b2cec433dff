"""The weights that a segment asks for, from the files of a bundle on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from manifests.bundle import Bundle
from manifests.errors import MalformedModelError, WrongHashError
from manifests.model import ModelFile, ModelTrack
from manifests.weights import ModelWeights, decode_model

BuiltinModel = Callable[[str], bytes]
"""From the name of a built-in model to its file's bytes; raises a BundleError for a name that it does not know."""


def load_model(bundle: Bundle, track: ModelTrack, n: int, builtin: BuiltinModel) -> ModelWeights:
    """Model `n` of the track, by way of its base chain; built-in members from `builtin`.

    Raises BundleError: a file that is missing, has another hash than the manifest says, or holds no such weights.
    """
    weights: ModelWeights | None = None
    for file in track.chain(n):
        weights = decode_model(_checked_bytes(bundle, file, builtin), weights)
    if weights is None:
        raise MalformedModelError(f"{track.id} has no model {n}")
    return weights


def _checked_bytes(bundle: Bundle, file: ModelFile, builtin: BuiltinModel) -> bytes:
    data = bundle.read(file.href) if file.href is not None else builtin(file.builtin or "")
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise WrongHashError(f"{file.label} is not what the manifest promises: its hash differs")
    return data
