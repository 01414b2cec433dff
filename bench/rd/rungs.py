"""The plain rungs of a clip, made by `neudash package`, and views of them: bundles that list only some."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path

from bench.cache import code_digest, digest_of
from bench.machine import ffmpeg_version
from bench.programs import neudash
from bench.rd.settings import SEGMENT_S, Settings, heights
from manifests.bundle import Bundle, open_bundle, publish_manifest
from manifests.model import Presentation, VideoRepresentation
from manifests.networks import Size
from manifests.provenance import Provenance, publish_provenance, read_provenance
from media.source.probe import probe
from media.source.treatment import SourceTreatment
from packager.encoders import DEFAULT_CODEC

PACKAGE_CODE = ("packager/encode.py", "packager/ladder.py", "packager/treatment.py", "media/source/treatment.py")
"""What decides the bytes of a segment. (Both segmenters cut alike.)"""


@dataclass(frozen=True)
class Clip:
    """The part of a video that is measured."""

    source: Path
    settings: Settings
    work: Path
    """Folder for its bundles and views."""
    key: str
    """Of the source's bytes and the part that is taken."""

    @property
    def name(self) -> str:
        return self.source.stem


@dataclass(frozen=True)
class Rung:
    """One representation of one bundle, under a name that tells it from all others of the clip."""

    id: str
    """Such as `v360-crf27`."""
    codec: str
    rate: str
    """As asked for: `crf27`, `800k`."""
    bundle: Bundle
    representation: VideoRepresentation

    @property
    def size(self) -> Size:
        """(width, height)."""
        return self.representation.size

    @property
    def duration_s(self) -> float:
        return float(self.representation.duration_s)

    @property
    def media(self) -> list[Path]:
        """The init segment, then the segments."""
        return [self.bundle.path(href) for href in self.representation.hrefs]

    @property
    def models(self) -> list[Path]:
        files = [model for track in self.representation.model_tracks for model in track.models]
        return [self.bundle.path(model.href) for model in files]

    @property
    def treatment(self) -> SourceTreatment:
        """How the source's frames were treated before they were encoded."""
        return SourceTreatment.from_json(read_provenance(self.bundle.root).treatment)


def open_clip(source: Path, settings: Settings, work: Path) -> Clip:
    """The clip and its folder in `work`. Raises OSError."""
    key = digest_of(source, settings.start_s, settings.seconds)
    return Clip(source, settings, work / f"{source.stem}-{key}", key)


def plain_rungs(clip: Clip, codec: str, crfs: Sequence[int]) -> list[Rung]:
    """Every size at every CRF, one bundle a CRF. Raises BenchError, MediaError, BundleError."""
    rows = floor(probe(clip.source).video.display_size[1])
    rungs = []
    for crf in crfs:
        rates = [f"{height}@crf{crf}" for height in heights(rows, clip.settings.divisors)]
        rungs += packaged(clip, codec, f"crf{crf}", rates)
    return rungs


def packaged(clip: Clip, codec: str, name: str, rates: Sequence[str]) -> list[Rung]:
    """The rungs of one bundle, made now if they are not there; `rates` as `--rungs` takes them."""
    settings = clip.settings
    made_by = digest_of(*rates, codec, settings.preset, code_digest(PACKAGE_CODE), ffmpeg_version())
    root = clip.work / "plain" / f"{codec}-{name}-{made_by}" / clip.name
    if not (root / "manifest.mpd").is_file():
        part = ["--start", str(settings.start_s), *(["--duration", str(settings.seconds)] if settings.seconds else [])]
        how = ["--codec", codec, "--preset", settings.preset, "--segment-seconds", str(SEGMENT_S)]
        neudash("package", clip.source, "--out", root, "--rungs", ",".join(rates), *how, *part)
    bundle = open_bundle(root)
    rates_of = read_provenance(root).packaging.rates
    prefix = "" if codec == DEFAULT_CODEC else f"{codec}-"
    return [
        Rung(f"{prefix}v{r.video.height}-{rates_of[r.id]}", codec, rates_of[r.id], bundle, r)
        for r in bundle.presentation.video
    ]


def write_view(root: Path, rungs: Sequence[Rung]) -> Bundle:
    """A bundle in the folder `root` with these rungs alone, without audio, under their ids; an old one is replaced.

    Files are hard links where the file system has them. Raises BundleError, OSError.
    """
    shutil.rmtree(root, ignore_errors=True)
    representations = []
    for rung in rungs:
        renamed = _renamed(rung.representation, rung.id)
        for href, path in zip(renamed.hrefs, rung.media, strict=True):
            _link(path, root / href)
        for path in rung.models:
            _link(path, root / path.relative_to(rung.bundle.root))
        representations.append(renamed)
    first = rungs[0].bundle
    made = read_provenance(first.root).value
    publish_provenance(root, Provenance({name: made[name] for name in ("source", "treatment")}))
    publish_manifest(root, _presentation(first.presentation, representations))
    return open_bundle(root)


def _renamed(r: VideoRepresentation, name: str) -> VideoRepresentation:
    """Returns the representation under another id, with addresses to suit."""
    series = replace(r.series, init_href=f"video/{name}/init.mp4", media=f"video/{name}/$Number%05d$.m4s")
    return replace(r, id=name, segments=tuple(replace(segment, series=series) for segment in r.segments))


def _presentation(first: Presentation, representations: list[VideoRepresentation]) -> Presentation:
    video = next(s for s in first.adaptation_sets if s.content_type == "video")
    return replace(
        first,
        duration_s=max(r.duration_s for r in representations),
        adaptation_sets=(replace(video, representations=tuple(representations)),),
    )


def _link(path: Path, name: Path) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    if name.exists():
        return  # a model that two rungs share
    try:
        os.link(path, name)
    except OSError:
        shutil.copyfile(path, name)
