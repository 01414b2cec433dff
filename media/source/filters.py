"""ffmpeg's filters inside this process, for frames that carry more than samples: fields, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.filter import Graph
from av.video.frame import VideoFrame


def open_graph(width: int, height: int, pixel_format: str, *filters: tuple[str, str]) -> Graph:
    """A chain of filters, each a name and its options, for frames of that shape. Time is counted in ticks."""
    graph = Graph()
    nodes = [
        graph.add("buffer", f"video_size={width}x{height}:pix_fmt={pixel_format}:time_base=1/1:frame_rate=1/1"),
        *(graph.add(name, options) for name, options in filters),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes)
    graph.configure()
    return graph


def filtered(graph: Graph, frames: Iterable[tuple[int, VideoFrame]]) -> Iterator[VideoFrame]:
    """Yield the frames that the chain makes of frames at ascending ticks; their times are in ticks."""
    for tick, frame in frames:
        frame.pts, frame.time_base = tick, Fraction(1)
        graph.push(frame)
        yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, VideoFrame), "the graph is of pictures"
        yield frame
