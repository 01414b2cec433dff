"""What a segment needs, fetched in manifest order: its video from a chosen rung, its model, the audio beside it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from manifests.model import ModelTrack, Representation, Segment
from manifests.networks import Size
from manifests.weights import ModelWeights
from player.abr import Cost, Rule, Transfer, throughput_bps
from player.concurrency import run_together
from player.errors import FetchError, UnplayableError
from player.files import PresentationFiles
from player.geometry import end_s, start_s
from player.models import ModelStore
from player.soundtrack import AudioSegment, Soundtrack
from player.stats import SegmentStats
from player.wanted import WantedModel, wanted_model

TRANSFERS_REMEMBERED = 20
MAX_SILENT_SEGMENTS = 3
"""So many segments in a row without an answer, and the server counts as gone."""


@dataclass
class Delivery:
    """One segment on its way through the session; each stage adds to its record."""

    position: int
    """From 0."""
    representation: Representation
    """The rung chosen for it or, where that one failed, the rung it came from."""
    record: SegmentStats
    init: bytes = b""
    media: bytes | None = None
    """None where it was not delivered."""
    weights: ModelWeights | None = None
    """Of its model, where it came whole and in time."""
    track: ModelTrack | None = None
    """The one that its weights are of."""
    audio: list[AudioSegment] = field(default_factory=list)

    @property
    def segment(self) -> Segment:
        return self.representation.segments[self.position]

    @property
    def input_size(self) -> Size:
        """(width, height) of the picture that its model takes."""
        video = self.representation.video
        assert video is not None, "a rung is of video"
        return (video.width, video.height) if self.track is None else self.track.input_size_of(video)

    @property
    def start_s(self) -> Fraction:
        return start_s(self.representation, self.segment)

    @property
    def end_s(self) -> Fraction:
        return end_s(self.representation, self.segment)


class Downloads:
    """The fetching side of a session."""

    def __init__(
        self,
        files: PresentationFiles,
        soundtrack: Soundtrack,
        rungs: Sequence[Representation],
        rule: Rule,
        *,
        model_patience_s: float | None,
    ) -> None:
        """`rungs` are those to choose among, with equal segment boundaries; patience None asks for no model at all."""
        self._files = files
        self._soundtrack = soundtrack
        self._rungs = rungs
        self._rule = rule
        self._model_patience_s = model_patience_s
        self._models = ModelStore(files.model)
        self._transfers: deque[Transfer] = deque(maxlen=TRANSFERS_REMEMBERED)
        self._silent_segments = 0

    @property
    def count(self) -> int:
        """Segments of the presentation."""
        return len(self._rungs[0].segments)

    async def deliver(self, position: int) -> Delivery:
        """Segment `position` with what it needs, or what of that could be had; the rest is said in its record.

        Raises UnplayableError where the server no longer answers, SinkError where a file cannot be kept.
        """
        chosen, *others = self._candidates(position)
        record = SegmentStats(chosen.segments[position].number, chosen.id)
        delivery = Delivery(position, chosen, record)
        # The model is asked for before the video: it is small, and is there by the time the video is decoded.
        self._request_model(delivery)
        await run_together(self._video(delivery, others), self._sound(delivery))
        if delivery.media is not None:
            await self._await_model(delivery)
        return delivery

    async def close(self) -> None:
        """Give up what is under way."""
        await self._models.close()

    def _candidates(self, position: int) -> list[Representation]:
        """The rung that the rule chooses and, for when its segment cannot be had, the others, cheapest first."""
        estimate_bps = math.inf if self._files.local else throughput_bps(self._transfers, time.monotonic())
        chosen = self._rule([self._cost(rung, position) for rung in self._rungs], estimate_bps)
        return sorted(self._rungs, key=lambda rung: (rung.id != chosen, rung.bandwidth_bps))

    def _cost(self, rung: Representation, position: int) -> Cost:
        missing = self._models.missing(self._wanted(rung, position))
        duration_s = rung.segments[position].duration_ticks / rung.timescale
        return Cost(rung.id, rung.bandwidth_bps, sum(file.size_bytes for file in missing), duration_s)

    def _wanted(self, rung: Representation, position: int) -> WantedModel:
        if self._model_patience_s is None:
            return WantedModel(rung, None, (), "enhancement is off")
        return wanted_model(rung, position)

    def _request_model(self, delivery: Delivery) -> None:
        record, wanted = delivery.record, self._wanted(delivery.representation, delivery.position)
        record.model = wanted.kind

        def count(size_bytes: int) -> None:
            record.model_bytes += size_bytes

        self._models.request(wanted, count)

    async def _await_model(self, delivery: Delivery) -> None:
        wanted = self._wanted(delivery.representation, delivery.position)
        weights = await self._models.weights(wanted, self._model_patience_s or 0.0)
        if isinstance(weights, str):
            delivery.record.reason = weights
        else:
            delivery.weights, delivery.track = weights, wanted.track

    async def _video(self, delivery: Delivery, others: Sequence[Representation]) -> None:
        """The segment's media, from another rung where need be."""
        started_s = time.monotonic()
        problem: FetchError | None = None
        for rung in (delivery.representation, *others):
            try:
                await self._fetch(delivery, rung)
                break
            except FetchError as error:
                problem = problem or error
        delivery.record.download_s = time.monotonic() - started_s
        if problem is not None and delivery.media is None:
            self._note_loss(delivery, problem)
        elif problem is not None:
            self._request_model(delivery)

    async def _fetch(self, delivery: Delivery, rung: Representation) -> None:
        """Raises FetchError."""
        init = await self._files.init(rung)
        media = await self._files.segment(rung, rung.segments[delivery.position])
        self._transfers.append(Transfer(time.monotonic(), media.duration_s, media.size_bytes))
        self._silent_segments = 0
        delivery.representation, delivery.init, delivery.media = rung, init.data, media.data
        delivery.record.rung = rung.id
        delivery.record.video_bytes += init.size_bytes + media.size_bytes

    def _note_loss(self, delivery: Delivery, problem: FetchError) -> None:
        delivery.record.reason = f"lost: {problem}"
        self._silent_segments = self._silent_segments + 1 if problem.temporary else 0
        if self._silent_segments >= MAX_SILENT_SEGMENTS:
            raise UnplayableError(f"the server is gone: {problem}")

    async def _sound(self, delivery: Delivery) -> None:
        last = delivery.position + 1 == self.count
        delivery.audio = await self._soundtrack.until(None if last else delivery.end_s)
