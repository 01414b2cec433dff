"""The catalogue: bundles found below a folder, and files that are not looked at again."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from manifests.names import MANIFEST
from server.catalogue import Catalogue, Index, build_index, find_bundles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def names(root: Path) -> list[str]:
    return [name for name, _ in find_bundles(root)]


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_bundles_are_found_by_their_manifest(tmp_path: Path) -> None:
    for folder in ("b", "a/deep/er", "a/deep", ".hidden/x", "b/video/odd", "c"):
        touch(tmp_path / folder / MANIFEST)
    (tmp_path / "c" / MANIFEST).rename(tmp_path / "c" / "other.mpd")
    assert sorted(names(tmp_path)) == ["a/deep", "b"]


def test_the_root_may_be_a_bundle_itself(tmp_path: Path) -> None:
    touch(tmp_path / "film" / MANIFEST)
    assert names(tmp_path / "film") == ["film"]


def test_a_very_deep_tree_is_not_searched_to_its_bottom(tmp_path: Path) -> None:
    touch(tmp_path.joinpath(*"abcdefghijkl", MANIFEST))
    assert names(tmp_path) == []


def test_an_unchanged_bundle_is_not_opened_again(tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    make_bundle(tmp_path / "b")
    make_bundle(tmp_path / "c")
    first = build_index(tmp_path, Index())
    os.utime(tmp_path / "c" / MANIFEST, ns=(1, 1))
    second = build_index(tmp_path, first)
    assert second.bundles["b"] is first.bundles["b"]
    assert second.bundles["c"] is not first.bundles["c"]


def test_a_missing_model_leaves_the_bundle_served(tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    bundle = make_bundle(tmp_path / "b")
    next((bundle / "models").iterdir()).unlink()
    index = build_index(tmp_path, Index())
    assert index.broken == {}
    assert [file.kind for file in index.bundles["b"].files if file.size_bytes is None] == ["model"]


def test_names_that_need_escapes_in_a_url(tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    make_bundle(tmp_path / "Große Fahrt #1 100%")
    index = Catalogue(tmp_path).look()
    bundle = index.bundles["Große Fahrt #1 100%"]
    assert bundle.manifest_url == "/bundles/Gro%C3%9Fe%20Fahrt%20%231%20100%25/manifest.mpd"
    assert "/bundles/Große Fahrt #1 100%/manifest.mpd" in index.files


def test_a_folder_without_bundles_is_an_empty_index(tmp_path: Path) -> None:
    assert build_index(tmp_path, Index()) == Index()
    assert build_index(tmp_path / "none", Index()) == Index()


@pytest.mark.parametrize(("rescan_s", "seen"), [(0.0, ["b", "c"]), (1000.0, ["b"])])
def test_the_disk_is_looked_at_no_more_often_than_asked(
    tmp_path: Path, make_bundle: Callable[..., Path], rescan_s: float, seen: list[str]
) -> None:
    catalogue = Catalogue(tmp_path, rescan_s)
    make_bundle(tmp_path / "b")
    assert list(asyncio.run(catalogue.current()).bundles) == ["b"]
    make_bundle(tmp_path / "c")
    assert sorted(asyncio.run(catalogue.current()).bundles) == seen
