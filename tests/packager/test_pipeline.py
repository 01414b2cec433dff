"""The way from a video to a bundle, on generated media."""

from __future__ import annotations

from pathlib import Path

from manifests.bundle import open_bundle


def test_a_bundle_opens_and_lists_every_file_it_has(packaged_bundle: Path) -> None:
    bundle = open_bundle(packaged_bundle)
    listed = set(bundle.files())
    there = {p.relative_to(packaged_bundle).as_posix() for p in packaged_bundle.rglob("*") if p.is_file()}
    assert listed == there
    assert {r.id for r in bundle.presentation.video} == {"v90", "v180"}
