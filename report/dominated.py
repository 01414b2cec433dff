"""Rungs that nobody should fetch: another one shows a better picture for fewer bytes. They can be left out."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from manifests.bundle import open_bundle, publish_manifest
from manifests.model import AdaptationSet
from report.results import RungResult

ASIDE = ".pruned"
"""Folder in the bundle for files on their way out: never listed."""


@dataclass(frozen=True)
class Dominated:
    """A rung, and the one that makes it superfluous."""

    id: str
    by: str


def dominated_rungs(rungs: Sequence[RungResult]) -> list[Dominated]:
    """Returns each rung that another beats, models included: no more bytes, and no lower PSNR-Y or VMAF-NEG as played.

    Of two equal rungs the later one is dominated.
    """
    return [Dominated(rung.id, by.id) for at, rung in enumerate(rungs) if (by := _better(rungs, at)) is not None]


def _better(rungs: Sequence[RungResult], at: int) -> RungResult | None:
    rung = rungs[at]
    for index, other in enumerate(rungs):
        if other.id == rung.id:
            continue
        pairs = list(zip(_worth(other), _worth(rung), strict=True))
        if all(theirs >= ours for theirs, ours in pairs) and (index < at or any(a > b for a, b in pairs)):
            return other
    return None


def _worth(rung: RungResult) -> tuple[float, float, float]:
    played = rung.played_scores
    return -float(rung.video_bytes + rung.model_bytes), played.psnr_y, played.vmaf_neg or 0.0


def leave_out(root: Path, names: Sequence[str]) -> None:
    """Takes rungs and their files out of the bundle at `root`. After BundleError or OSError nothing has changed."""
    bundle = open_bundle(root)
    sets = tuple(_without(s, names) for s in bundle.presentation.adaptation_sets)
    kept = {href for s in sets for r in s.representations for href in r.hrefs}
    removed = {href for href, file in bundle.files().items() if file.representation_id in names and href not in kept}
    # A manifest is published only over exactly its files, so they wait beside it until it is there.
    aside = root / ASIDE
    _moved(root, aside, removed)
    try:
        publish_manifest(root, replace(bundle.presentation, adaptation_sets=sets))
    except BaseException:
        _moved(aside, root, removed)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    listed = set(open_bundle(root).files())
    for path in (root / "models").glob("*"):
        if f"models/{path.name}" not in listed:
            path.unlink()
    for folder in {(root / href).parent for href in removed}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _moved(source: Path, target: Path, hrefs: Iterable[str]) -> None:
    for href in hrefs:
        (target / href).parent.mkdir(parents=True, exist_ok=True)
        (source / href).replace(target / href)


def _without(s: AdaptationSet, names: Sequence[str]) -> AdaptationSet:
    kept = tuple(r for r in s.representations if r.id not in names)
    # The table describes every rung of the set; `publish_quality` writes another.
    return s if len(kept) == len(s.representations) else replace(s, representations=kept, quality=None)
