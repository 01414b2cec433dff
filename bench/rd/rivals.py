"""Measures other uses of the same rungs; each is joined with the plain line, as ours is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.programs import BenchError
from bench.rd.context import Context
from bench.rd.curves import bd_rate, hull
from bench.rd.enhanced import trained_points
from bench.rd.plain import fetched, qualities
from bench.rd.points import COMPARED, Point, curve, point_of
from bench.rd.pretrained import GRAPHS, pretrained_points
from bench.rd.rungs import Rung
from bench.rd.summary import percents, unions

TRAINED = ("title", "segment")


def rival(
    context: Context, name: str, near: Sequence[Rung], plain: Sequence[Point]
) -> tuple[dict[str, Any], list[Point]]:
    """Returns a rival's delta rates, or the reason why it has none, and its points."""
    if name == "lanczos":
        return lanczos_alone(plain), []
    # A rival that cannot be measured must not end a run of hours.
    try:
        points, more = _measured(context, name, near)
    except BenchError as error:
        context.talk.say(f"{name} is left out: {error}")
        return {**dict.fromkeys(COMPARED), "reason": str(error)}, []
    return {**percents(unions(plain, points)), **more}, points


def _measured(context: Context, name: str, near: Sequence[Rung]) -> tuple[list[Point], dict[str, Any]]:
    if name in TRAINED:
        points, told = trained_points(context, name, near)
        return points, {"training": told}
    ways: dict[str, Callable[[], list[Point]]] = {
        "unsharp": lambda: unsharp_points(context, near),
        **{graph: lambda graph=graph: pretrained_points(context, graph, near) for graph in GRAPHS},  # type: ignore[misc]
    }
    return ways[name](), {}


def lanczos_alone(plain: Sequence[Point]) -> dict[str, Any]:
    """Returns the delta rates of the plain line without bicubic, against the better of both resizings."""
    kept = [point for point in plain if point.way != "bicubic"]
    return percents({m: bd_rate(hull(curve(plain, m)), hull(curve(kept, m))) for m in COMPARED})


def unsharp_points(context: Context, near: Sequence[Rung]) -> list[Point]:
    """Returns the points of Lanczos with an unsharp mask, which costs no byte, raises VMAF and lowers PSNR."""
    sent = fetched(context, near)
    points = []
    for rung in near:
        quality = qualities(context, rung, ["unsharp"])["unsharp"]
        points.append(point_of("unsharp", "unsharp", rung, sent[rung.id], quality))
        context.talk.point(points[-1])
    return points
