"""Reports on stderr how far a long measurement is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.rd.points import Point
from console.progress import progress


class BenchProgress:
    """Prints a line for each point, and a bar while frames are scored."""

    def say(self, text: str) -> None:
        print(f"bench.rd: {text}", file=sys.stderr, flush=True)

    def point(self, point: Point) -> None:
        """Prints one line with the figures of a point."""
        neg = point.quality["vmaf_neg"]
        self.say(
            f"{point.kind} {point.rung} {point.way}: {point.rate_bps / 1000:.0f} kbit/s, "
            f"{point.quality['psnr_y']:.2f} dB" + ("" if neg is None else f", VMAF-NEG {neg:.2f}")
        )

    @contextmanager
    def frames(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """Shows a bar, and yields a function that moves it by one."""
        with progress() as bar:
            task = bar.add_task(what, total=total, note="")
            yield lambda: bar.advance(task)
