"""Trains models for a clip's rungs by `neudash train`, and measures what that takes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.cache import Cache, code_digest, digest_of
from bench.programs import neudash
from bench.rd.curves import hull, rate_at
from bench.rd.points import Point, curve
from bench.rd.rungs import Clip, Rung, write_view
from bench.rd.settings import Settings
from manifests.bundle import open_bundle
from trainer.settings import AUTO

TRAINING_CODE = (
    *("trainer", "player/superres", "manifests/weights.py", "media/source/treatment.py", "media/resize.py"),
)
"""Code on which models depend, besides rungs, source and settings."""
LADDER = "ladder-"
"""Prefix of the kinds of points that belong to the fixed ladder."""


@dataclass(frozen=True)
class Recipe:
    """Network and scope that are asked of the trainer."""

    net: str
    scope: str


@dataclass(frozen=True)
class Trained:
    """Rungs with the models they got, and figures from the trainer's `--json` and the clock."""

    rungs: list[Rung]
    told: dict[str, Any]


def recipe_of(kind: str, settings: Settings) -> Recipe:
    """Returns the recipe for a kind of points: `enhanced`, or a rival that is trained."""
    recipes = {
        "enhanced": Recipe(settings.net, settings.scope),
        "title": Recipe(settings.net, "title"),
        "segment": Recipe(settings.net, "segment"),
    }
    return recipes[kind.removeprefix(LADDER)]


def train_arguments(settings: Settings, recipe: Recipe) -> list[str]:
    """Returns the arguments of `neudash train`, without the bundle and its source."""
    # `neudash train` takes no class if the network is named.
    chosen = ["--class", settings.size_class] if recipe.net == AUTO else []
    steps = [] if settings.steps is None else ["--steps", str(settings.steps)]
    return ["--net", recipe.net, "--scope", recipe.scope, *chosen, *steps]


def worth_training(
    rungs: Sequence[Rung], plain: Sequence[Point], cut_percent: float
) -> tuple[list[Rung], dict[str, float]]:
    """Returns the rungs near the plain hull of PSNR-Y or of VMAF-NEG, and the excess of every other rung.

    The excess is the rate in per cent above the nearer of the two hulls at the same quality.
    """
    lines = {metric: hull(curve(plain, metric)) for metric in ("psnr_y", "vmaf_neg")}
    excess: dict[str, float] = {}
    for point in plain:
        for metric, line in lines.items():
            # A quality beyond the hull's range has no excess, and such a rung is kept.
            needed_bps = rate_at(line, point.quality[metric])
            if needed_bps is not None:
                percent = round(100 * (point.rate_bps / needed_bps - 1), 1)
                excess[point.rung] = min(percent, excess.get(point.rung, percent))
    near = [rung for rung in rungs if excess.get(rung.id, 0.0) <= cut_percent]
    return near, {name: percent for name, percent in excess.items() if percent > cut_percent}


def trained(clip: Clip, rungs: Sequence[Rung], recipe: Recipe, cache: Cache) -> Trained:
    """Trains one bundle of all these rungs. A run that was killed resumes. Raises BenchError."""
    arguments = train_arguments(clip.settings, recipe)
    inputs = [part for rung in rungs for part in (rung.id, *rung.media)]
    key = digest_of(clip.key, *inputs, *arguments, code_digest(TRAINING_CODE))
    root = clip.work / "trained" / key / clip.name
    told = cache.known("training", key)
    # Figures are known only if the training ended; a folder without them is resumed.
    if told is None or not root.exists():
        if not root.exists():
            write_view(root, rungs)
        told = _train(clip.source, root, arguments)
        cache.keep("training", key, told)
    bundle = open_bundle(root)
    found = {r.id: r for r in bundle.presentation.video}
    return Trained([replace(rung, bundle=bundle, representation=found[rung.id]) for rung in rungs], told)


def _train(source: Path, root: Path, arguments: list[str]) -> dict[str, Any]:
    summary = root.parent / "train.json"
    before = os.times()
    started_s = time.monotonic()
    neudash("train", root, "--source", source, *arguments, "--json", summary)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "wall_s": round(time.monotonic() - started_s, 1),
        "cpu_s": round(cpu_s, 1),
        "rungs": json.loads(summary.read_bytes()),
    }
