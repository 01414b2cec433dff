"""A tiny bundle with a quality table."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import SideFile
from manifests.names import quality_href
from manifests.quality_table import QualityTable, RungQuality, SegmentQuality, encode_quality


@pytest.fixture
def measured_bundle(packaged_bundle: Path, tmp_path: Path) -> Path:
    """Rungs of quality 70, 85, ... by bandwidth."""
    root = Path(shutil.copytree(packaged_bundle, tmp_path / "measured"))
    p = open_bundle(root).presentation
    [video] = [s for s in p.adaptation_sets if s.content_type == "video"]
    table = QualityTable(
        {
            r.id: RungQuality(
                tuple(SegmentQuality((root / s.href).stat().st_size, None, 70.0 + 15 * index) for s in r.segments)
            )
            for index, r in enumerate(p.video)
        }
    )
    data = encode_quality(table)
    publish_file(root / quality_href(data), data)
    told = SideFile(quality_href(data), len(data), hashlib.sha256(data).hexdigest())
    sets = tuple(replace(s, quality=told) if s is video else s for s in p.adaptation_sets)
    publish_manifest(root, replace(p, adaptation_sets=sets))
    return root
