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
from player.superres.model_choice import SegmentModel

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
        self._chooser = AbrController(
            rungs, policy, self._models, enhance=enhance, capacity_s=capacity_s, real_time=paced, abandon=abandon
        )
        # The queue's length bounds memory, the semaphore lets an unpaced pipeline ask for each segment.
        self._most_ahead = self._segments_within(capacity_s)
        self.first = 0
        """Index of the first segment to deliver."""
        self._asked = asyncio.Semaphore(0)
        self._ready: asyncio.Queue[FetchedSegment | BaseException] = asyncio.Queue(self._most_ahead)
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

    async def deliver(self, position: int) -> FetchedSegment:
        """Returns the segment at `position` with everything it needs, as far as that was fetched; its record has the
        rest.

        Call it in order, from 0 or from the position after a seek. Raises UnplayableError if the server no longer
        answers, SinkError if a file cannot be recorded.
        """
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._told(work)) for work in (self._fetch_beside, self._produce)]
        self._asked.release()
        delivery = await self._ready.get()
        if isinstance(delivery, BaseException):
            raise delivery
        assert delivery.position == position, "segments are delivered in order"
        if self._paced:
            await self._suit_machine(delivery)
        if delivery.track is not None:
            self._chooser.enhancing(delivery.representation, delivery.track, delivery.record)
        return delivery

    async def go_to(self, position: int) -> None:
        """The next segment to be delivered is another one. What is under way is given up; models are kept."""
        await self._stop()
        self.first = position
        self._asked = asyncio.Semaphore(0)
        self._ready = asyncio.Queue(self._most_ahead)
        self._chooser.sought()

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

    async def _told(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs `work`, and hands its error to the pipeline, which raises it where it waits."""
        try:
            await work()
        except Exception as error:
            await self._ready.put(error)

    async def _fetch_beside(self) -> None:
        """Fetches files that no segment waits for."""
        if self._described_by is not None and self._chooser.known is None:
            table = await self._files.quality(self._described_by)
            if table is not None:
                self._chooser.known = await asyncio.to_thread(usable_entries, self._rungs, table)
        await self._files.keep_text()

    async def _produce(self) -> None:
        for position in range(self.first, self.count):
            if not self._paced:
                await self._asked.acquire()
            chosen = self._chooser.best(position) if self._files.local else self._chooser.choose(position)
            if self._paced:
                await asyncio.sleep(chosen.wait_s)
            await self._ready.put(await self._delivery(position, chosen))

    async def _delivery(self, position: int, chosen: Chosen) -> FetchedSegment:
        rung = chosen.representation
        record = SegmentStats(rung.segments[position].number, rung.id, buffer_s=self._chooser.buffer_s())
        delivery = FetchedSegment(position, rung, record)
        # The model is asked for before the video: it is small, and is there by the time the video is decoded.
        self._request_model(delivery, chosen.wanted)
        others = sorted((r for r in self._rungs if r is not rung), key=lambda r: r.bandwidth_bps)
        await run_together(self._video(delivery, others), self._sound(delivery))
        if delivery.media is not None:
            await self._await_model(delivery)
        return delivery

    def _request_model(self, delivery: FetchedSegment, wanted: SegmentModel) -> None:
        record = delivery.record
        delivery.wanted, record.model = wanted, wanted.kind

        def count(size_bytes: int) -> None:
            record.model_bytes += size_bytes

        self._models.request(wanted, count)

    async def _await_model(self, delivery: FetchedSegment) -> None:
        wanted = delivery.wanted
        assert wanted is not None, "a model was asked for, or none named"
        weights = await self._models.weights(wanted, self._model_patience_s or 0.0)
        if isinstance(weights, str):
            delivery.record.reason = weights
        else:
            delivery.weights, delivery.track = weights, wanted.track

    async def _suit_machine(self, delivery: FetchedSegment) -> None:
        """The model was chosen when its segment was fetched; by now more is known of the machine's speed."""
        before = delivery.wanted
        if before is None or before.track is None or delivery.weights is None:
            return
        if self._chooser.keeps_up(delivery.representation, before.track):
            return
        wanted = self._chooser.wanted(delivery.representation, delivery.position)
        if wanted.track is before.track:
            return
        self._request_model(delivery, wanted)
        weights = await self._models.weights(wanted, LIGHTER_MODEL_PATIENCE_S)
        if isinstance(weights, str):
            delivery.wanted, delivery.record.model = before, before.kind
        else:
            delivery.weights, delivery.track = weights, wanted.track

    async def _video(self, delivery: FetchedSegment, others: Sequence[VideoRepresentation]) -> None:
        """The segment's media, from another rung where need be: one that works, or one that comes in time."""
        begun_s = asked_s = time.monotonic()
        asked_bytes = self._files.received_bytes
        intended, rungs = delivery.representation, [delivery.representation, *others]
        problem: FetchError | None = None
        # Try the chosen rung, then the others: any rung is better than a hole.
        while rungs and delivery.media is None:
            try:
                less = await self._fetch_unless_given_up(delivery, rungs.pop(0))
            except FetchError as error:
                problem = problem or error
                continue
            # The policy abandoned this download for a smaller segment, which is tried next.
            if less is not None:
                self._chooser.given_up(self._transfer(asked_s, asked_bytes))
                asked_s, asked_bytes = time.monotonic(), self._files.received_bytes
                intended = less.representation
                rungs = [intended, *(rung for rung in rungs if rung is not intended)]
                self._request_model(delivery, less.wanted)
        delivery.record.download_s = time.monotonic() - begun_s
        if delivery.media is None:
            assert problem is not None, "no rung is left once all have failed"
            self._note_loss(delivery, problem)
            return
        # It came from another rung, so the model that was requested does not fit.
        if delivery.representation is not intended:
            self._request_model(delivery, self._chooser.wanted(delivery.representation, delivery.position))
        track = delivery.wanted.track if delivery.wanted is not None else None
        transfer = self._transfer(asked_s, asked_bytes)
        self._chooser.delivered(delivery.position, delivery.representation, track, transfer)

    def _transfer(self, asked_s: float, asked_bytes: int) -> Transfer:
        """All that came since, models and sound too: it shared the line."""
        now_s = time.monotonic()
        return Transfer(now_s, now_s - asked_s, self._files.received_bytes - asked_bytes)

    async def _fetch_unless_given_up(self, delivery: FetchedSegment, rung: VideoRepresentation) -> Chosen | None:
        """Fetches the segment, and returns what to fetch instead if it is abandoned. Raises FetchError."""
        if not self._paced or self._files.local:
            await self._fetch(delivery, rung)
            return None
        files, wanted, position = self._files, delivery.wanted, delivery.position
        assert wanted is not None, "a model was asked for, or none named"
        under_way = self._chooser.under_way(position, rung, wanted, files.received_bytes)
        return await finish_or_abandon(
            self._fetch(delivery, rung), lambda: self._chooser.less(position, under_way, files.received_bytes)
        )

    async def _fetch(self, delivery: FetchedSegment, rung: VideoRepresentation) -> None:
        """Raises FetchError."""
        init = await self._files.init(rung)
        media = await self._files.segment(rung, rung.segments[delivery.position])
        self._silent_segments = 0
        delivery.representation, delivery.init, delivery.media = rung, init.data, media.data
        delivery.record.rung = rung.id
        delivery.record.video_bytes += init.size_bytes + media.size_bytes

    async def fetch_again(self, delivery: FetchedSegment) -> bool:
        """Fetches init segment and media again because they did not decode; returns False if that cannot help.

        Neither has a hash in a manifest, so only the decoder notices bytes that changed on the way. Raises SinkError.
        """
        if self._files.local:
            return False
        self._files.forget_init(delivery.representation)
        try:
            await self._fetch(delivery, delivery.representation)
        except FetchError:
            return False
        return True

    def _note_loss(self, delivery: FetchedSegment, problem: FetchError) -> None:
        delivery.record.reason = f"lost: {problem}"
        self._silent_segments = self._silent_segments + 1 if problem.temporary else 0
        if self._silent_segments >= MAX_SILENT_SEGMENTS:
            raise UnplayableError(f"the server is gone: {problem}")

    async def _sound(self, delivery: FetchedSegment) -> None:
        last = delivery.position + 1 == self.count
        delivery.audio = await self._soundtrack.until(None if last else delivery.end_s)
