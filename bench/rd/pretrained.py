"""Measures pretrained networks, FSRCNN and ESPCN by OpenCV, as rivals on a sample of the frames.

They take hundreds of milliseconds a frame, so they upscale one frame in `slow_every`, and Lanczos resizes all others.
The score of a rung is that of Lanczos over all frames plus the network's gain over Lanczos on the sampled ones: a
paired difference, in which the differences between frames cancel. libvmaf sees every frame, so that its motion is the
source's, but only sampled frames are scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from bench.cache import ROOT, code_digest, digest_of
from bench.judging import JUDGING_CODE, METRICS, decoded_frames, enlargement, frame_scores, quality_json
from bench.programs import BenchError
from bench.rd.context import Context
from bench.rd.plain import fetched, qualities, quality_key
from bench.rd.points import Point, point_of
from bench.rd.rungs import Rung
from manifests.networks import Size
from media.frames import Frame
from media.source.reference import reference_frames
from player.superres.engines.opencv_dnn import PretrainedGraph
from report.measure import frame_count

FOLDER = ROOT.parent / "shared" / "pretrained"
GRAPHS = {"fsrcnn": "FSRCNN", "espcn": "ESPCN"}
PRETRAINED_CODE = (*JUDGING_CODE, "bench/rd/pretrained.py", "player/superres/engines/opencv_dnn.py")


def graph_for(name: str, rung: Size, size: Size, folder: Path = FOLDER) -> Path | None:
    """Returns the graph that takes a rung of this size exactly to `size`; None if there is none."""
    # Graphs exist for whole factors only.
    scale, rest = divmod(size[0], rung[0])
    path = folder / f"{GRAPHS[name]}_x{scale}.pb"
    return path if not rest and (rung[1] * scale == size[1]) and path.is_file() else None


def pretrained_points(context: Context, name: str, rungs: Iterable[Rung]) -> list[Point]:
    """Returns a point for each rung that a graph fits. Raises BenchError if none fits."""
    fitting = {rung.id: path for rung in rungs if (path := graph_for(name, rung.size, context.size))}
    taken = [rung for rung in rungs if rung.id in fitting]
    if not taken:
        raise BenchError(f"no graph {GRAPHS[name]}_x*.pb takes a rung exactly to the source's size")
    sent = fetched(context, taken)
    points = []
    for rung in taken:
        quality = _quality(context, name, rung, fitting[rung.id])
        notes = {"frames_sampled": quality.pop("frames_sampled")}
        points.append(point_of(name, fitting[rung.id].stem, rung, sent[rung.id], quality, notes))
        context.talk.point(points[-1])
    return points


def _quality(context: Context, name: str, rung: Rung, graph: Path) -> dict[str, Any]:
    settings = context.clip.settings
    lanczos = qualities(context, rung, ["lanczos"])["lanczos"]

    def sampled() -> dict[str, Any]:
        with context.talk.frames(f"score {rung.id} {graph.stem}", frame_count(rung.representation)) as on_frame:
            references = reference_frames(context.clip.source, rung.treatment, *context.size)
            upscale = PretrainedGraph(graph).upscale
            return paired(references, decoded_frames(rung.media), upscale, context.size, settings.slow_every, on_frame)

    key = quality_key(context, rung, settings.slow_every, digest_of(graph), code_digest(PRETRAINED_CODE))
    pair = context.cache.result(f"{rung.id}-{name}", key, sampled)
    # Lanczos over all frames, plus the gain on the sampled ones.
    gains = {metric: _gain(pair, metric) for metric in METRICS}
    return {
        "frames": lanczos["frames"],
        "frames_sampled": pair["rival"]["frames"],
        **{metric: None if gain is None else lanczos[metric] + gain for metric, gain in gains.items()},
    }


def _gain(pair: dict[str, Any], metric: str) -> float | None:
    rival, lanczos = pair["rival"][metric], pair["lanczos"][metric]
    return None if rival is None or lanczos is None else float(rival - lanczos)


def paired(
    references: Iterator[Frame],
    decoded: Iterator[Frame],
    upscale: Callable[[Any], Any],
    size: Size,
    every: int,
    on_frame: Callable[[], None],
) -> dict[str, Any]:
    """Returns the quality of `rival` and of `lanczos` on one frame in `every`. The rival's chroma is that of Lanczos.

    Raises BenchError if source and rung differ in length.
    """
    lanczos, numbers = enlargement("lanczos", size), count()

    def rival(frame: Frame) -> Frame:
        plain = lanczos(frame)
        # Frames between the samples show libvmaf the motion; they do not count.
        return plain if next(numbers) % every else Frame(upscale([frame.y]), plain.u, plain.v, plain.pts_s)

    ways = {"lanczos": lanczos, "rival": rival}
    scores = frame_scores(references, decoded, ways, size, vmaf_every=every, on_frame=on_frame)
    return {name: quality_json(of_way[::every]) for name, of_way in scores.items()}
