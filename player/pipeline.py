"""Fetches, decodes, enhances and presents concurrently, in manifest order, with bounded queues in between.

Coroutines pass the work on; decoding, networks, encoders and the disk run in one thread each.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Protocol

from media.errors import UndecodableSegmentError
from media.frames import Frame
from player.concurrency import OneThread, run_together
from player.errors import UnplayableError
from player.fetching.fetched_segment import FetchedSegment
from player.fetching.scheduler import SegmentScheduler
from player.frames.decode import segment_frames
from player.frames.effort import Effort, EffortRule
from player.frames.segment_enhancer import SegmentEnhancer
from player.frames.upscalers import Enhancer
from player.sinks import Sink
from player.sinks.window import Window
from player.sound.speaker import Speaker
from player.stats import SessionStats
from player.superres.model_choice import Unavailable
from player.superres.output import OutputFormat

SEGMENTS_AHEAD = 1
"""Segments ready to be decoded, in addition to the one being downloaded and the next one being prepared."""
FRAMES_AHEAD = 8
"""Length of each queue of frames: enough to hide one stage behind another, 25 MB at 1080p."""

FILLING_S = 1.0
"""The longest that a window waits for that many frames before it plays on with what there is."""


class PlaybackListener(Protocol):
    """Receiver of a session's progress."""

    def starts(self, frames: int, after: int) -> None:
        """Called before the first segment and after every seek; about `frames` come, after `after` earlier ones."""
        ...

    def frame(self, stats: SessionStats) -> None:
        """Called after each frame."""
        ...

    def warn(self, message: str) -> None: ...


