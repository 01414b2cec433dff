"""Writes a bundle of files of chosen sizes for measuring servers, which never look into files."""

from __future__ import annotations

import hashlib
import random
from fractions import Fraction
from pathlib import Path

from manifests.model import (
    AdaptationSet,
    ModelFile,
    ModelTrack,
    Presentation,
    Segment,
    SegmentSeries,
    VideoFormat,
    VideoRepresentation,
)
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST

SEGMENTS = {"segment_50kB": 50_000, "segment_250kB": 250_000, "segment_1MB": 1_000_000}
ITEMS = ("model_10kB", "manifest_20kB", *SEGMENTS)
COUNT = 8
"""Number of segments of each size."""
_MODEL_BYTES = 10_000
_MANIFEST_BYTES = 20_000
_TICKS = 48_000


def write_bundle(root: Path, *, seed: int = 1, segments: int = COUNT) -> dict[str, str]:
    """Writes a bundle into `root`, and returns the href of one file for each of ITEMS."""
    source = random.Random(seed)
    model = source.randbytes(_MODEL_BYTES)
    digest = hashlib.sha256(model).hexdigest()
    model_href = f"models/{digest[:16]}.ndm"
    files = {model_href: model}
    representations = []
    # Servers do not look into files, so random bytes will do.
    for index, (name, size_bytes) in enumerate(SEGMENTS.items()):
        files[f"video/{name}/init.mp4"] = source.randbytes(800)
        for number in range(1, segments + 1):
            files[f"video/{name}/{number:05d}.m4s"] = source.randbytes(size_bytes)
        track = ModelTrack(
            f"{name}-c8d2",
            "c8d2",
            2,
            1300,
            1,
            2000,
            "ndm/1",
            (ModelFile(1, model_href, len(model), digest),),
            (1,) * segments,
        )
        # One rung with a model is enough.
        representations.append(_representation(name, index, size_bytes, segments, (track,) if index == 0 else ()))
    sets = (AdaptationSet("1", "video", "video/mp4", tuple(representations)),)
    manifest = write_mpd(Presentation(Fraction(2 * segments), sets, title="Measured"))
    # Random digits bring the manifest to its size, because packing would shrink a regular filling to nothing.
    missing = _MANIFEST_BYTES - len(manifest) - len("<!---->\n")
    files[MANIFEST] = manifest + b"<!--%s-->\n" % source.randbytes(missing // 2).hex().encode()
    for href, data in files.items():
        (root / href).parent.mkdir(parents=True, exist_ok=True)
        (root / href).write_bytes(data)
    hrefs = {name: f"video/{name}/00001.m4s" for name in SEGMENTS}
    return {"model_10kB": model_href, "manifest_20kB": MANIFEST, **hrefs}


def _representation(
    name: str, index: int, size_bytes: int, segments: int, tracks: tuple[ModelTrack, ...]
) -> VideoRepresentation:
    series = SegmentSeries(_TICKS // 2, f"video/{name}/init.mp4", f"video/{name}/$Number%05d$.m4s")
    return VideoRepresentation(
        name,
        "avc1.64001E",
        size_bytes * 4,
        tuple(Segment(n + 1, n * _TICKS, _TICKS, series) for n in range(segments)),
        VideoFormat(320 * 2**index, 180 * 2**index, Fraction(24)),
        tracks,
    )
