"""Makes a bundle of measured segments, with a model and an update to it, that tests may break."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from manifests.bundle import publish_manifest
from manifests.files import publish_file
from manifests.model import (
    AudioFormat,
    AudioRepresentation,
    ModelFile,
    Presentation,
    Representation,
    VideoFormat,
    VideoRepresentation,
)
from manifests.mp4.fragments import read_fragment, read_init
from manifests.names import model_href
from tests.support.presentations import measured_segments, series_of


def representation(media: Path, rep_id: str, kind: str, root: Path) -> Representation:
    """Put the segments in `media` into the bundle at `root` and measure them."""
    files = sorted(media.glob("*.m4s"))
    for file in (media / "init.mp4", *files):
        publish_file(root / kind / rep_id / file.name, file.read_bytes())
    init = read_init((media / "init.mp4").read_bytes())
    measured = [read_fragment(file.read_bytes(), init) for file in files]
    rate = Fraction(measured[0].sample_count * init.timescale, measured[0].duration_ticks)
    times = [(m.start_ticks, m.duration_ticks) for m in measured]
    segments = measured_segments(series_of(rep_id, init.timescale, kind), times)
    bandwidth_bps = 100_000 + init.width
    if kind == "audio":
        audio = AudioFormat(init.sample_rate_hz, init.channels)
        return AudioRepresentation(rep_id, init.codecs, bandwidth_bps, segments, audio)
    video = VideoFormat(init.width, init.height, rate, dynamic_range=init.dynamic_range or "sdr")
    return VideoRepresentation(rep_id, init.codecs, bandwidth_bps, segments, video)


def model_file(n: int, data: bytes, base: int | None = None) -> ModelFile:
    return ModelFile(n, model_href(data), len(data), hashlib.sha256(data).hexdigest(), base, 0.5)


@dataclass(frozen=True)
class TinyBundle:
    """A bundle with two rungs, sound, one full model and one update to it."""

    root: Path
    presentation: Presentation

    def republish(self, change: Callable[[Representation], Representation]) -> None:
        """Publish again with the lowest rung changed."""
        publish_manifest(self.root, self.changed(change))

    def changed(self, change: Callable[[Representation], Representation]) -> Presentation:
        video, *others = self.presentation.adaptation_sets
        low, *rest = video.representations
        video = replace(video, representations=(change(low), *rest))
        return replace(self.presentation, adaptation_sets=(video, *others))