@dataclass(frozen=True)
class _Job:
    """A segment that is ready to be decoded, and what enlarges its frames."""

    fetched: FetchedSegment
    enlarger: SegmentEnhancer


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
        downloads: SegmentScheduler,
        enhancer: Enhancer,
        output: OutputFormat,
        sinks: Sequence[Sink],
        window: Window | None,
        stats: SessionStats,
        talk: PlaybackListener,
        *,
        speaker: Speaker | None = None,
    ) -> None:
        self.complete = True
        """True if every frame came, and all audio could be used."""
        self._scheduler = downloads
        self._enhancer = enhancer
        self._output = output
        self._sinks = sinks
        self._window = window
        self._stats = stats
        self._talk = talk
        self._speaker = speaker
        # Files and pictures get every frame at its best, however long that takes.
        self._effort = None if window is None or sinks else EffortRule(FRAMES_AHEAD / float(output.frame_rate))
        self._started_s = time.monotonic()
        self._lost_s = Fraction(0)
        self._renew(Fraction(0))

    def _renew(self, from_s: Fraction) -> None:
        self._from_s = from_s
        self._failure: UnplayableError | None = None
        self._ended = False
        """True once the last frame is through the enhancer."""
        self._over = False
        self._fetched: asyncio.Queue[_Job | None] = asyncio.Queue(SEGMENTS_AHEAD)
        self._decoded: asyncio.Queue[_Job | _Decoded | None] = asyncio.Queue(FRAMES_AHEAD)
        self._enhanced: asyncio.Queue[_Job | _Enhanced | None] = asyncio.Queue(FRAMES_AHEAD)

    async def run(self, started_s: float, from_s: Fraction = Fraction(0)) -> None:
        """Runs to the end. `started_s` is the start of the session on the monotonic clock.

        Begins at the frame at `from_s`, to whose segment the scheduler must have been sent. May run again from
        elsewhere after a ViewerSeekError. Raises that, UnplayableError, SinkError and ViewerQuitError.
        """
        self._started_s = started_s
        self._renew(from_s)
        stages = (self._fetch, self._decode, self._enhance, self._present)
        threads = [OneThread(stage.__name__) for stage in stages]
        try:
            await run_together(*(stage(thread) for stage, thread in zip(stages, threads, strict=True)), self._listen())
        finally:
            for thread in threads:
                thread.close()
        if self._failure is not None:
            raise self._failure

    async def _listen(self) -> None:
        if self._window is not None:
            await self._window.listen(lambda: self._over)

    async def _fetch(self, thread: OneThread) -> None:
        """The next segment is fetched, and its upscaler made, while the current one plays."""
        for index in range(self._scheduler.first, self._scheduler.count):
            try:
                fetched = await self._scheduler.segment_at(index)
            except UnplayableError as error:
                # What was delivered is played before the session ends for it.
                self._failure = error
                break
            self._stats.segments.append(fetched.record)
            await self._fetched.put(await self._prepared(fetched, thread))
        await self._fetched.put(None)

    async def _prepared(self, fetched: FetchedSegment, thread: OneThread) -> _Job:
        upscaler, record = None, fetched.record
        if fetched.media is not None:
            made = await thread.do(partial(self._enhancer.prepare, fetched.weights, *fetched.input_size))
            if isinstance(made, Unavailable):
                record.reason = record.reason or made.reason
            else:
                upscaler, record.reason = made, None
        return _Job(fetched, SegmentEnhancer(fetched, upscaler, self._output, self._stats))

    async def _decode(self, thread: OneThread) -> None:
        while (job := await self._fetched.get()) is not None:
            if self._speaker is not None:
                await thread.do(partial(self._hear, self._speaker, job))
            await self._decoded.put(job)
            if job.fetched.media is None:
                self._lose(job, 0, job.fetched.record.reason)
            else:
                await self._decode_segment(job, thread)
        await self._decoded.put(None)

    async def _decode_segment(self, job: _Job, thread: OneThread, *, again: bool = True) -> None:
        """`again`: whether a segment of which nothing decodes is worth another try."""
        frames, record = segment_frames(job.fetched), job.fetched.record
        count = 0
        try:
            while True:
                frame, took_s = await thread.timed(partial(next, frames, None))
                record.decode_s += took_s
                if frame is None:
                    return
                count += 1
                if frame.pts_s >= self._from_s:
                    await self._decoded.put(_Decoded(job, frame))
        except UndecodableSegmentError as error:
            if again and not count and await self._scheduler.fetch_again(job.fetched):
                await self._decode_segment(job, thread, again=False)
            else:
                self._lose(job, count, f"lost: {error}")

    def _lose(self, job: _Job, shown: int, reason: str | None) -> None:
        """Records a segment of which only `shown` frames were available."""
        fetched = job.fetched
        fetched.record.reason = reason
        self.complete = False
        shown_s = shown / fetched.representation.video.frame_rate
        self._lost_s += max(Fraction(0), fetched.end_s - fetched.start_s - shown_s)
        self._talk.warn(f"segment {fetched.segment.number} {reason}")

    async def _enhance(self, thread: OneThread) -> None:
        network: str | None = None
        while True:
            waited = self._decoded.empty()
            item = await self._decoded.get()
            if item is None:
                break
            if isinstance(item, _Job):
                if self._effort is not None and item.enlarger.network != network:
                    self._effort.restart()
                network = item.enlarger.network
                await self._enhanced.put(item)
                continue
            effort = self._effort_for(item, waited=waited)
            frame = await thread.do(partial(item.job.enlarger.enlarge, item.frame, effort))
            await self._enhanced.put(_Enhanced(item.job, item.frame, frame))
        self._ended = True
        await self._enhanced.put(None)

    def _effort_for(self, item: _Decoded, *, waited: bool) -> Effort:
        """Returns the effort for a frame; one that had to be `waited` for does not measure the speed of enhancing."""
        if self._effort is None or self._window is None:
            return Effort.FULL
        before, lead_s = self._effort.level, self._window.lead_s(item.frame)
        if waited or lead_s is None:
            return before
        effort = self._effort.judge(lead_s, time.monotonic())
        network = item.job.enlarger.network
        if effort < before and network is not None:
            what = "shows some frames without it" if effort is Effort.PLAIN else "uses its work for two frames at times"
            self._talk.warn(f"too slow for {network} here: {what}")
        return effort

    async def _present(self, thread: OneThread) -> None:
        interval_s = 1 / self._output.frame_rate
        while (item := await self._enhanced.get()) is not None:
            if isinstance(item, _Job):
                await thread.do(partial(self._sound, item))
                continue
            await thread.do(partial(self._write, item.frame))
            if self._window is not None:
                await self._window.show(item.frame, partial(item.job.enlarger.plain, item.decoded), interval_s)
                self._shown()
                if self._window.waiting:
                    await self._filled()
                    self._window.go_on()
        self._over = True

    def _write(self, frame: Frame) -> None:
        for sink in self._sinks:
            sink.write(frame)
        if self._window is None:
            # In the same step: Ctrl-C in between would leave a frame in the files that is in no count.
            self._shown()

    async def _filled(self) -> None:
        """Waits until playback can continue: a full queue of frames covers the next delay."""
        patience_s = time.monotonic() + FILLING_S
        while not (self._enhanced.full() or self._ended) and time.monotonic() < patience_s:
            await asyncio.sleep(0.005)

    def _hear(self, speaker: Speaker, job: _Job) -> None:
        # A broken segment is silence here; where a file wants it, `_sound` says so.
        with contextlib.suppress(UndecodableSegmentError):
            for segment in job.fetched.audio:
                speaker.sound(segment.init, segment.media)

    def _sound(self, job: _Job) -> None:
        for segment in job.fetched.audio:
            try:
                for sink in self._sinks:
                    sink.sound(segment.init, segment.media)
            except UndecodableSegmentError as error:
                self.complete = False
                self._talk.warn(f"audio is missing: {error}")

    def _shown(self) -> None:
        stats = self._stats
        if stats.frames == 0:
            stats.startup_s = time.monotonic() - self._started_s
        stats.frames += 1
        stats.stall_s = float(self._lost_s)
        if self._window is not None:
            stats.stall_s += self._window.stall_s
            stats.dropped_frames = self._window.dropped_frames
        self._talk.frame(stats)
