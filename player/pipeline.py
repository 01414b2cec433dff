"""Fetch, decode, enhance and present beside each other, in manifest order, with bounded queues between them.

Coroutines pass the work on; decoding, networks, encoders and the disk run in one thread each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Protocol, TypeVar

from media.errors import UndecodableSegmentError
from media.frames import Frame, fit
from player.concurrency import run_together
from player.decode import segment_frames
from player.downloads import Delivery, Downloads
from player.enhancement import Enhancer, said
from player.enlarge import enlarged
from player.geometry import OutputFormat
from player.sinks import Sink
from player.sinks.window import Window
from player.stats import SessionStats
from player.superres.engines import Upscaler

SEGMENTS_AHEAD = 2
FRAMES_AHEAD = 8
"""Of each queue of frames: enough to hide one stage behind another, 25 MB at 1080p."""

_T = TypeVar("_T")


class Talk(Protocol):
    """What a session says while it runs."""

    def starts(self, frames: int) -> None:
        """Before the first segment; `frames` is about how many there will be."""
        ...

    def frame(self, stats: SessionStats) -> None:
        """After each frame."""
        ...

    def warn(self, message: str) -> None: ...


@dataclass
class _Job:
    """A segment that is ready to be decoded, and what enlarges its frames."""

    delivery: Delivery
    upscaler: Upscaler | None = None
    started: bool = False
    """Whether a frame of it was enlarged."""


@dataclass(frozen=True)
class _Decoded:
    job: _Job
    frame: Frame


@dataclass(frozen=True)
class _Enhanced:
    job: _Job
    decoded: Frame
    frame: Frame


class Pipeline:
    """The four stages of one session."""

    def __init__(
        self,
        downloads: Downloads,
        enhancer: Enhancer,
        output: OutputFormat,
        sinks: Sequence[Sink],
        window: Window | None,
        stats: SessionStats,
        talk: Talk,
    ) -> None:
        self.complete = True
        """Whether every frame came, and all audio could be used."""
        self._downloads = downloads
        self._enhancer = enhancer
        self._output = output
        self._sinks = sinks
        self._window = window
        self._stats = stats
        self._talk = talk
        self._started_s = time.monotonic()
        self._network_s = 0.0
        """Spent in networks, on enhanced frames."""
        self._lost_s = Fraction(0)
        self._fetched: asyncio.Queue[_Job | None] = asyncio.Queue(SEGMENTS_AHEAD)
        self._decoded: asyncio.Queue[_Job | _Decoded | None] = asyncio.Queue(FRAMES_AHEAD)
        self._enhanced: asyncio.Queue[_Job | _Enhanced | None] = asyncio.Queue(FRAMES_AHEAD)

    async def run(self, started_s: float) -> None:
        """To the end. `started_s` is when the session began, on the monotonic clock.

        Raises UnplayableError, SinkError and ViewerQuitError.
        """
        self._started_s = started_s
        stages = (self._fetch, self._decode, self._enhance, self._present)
        threads = [_Thread(stage.__name__) for stage in stages]
        try:
            await run_together(*(stage(thread) for stage, thread in zip(stages, threads, strict=True)))
        finally:
            for thread in threads:
                thread.close()

    async def _fetch(self, thread: _Thread) -> None:
        """The next segment is fetched, and its upscaler made, while the current one plays."""
        for position in range(self._downloads.count):
            delivery = await self._downloads.deliver(position)
            self._stats.segments.append(delivery.record)
            await self._fetched.put(await self._prepared(delivery, thread))
        await self._fetched.put(None)

    async def _prepared(self, delivery: Delivery, thread: _Thread) -> _Job:
        job, record = _Job(delivery), delivery.record
        if delivery.media is not None:
            made = await thread.do(partial(self._enhancer.prepare, delivery.weights, *delivery.input_size))
            if isinstance(made, str):
                record.reason = record.reason or made
            else:
                job.upscaler, record.reason = made, None
        return job

    async def _decode(self, thread: _Thread) -> None:
        while (job := await self._fetched.get()) is not None:
            await self._decoded.put(job)
            if job.delivery.media is None:
                self._lose(job, 0, job.delivery.record.reason)
            else:
                await self._decode_segment(job, thread)
        await self._decoded.put(None)

    async def _decode_segment(self, job: _Job, thread: _Thread) -> None:
        frames, record = segment_frames(job.delivery), job.delivery.record
        count = 0
        try:
            while True:
                frame, took_s = await thread.timed(partial(next, frames, None))
                record.decode_s += took_s
                if frame is None:
                    return
                count += 1
                await self._decoded.put(_Decoded(job, frame))
        except UndecodableSegmentError as error:
            self._lose(job, count, f"lost: {error}")

    def _lose(self, job: _Job, shown: int, reason: str | None) -> None:
        """Of a segment only `shown` frames could be had."""
        delivery = job.delivery
        assert delivery.representation.video is not None, "a rung is of video"
        delivery.record.reason = reason
        self.complete = False
        shown_s = shown / delivery.representation.video.frame_rate
        self._lost_s += max(Fraction(0), delivery.end_s - delivery.start_s - shown_s)
        self._talk.warn(f"segment {delivery.segment.number} {reason}")

    async def _enhance(self, thread: _Thread) -> None:
        while (item := await self._decoded.get()) is not None:
            if isinstance(item, _Job):
                await self._enhanced.put(item)
            else:
                frame, took_s = await thread.timed(partial(self._enlarged, item))
                self._count(item.job, took_s)
                await self._enhanced.put(_Enhanced(item.job, item.frame, frame))
        await self._enhanced.put(None)

    def _enlarged(self, item: _Decoded) -> Frame:
        job, video = item.job, item.job.delivery.representation.video
        assert video is not None, "a rung is of video"
        if job.upscaler is not None and (item.frame.width, item.frame.height) != (video.width, video.height):
            self._play_plainly(job, f"its frames are {item.frame.width}x{item.frame.height}")
        if job.upscaler is not None:
            try:
                return enlarged(item.frame, job.upscaler, job.delivery.input_size, self._output)
            except Exception as error:  # frameworks raise what they like, and it costs this enhancement alone
                self._play_plainly(job, f"the engine failed: {said(error)}")
        return self._plain(item.frame)

    def _play_plainly(self, job: _Job, reason: str) -> None:
        job.upscaler, job.delivery.record.reason = None, reason

    def _count(self, job: _Job, took_s: float) -> None:
        record = job.delivery.record
        record.enhance_s += took_s
        with_network = job.upscaler is not None
        record.enhanced = with_network and (record.enhanced or not job.started)
        job.started = True
        if with_network:
            self._network_s += took_s
            self._stats.enhanced_frames += 1
            self._stats.enhance_fps = self._stats.enhanced_frames / self._network_s

    async def _present(self, thread: _Thread) -> None:
        interval_s = 1 / self._output.frame_rate
        while (item := await self._enhanced.get()) is not None:
            if isinstance(item, _Job):
                await thread.do(partial(self._sound, item))
                continue
            for sink in self._sinks:
                await thread.do(partial(sink.write, item.frame))
            if self._window is not None:
                await self._window.show(item.frame, partial(self._plain, item.decoded), interval_s)
            self._shown()

    def _sound(self, job: _Job) -> None:
        for segment in job.delivery.audio:
            try:
                for sink in self._sinks:
                    sink.sound(segment.init, segment.media)
            except UndecodableSegmentError as error:  # noqa: PERF203 - a broken segment costs itself alone
                self.complete = False
                self._talk.warn(f"audio is missing: {error}")

    def _plain(self, decoded: Frame) -> Frame:
        return fit(decoded, self._output.width, self._output.height)

    def _shown(self) -> None:
        stats = self._stats
        if stats.frames == 0:
            stats.startup_s = time.monotonic() - self._started_s
        stats.frames += 1
        stats.stall_s = float(self._lost_s) + (self._window.stall_s if self._window is not None else 0.0)
        self._talk.frame(stats)


class _Thread:
    """One thread that does one thing at a time: frameworks bind state to the thread that made it."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def timed(self, work: Callable[[], _T]) -> tuple[_T, float]:
        """The result and the seconds it took, waiting for the thread not counted."""

        def clocked() -> tuple[_T, float]:
            started_s = time.perf_counter()
            return work(), time.perf_counter() - started_s

        return await self.do(clocked)

    def close(self) -> None:
        """Waits for what it is doing."""
        self._pool.shutdown(cancel_futures=True)
