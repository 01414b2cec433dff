"""The quality table, from the report's measurements into the manifest; players choose by it during playback."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import AdaptationSet, SideFile, VideoRepresentation
from manifests.names import quality_href
from manifests.quality_table import QualityTable, RungQuality, SegmentQuality, encode_quality, models_digest
from player.superres.model_choice import model_for_segment
from report.results import RungResult, Scores, SegmentResult


def publish_quality(root: Path, results: Sequence[RungResult]) -> None:
    """Puts the table of every video set whose rungs were all measured into the bundle at `root`.

    The manifest is published again only if it changes. Raises BundleError, OSError.
    """
    p = open_bundle(root).presentation
    known = {result.id: result for result in results}
    sets = tuple(_described(root, s, known) if s.content_type == "video" else s for s in p.adaptation_sets)
    if sets != p.adaptation_sets:
        publish_manifest(root, replace(p, adaptation_sets=sets))
    listed = open_bundle(root).files()
    for path in (root / "quality").glob("*.ndq"):
        if f"quality/{path.name}" not in listed:
            path.unlink()


def _described(root: Path, s: AdaptationSet, known: dict[str, RungResult]) -> AdaptationSet:
    """Returns the set with its table, whose file is written; unchanged if a rung of it was not measured."""
    rungs = [r for r in s.representations if isinstance(r, VideoRepresentation)]
    if not rungs or any(r.id not in known for r in rungs):
        return s
    table = QualityTable({r.id: _rung(r, known[r.id]) for r in rungs})
    data = encode_quality(table)
    publish_file(root / quality_href(data), data)
    return replace(s, quality=SideFile(quality_href(data), len(data), hashlib.sha256(data).hexdigest()))


def _rung(r: VideoRepresentation, result: RungResult) -> RungQuality:
    digest = models_digest([model_for_segment(r, index).files for index in range(len(r.segments))])
    return RungQuality(tuple(_segment(segment) for segment in result.segments), digest)


def _segment(segment: SegmentResult) -> SegmentQuality:
    enhanced = segment.enhanced or Scores(0.0, None, None, None)
    plain = segment.plain
    return SegmentQuality(segment.size_bytes, plain.vmaf, plain.vmaf_neg, enhanced.vmaf, enhanced.vmaf_neg)
