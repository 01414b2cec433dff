"""Segment scheduler: fetches in manifest order the video from a chosen rung, its model, and the sound."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from fractions import Fraction

from manifests.model import AdaptationSet, VideoRepresentation
from player.abr.controller import AbrController, Chosen
from player.abr.inputs import usable_entries
from player.abr.progress import finish_or_abandon
from player.abr.state import Abandon, Policy, Transfer
from player.concurrency import run_together
from player.errors import FetchError, UnplayableError
from player.fetching.fetched_segment import FetchedSegment
from player.fetching.model_store import ModelStore
from player.fetching.presentation_files import PresentationFiles
from player.fetching.soundtrack import Soundtrack
from player.stats import SegmentStats
from player.superres.model_choice import SegmentModel, Unavailable

CAPACITY_S = 20.0
"""Video that a session fetches ahead of what is shown."""
LIGHTER_MODEL_PATIENCE_S = 0.5
"""Time that a model which suits the machine better is waited for when its segment's turn has come."""
MAX_SILENT_SEGMENTS = 3
"""Segments in a row without an answer after which the server counts as gone."""


class SegmentScheduler:
    """Fetches ahead of the pipeline until the buffer is full."""

    def __init__(
        self,
        files: PresentationFiles,
        soundtrack: Soundtrack,
        rungs: Sequence[VideoRepresentation],
        policy: Policy,
        *,
        model_patience_s: float | None,
        capacity_s: float = CAPACITY_S,
        paced: bool = False,
        abandon: Abandon | None = None,
        described_by: AdaptationSet | None = None,
    ) -> None:
        """Schedules among `rungs`, which have equal segment boundaries; patience None requests no models.

        `paced`: frames are shown in real time, so segments are fetched ahead until the buffer is full; otherwise each
        is fetched when the pipeline asks. `abandon` may cancel a late one. `described_by` may name a quality table,
        which is fetched next to the first segments.
        """
        self._files = files
        self._soundtrack = soundtrack
        self._rungs = rungs
        self._model_patience_s = model_patience_s
        self._paced = paced
        self._described_by = described_by
        self._models = ModelStore(files.model)
        # Without patience no model is ever requested.
        enhance = model_patience_s is not None
        self._controller = AbrController(
            rungs, policy, self._models, enhance=enhance, capacity_s=capacity_s, real_time=paced, abandon=abandon
        )
        # The queue's length bounds memory, the semaphore lets an unpaced pipeline ask for each segment.
        self._max_ahead = self._segments_within(capacity_s)
        self.first = 0
        """Index of the first segment to deliver."""
        self._requests = asyncio.Semaphore(0)
        self._ready: asyncio.Queue[FetchedSegment | BaseException] = asyncio.Queue(self._max_ahead)
        self._tasks: list[asyncio.Task[None]] = []
        self._silent_segments = 0

    @property
    def count(self) -> int:
        """Segments of the presentation."""
        return len(self._rungs[0].segments)

    def position_at(self, at_s: Fraction) -> int:
        """Returns the index of the segment shown at a time; the first or the last one for times outside."""
        rung = self._rungs[0]
        over = sum(1 for segment in rung.segments if segment.end_s <= at_s)
        return min(over, self.count - 1)

    async def segment_at(self, index: int) -> FetchedSegment:
        """Returns the segment at `index` with everything it needs, as far as that was fetched; its record has the
        rest.

        Call it in order, from 0 or from the position after a seek. Raises UnplayableError if the server no longer
        answers, SinkError if a file cannot be recorded.
        """
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._hand_errors_on(work)) for work in (self._fetch_beside, self._produce)
            ]
        self._requests.release()
        fetched = await self._ready.get()
        if isinstance(fetched, BaseException):
            raise fetched
        assert fetched.index == index, "segments are delivered in order"
        if self._paced:
            await self._adapt_to_speed(fetched)
        if fetched.track is not None:
            self._controller.record_enhancing(fetched.representation, fetched.track, fetched.record)
        return fetched

    async def go_to(self, index: int) -> None:
        """The next segment to be delivered is another one. What is under way is given up; models are kept."""
        await self._stop()
        self.first = index
        self._requests = asyncio.Semaphore(0)
        self._ready = asyncio.Queue(self._max_ahead)
        self._controller.restart_buffer()

    async def close(self) -> None:
        """Give up what is under way."""
        await self._stop()
        await self._models.close()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def _segments_within(self, capacity_s: float) -> int:
        """Returns how many segments may wait for the pipeline, independent of the policy: they take memory."""
        shortest_s = min(s.duration_ticks for s in self._rungs[0].segments) / self._rungs[0].timescale
        return max(1, math.ceil(capacity_s / max(0.1, shortest_s)))

    async def _hand_errors_on(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs `work`, and hands its error to the pipeline, which raises it where it waits."""
        try:
            await work()
        except Exception as error:
            await self._ready.put(error)

    async def _fetch_beside(self) -> None:
        """Fetches files that no segment waits for."""
        if self._described_by is not None and self._controller.known is None:
            table = await self._files.quality(self._described_by)
            if table is not None:
                self._controller.known = await asyncio.to_thread(usable_entries, self._rungs, table)
        await self._files.keep_text()

    async def _produce(self) -> None:
        for index in range(self.first, self.count):
            if not self._paced:
                await self._requests.acquire()
            chosen = self._controller.best(index) if self._files.local else self._controller.choose(index)
            if self._paced:
                await asyncio.sleep(chosen.wait_s)
            await self._ready.put(await self._fetched_segment(index, chosen))

    async def _fetched_segment(self, index: int, chosen: Chosen) -> FetchedSegment:
        rung = chosen.representation
        record = SegmentStats(rung.segments[index].number, rung.id, buffer_s=self._controller.buffer_s())
        fetched = FetchedSegment(index, rung, record)
        # The model is asked for before the video: it is small, and is there by the time the video is decoded.
        self._request_model(fetched, chosen.model)
        others = sorted((r for r in self._rungs if r is not rung), key=lambda r: r.bandwidth_bps)
        await run_together(self._video(fetched, others), self._sound(fetched))
        if fetched.media is not None:
            await self._await_model(fetched)
        return fetched

    def _request_model(self, fetched: FetchedSegment, model: SegmentModel) -> None:
        record = fetched.record
        fetched.model, record.model = model, model.kind

        def count(size_bytes: int) -> None:
            record.model_bytes += size_bytes

        self._models.request(model, count)

    async def _await_model(self, fetched: FetchedSegment) -> None:
        model = fetched.model
        assert model is not None, "a model was asked for, or none named"
        weights = await self._models.weights(model, self._model_patience_s or 0.0)
        if isinstance(weights, Unavailable):
            fetched.record.reason = weights.reason
        else:
            fetched.weights, fetched.track = weights, model.track

    async def _adapt_to_speed(self, fetched: FetchedSegment) -> None:
        """The model was chosen when its segment was fetched; by now more is known of the machine's speed."""
        before = fetched.model
        if before is None or before.track is None or fetched.weights is None:
            return
        if self._controller.keeps_up(fetched.representation, before.track):
            return
        model = self._controller.model_for(fetched.representation, fetched.index)
        if model.track is before.track:
            return
        self._request_model(fetched, model)
        weights = await self._models.weights(model, LIGHTER_MODEL_PATIENCE_S)
        if isinstance(weights, Unavailable):
            fetched.model, fetched.record.model = before, before.kind
        else:
            fetched.weights, fetched.track = weights, model.track

    async def _video(self, fetched: FetchedSegment, others: Sequence[VideoRepresentation]) -> None:
        """The segment's media, from another rung where need be: one that works, or one that comes in time."""
        begun_s = asked_s = time.monotonic()
        asked_bytes = self._files.received_bytes
        intended, rungs = fetched.representation, [fetched.representation, *others]
        problem: FetchError | None = None
        # Try the chosen rung, then the others: any rung is better than a hole.
        while rungs and fetched.media is None:
            try:
                alternative = await self._fetch_unless_abandoned(fetched, rungs.pop(0))
            except FetchError as error:
                problem = problem or error
                continue
            # The policy abandoned this download for a smaller segment, which is tried next.
            if alternative is not None:
                self._controller.record_abandoned(self._transfer(asked_s, asked_bytes))
                asked_s, asked_bytes = time.monotonic(), self._files.received_bytes
                intended = alternative.representation
                rungs = [intended, *(rung for rung in rungs if rung is not intended)]
                self._request_model(fetched, alternative.model)
        fetched.record.download_s = time.monotonic() - begun_s
        if fetched.media is None:
            assert problem is not None, "no rung is left once all have failed"
            self._note_loss(fetched, problem)
            return
        # It came from another rung, so the model that was requested does not fit.
        if fetched.representation is not intended:
            self._request_model(fetched, self._controller.model_for(fetched.representation, fetched.index))
        track = fetched.model.track if fetched.model is not None else None
        transfer = self._transfer(asked_s, asked_bytes)
        self._controller.record_download(fetched.index, fetched.representation, track, transfer)

    def _transfer(self, asked_s: float, asked_bytes: int) -> Transfer:
        """All that came since, models and sound too: it shared the line."""
        now_s = time.monotonic()
        return Transfer(now_s, now_s - asked_s, self._files.received_bytes - asked_bytes)

    async def _fetch_unless_abandoned(self, fetched: FetchedSegment, rung: VideoRepresentation) -> Chosen | None:
        """Fetches the segment, and returns what to fetch instead if it is abandoned. Raises FetchError."""
        if not self._paced or self._files.local:
            await self._fetch(fetched, rung)
            return None
        files, model, index = self._files, fetched.model, fetched.index
        assert model is not None, "a model was asked for, or none named"
        running = self._controller.running(index, rung, model, files.received_bytes)
        return await finish_or_abandon(
            self._fetch(fetched, rung), lambda: self._controller.alternative(index, running, files.received_bytes)
        )

    async def _fetch(self, fetched: FetchedSegment, rung: VideoRepresentation) -> None:
        """Raises FetchError."""
        init = await self._files.init(rung)
        media = await self._files.segment(rung, rung.segments[fetched.index])
        self._silent_segments = 0
        fetched.representation, fetched.init, fetched.media = rung, init.data, media.data
        fetched.record.rung = rung.id
        fetched.record.video_bytes += init.size_bytes + media.size_bytes

    async def fetch_again(self, fetched: FetchedSegment) -> bool:
        """Fetches init segment and media again because they did not decode; returns False if that cannot help.

        Neither has a hash in a manifest, so only the decoder notices bytes that changed on the way. Raises SinkError.
        """
        if self._files.local:
            return False
        self._files.forget_init(fetched.representation)
        try:
            await self._fetch(fetched, fetched.representation)
        except FetchError:
            return False
        return True

    def _note_loss(self, fetched: FetchedSegment, problem: FetchError) -> None:
        fetched.record.reason = f"lost: {problem}"
        self._silent_segments = self._silent_segments + 1 if problem.temporary else 0
        if self._silent_segments >= MAX_SILENT_SEGMENTS:
            raise UnplayableError(f"the server is gone: {problem}")

    async def _sound(self, fetched: FetchedSegment) -> None:
        last = fetched.index + 1 == self.count
        fetched.audio = await self._soundtrack.until(None if last else fetched.end_s)
