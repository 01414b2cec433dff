"""A bundle whose pixels tell which segment they are of and which model enhanced them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import ModelFile, ModelTrack, Presentation
from manifests.names import model_href
from manifests.networks import NetworkSpec
from manifests.weights import CodedLayer, CodedModel, encode_model
from packager.cli import main as package_main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.media import MakeVideo

STEP_LEVELS, FIRST_LEVEL, BIAS_LEVELS = 23, 40, 3
PIECES, PIECE_S, FRAMES_PER_SECOND = 7, 1, 50


@dataclass(frozen=True)
class Striped:
    """The folder to serve, in which the bundle is `film`, and what is right about it."""

    root: Path
    model_hrefs: tuple[str, ...]
    levels: frozenset[int]
    """Grey levels, each made by one segment with its own model."""


def striped_bundle(root: Path, make_video: MakeVideo) -> Striped:
    """Each segment has a grey of its own, and a model of its own that adds a number of its own."""
    level = f"{FIRST_LEVEL}+{STEP_LEVELS}*floor(T/{PIECE_S})"
    pattern = f"color=black:s=128x72:r={FRAMES_PER_SECOND}:d={PIECES * PIECE_S},geq=lum='{level}':cb=128:cr=128"
    source = ("-f", "lavfi", "-i", pattern)
    video = make_video(root / "grey.mp4", *source, "-c:v", "libx264", "-qp", "1", "-pix_fmt", "yuv420p")
    bundle = root / "served" / "film"
    options = ["--rungs", "36@crf4,72@crf4", "--segment-seconds", str(PIECE_S), "--preset", "ultrafast", "--quiet"]
    assert package_main([str(video), "-o", str(bundle), *options]) == 0
    models = [_constant_model(BIAS_LEVELS * (index + 1)) for index in range(PIECES)]
    for model in models:
        publish_file(bundle / model_href(model), model)
    publish_manifest(bundle, _with_models(open_bundle(bundle).presentation, models))
    levels = frozenset(FIRST_LEVEL + STEP_LEVELS * index + BIAS_LEVELS * (index + 1) for index in range(PIECES))
    return Striped(bundle.parent, tuple(map(model_href, models)), levels)


def _constant_model(levels: float) -> bytes:
    """A network that adds the same to every pixel, whatever it sees."""
    spec = NetworkSpec(2, 4, 0)
    layers = []
    for index, (inputs, outputs) in enumerate(spec.layers):
        none = np.zeros(outputs, np.float16)
        bias = np.full(outputs, levels if index else 0, np.float16)
        layers.append(CodedLayer(0, np.zeros((3, 3, inputs, outputs), np.int8), none, bias))
    return encode_model(CodedModel(spec, 0, tuple(layers)))


def _with_models(p: Presentation, models: list[bytes]) -> Presentation:
    files = tuple(
        ModelFile(n, model_href(model), len(model), sha256(model).hexdigest()) for n, model in enumerate(models, 1)
    )
    track = ModelTrack("lowest", "c4d0", 2, 180, 1, 1000, "ndm/1", files, tuple(range(1, PIECES + 1)))
    lowest = p.video[0]

    def changed(r: Any) -> Any:
        return replace(r, model_tracks=(track,)) if r.id == lowest.id else r

    sets = (replace(s, representations=tuple(map(changed, s.representations))) for s in p.adaptation_sets)
    return replace(p, adaptation_sets=tuple(sets))
