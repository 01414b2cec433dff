"""Packages the plain rungs of a clip by `neudash package`, and writes views: bundles that list only some of them."""

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

PACKAGE_CODE = (
    *("packager/encode.py", "packager/encoders.py", "packager/ladder/sizes.py", "packager/treatment.py"),
    "media/source/treatment.py",
)
"""Code that decides the bytes of a segment. Both segmenters cut alike."""


@dataclass(frozen=True)
class Clip:
    """Part of a video that is measured."""

    source: Path
    settings: Settings
    work: Path
    """Folder for its bundles and views."""
    key: str
    """Digest of the source's bytes and of the part that is taken."""

    @property
    def name(self) -> str:
        return self.source.stem


@dataclass(frozen=True)
class Rung:
    """One representation of a bundle, with an id that is unique for the clip."""

    id: str
    """Id such as `v360-crf27`."""
    codec: str
    rate: str
    """Rate asked of the encoder: `crf27`, `800k`."""
    bundle: Bundle
    representation: VideoRepresentation

    @property
    def size(self) -> Size:
        """(width, height) in pixels."""
        return self.representation.size

    @property
    def duration_s(self) -> float:
        return float(self.representation.duration_s)

    @property
    def media(self) -> list[Path]:
        """Paths of the init segment and the segments."""
        return [self.bundle.path(href) for href in self.representation.hrefs]

    @property
    def models(self) -> list[Path]:
        files = [model for track in self.representation.model_tracks for model in track.models]
        return [self.bundle.path(model.href) for model in files]

    @property
    def treatment(self) -> SourceTreatment:
        """Treatment of the source's frames before they were encoded."""
        return SourceTreatment.from_json(read_provenance(self.bundle.root).treatment)


def open_clip(source: Path, settings: Settings, work: Path) -> Clip:
    """Returns the clip, with its folder in `work`. Raises OSError."""
    key = digest_of(source, settings.start_s, settings.seconds)
    return Clip(source, settings, work / f"{source.stem}-{key}", key)


def plain_rungs(clip: Clip, codec: str, crfs: Sequence[int]) -> list[Rung]:
    """Packages every size at every CRF, one bundle for each CRF. Raises BenchError, MediaError, BundleError."""
    rows = floor(probe(clip.source).video.display_size[1])
    rungs = []
    for crf in crfs:
        rates = [f"{height}@crf{crf}" for height in heights(rows, clip.settings.divisors)]
        rungs += packaged(clip, codec, f"crf{crf}", rates)
    return rungs


def packaged(clip: Clip, codec: str, name: str, rates: Sequence[str]) -> list[Rung]:
    """Returns the rungs of one bundle, packaged now if it is not there. `rates` are as for `--rungs`."""
    settings = clip.settings
    # Another encoder or other code makes another bundle.
    made_by = digest_of(*rates, codec, settings.preset, settings.tune, code_digest(PACKAGE_CODE), ffmpeg_version())
    root = clip.work / "plain" / f"{codec}-{name}-{made_by}" / clip.name
    if not (root / "manifest.mpd").is_file():
        part = ["--start", str(settings.start_s), *(["--duration", str(settings.seconds)] if settings.seconds else [])]
        how = [
            "--codec",
            codec,
            "--preset",
            settings.preset,
            "--tune",
            settings.tune,
            "--segment-seconds",
            str(SEGMENT_S),
        ]
        neudash("package", clip.source, "--out", root, "--rungs", ",".join(rates), *how, *part)
    bundle = open_bundle(root)
    rates_of = read_provenance(root).packaging.rates
    # Ids of other codecs have a prefix, because all share one folder of results.
    prefix = "" if codec == DEFAULT_CODEC else f"{codec}-"
    return [
        Rung(f"{prefix}v{r.video.height}-{rates_of[r.id]}", codec, rates_of[r.id], bundle, r)
        for r in bundle.presentation.video
    ]


def write_view(root: Path, rungs: Sequence[Rung]) -> Bundle:
    """Writes a bundle of only these rungs, by their ids and without audio, into `root`; an old one is replaced.

    Files are hard links if the file system has them. Raises BundleError, OSError.
    """
    shutil.rmtree(root, ignore_errors=True)
    representations = []
    for rung in rungs:
        # Addresses contain the id of the representation, so the files get new names.
        renamed = _renamed(rung.representation, rung.id)
        for href, path in zip(renamed.hrefs, rung.media, strict=True):
            _link(path, root / href)
        for path in rung.models:
            _link(path, root / path.relative_to(rung.bundle.root))
        representations.append(renamed)
    first = rungs[0].bundle
    # The trainer and the scores need this part of the provenance.
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
