"""The weights that a segment asks for, from the files of a bundle on disk."""

from __future__ import annotations

import hashlib

from manifests.bundle import Bundle
from manifests.errors import MalformedModelError, WrongHashError
from manifests.model import ModelFile, ModelTrack
from manifests.weights import ModelWeights, decode_model


def load_model(bundle: Bundle, track: ModelTrack, n: int) -> ModelWeights:
    """Returns model `n` of the track, its base chain applied.

    Raises BundleError for a file that is missing, has another hash than the manifest states, or is not a model.
    """
    weights: ModelWeights | None = None
    for file in track.chain(n):
        weights = decode_model(_checked_bytes(bundle, file), weights)
    if weights is None:
        raise MalformedModelError(f"{track.id} has no model {n}")
    return weights


def _checked_bytes(bundle: Bundle, file: ModelFile) -> bytes:
    data = bundle.read(file.href)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise WrongHashError(f"{file.href} is not what the manifest promises: its hash differs")
    return data
