"""The ABR controller: gives a policy its state, and turns its decision into a rung and a model of the manifest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from manifests.model import ModelTrack, VideoRepresentation
from player.abr.buffer import PlaybackBuffer
from player.abr.inputs import TOLD_AHEAD, Known, upcoming_segments
from player.abr.progress import RunningTransfer
from player.abr.state import Abandon, Decision, Policy, RungChoice, State, Transfer, Upcoming, full_wait_s
from player.fetching.model_store import ModelStore
from player.stats import SegmentStats
from player.superres.model_choice import ENHANCEMENT_OFF, SegmentModel, model_candidates

TRANSFERS_REMEMBERED = 100
SPEED_SEGMENTS = 4
"""Enhanced segments over which the machine's speed is averaged."""
SPEED_REMEMBERED = 32
"""Finished segments that are remembered for judging the speed; most of them may have been shown plain."""
OUTPUT_MACS = 500
"""Cost of an output pixel for every network (upsampling, chroma, moving bytes), in multiply-adds."""
IN_REAL_TIME = 0.85
"""Share of a second of video that enhancing it may take; decoding and showing need the rest."""
PLAIN_CHOSEN = "the policy chose plain"


@dataclass(frozen=True)
class Chosen:
    """A rung and a model for a segment."""

    representation: VideoRepresentation
    model: SegmentModel
    wait_s: float = 0.0


@dataclass(frozen=True)
class _Done:
    """A segment that went to the enhancer, for measuring its speed."""

    record: SegmentStats
    work: float
    """Work of one frame, in multiply-adds."""


class AbrController:
    """Keeps what the policies, being pure, cannot remember."""

    def __init__(
        self,
        rungs: Sequence[VideoRepresentation],
        policy: Policy,
        models: ModelStore,
        *,
        enhance: bool,
        capacity_s: float,
        real_time: bool = False,
        abandon: Abandon | None = None,
    ) -> None:
        """Chooses among `rungs`; `capacity_s` is the video that the session keeps ahead.

        `real_time`: frames are shown as they are made, so a model that is too slow for this machine is useless.
        """
        self._rungs = {rung.id: rung for rung in rungs}
        self._policy = policy
        self._abandon = abandon
        self._models = models
        self._enhance = enhance
        self._capacity_s = capacity_s
        self._real_time = real_time
        self._transfers: deque[Transfer] = deque(maxlen=TRANSFERS_REMEMBERED)
        self._playback_buffer = PlaybackBuffer()
        self._done: deque[_Done] = deque(maxlen=SPEED_REMEMBERED)
        self._last: tuple[str, float] | None = None
        self._memory: tuple[float, ...] = ()
        self.known: Known | None = None
        """Measured scores of the rungs; set as soon as the quality table is there."""

    def best(self, index: int) -> Chosen:
        """Returns the highest-bandwidth rung, used for local files."""
        rung = max(self._rungs.values(), key=lambda r: r.bandwidth_bps)
        return Chosen(rung, self.model_for(rung, index))

    def choose(self, index: int) -> Chosen:
        """Returns the rule's decision for the segment `index`, counted from 0."""
        state = self._state(index)
        if len(self._rungs) == 1:
            # A viewer who wants one rung alone wants it at its best.
            only = self.best(index)
            return Chosen(only.representation, only.model, full_wait_s(state))
        decision = self._policy(state)
        self._memory = decision.memory
        rung = self._rungs[decision.rung]
        return Chosen(rung, self._decided_model(rung, index, decision), min(decision.wait_s, self.buffer_s()))

    def running(
        self, index: int, rung: VideoRepresentation, model: SegmentModel, received_bytes: int
    ) -> RunningTransfer:
        """Begins to track the download of a segment and its model, by a session that has received `received_bytes`."""
        choice = self._choice(index, rung)
        model_bytes = sum(file.size_bytes for file in self._models.missing(model))
        track = model.track.id if model.track is not None else None
        return RunningTransfer(rung.id, track, choice.size_bytes + model_bytes, received_bytes, time.monotonic())

    def alternative(self, index: int, running: RunningTransfer, received_bytes: int) -> Chosen | None:
        """Returns what to fetch instead of a segment that is late; None to wait for it."""
        progress = running.progress(received_bytes, time.monotonic())
        decision = self._abandon(self._state(index), progress) if self._abandon and len(self._rungs) > 1 else None
        if decision is None:
            return None
        rung = self._rungs[decision.rung]
        if rung.bandwidth_bps >= self._rungs[running.rung].bandwidth_bps:
            return None
        return Chosen(rung, self._decided_model(rung, index, decision))

    def record_abandoned(self, transfer: Transfer) -> None:
        """Records the transfer of a segment that was abandoned."""
        self._transfers.append(transfer)

    def model_for(self, rung: VideoRepresentation, index: int) -> SegmentModel:
        """Returns the manifest's first choice of a model, unless enhancement is off.

        In real time it is the first one that this machine is fast enough for, by the speed measured so far, or the
        cheapest.
        """
        if not self._enhance:
            return SegmentModel(rung, None, (), ENHANCEMENT_OFF)
        offered = model_candidates(rung, index)
        if not self._real_time or offered[0].track is None:
            return offered[0]
        tracks = [model.track for model in offered if model.track is not None]
        fast_enough = [n for n, track in enumerate(tracks) if self.keeps_up(rung, track)]
        cheapest = min(range(len(tracks)), key=lambda n: _work(rung, tracks[n]))
        return offered[fast_enough[0] if fast_enough else cheapest]

    def keeps_up(self, rung: VideoRepresentation, track: ModelTrack) -> bool:
        """Returns True if this machine enhances as fast as the video plays, by the speed measured so far."""
        return self._enhancing_s_per_s(rung, track) <= IN_REAL_TIME

    def buffer_s(self) -> float:
        """Returns the video ahead of a viewer who watches from the first segment on."""
        return self._playback_buffer.buffer_s(time.monotonic())

    def record_download(
        self, index: int, rung: VideoRepresentation, track: ModelTrack | None, transfer: Transfer
    ) -> None:
        """Records a segment that was delivered and will be enhanced by `track`."""
        self._transfers.append(transfer)
        self._playback_buffer.add(_duration_s(rung, index), transfer.ended_s)
        choice = self._choice(index, rung)
        enhanced = [e.quality for e in choice.enhancements if track is not None and e.track == track.id]
        self._last = rung.id, enhanced[0] if enhanced else choice.quality

    def restart_buffer(self) -> None:
        """Empties the buffer, because the viewer continues at another position."""
        self._playback_buffer = PlaybackBuffer()

    def record_enhancing(self, rung: VideoRepresentation, track: ModelTrack, record: SegmentStats) -> None:
        """Records a segment that goes to the enhancer, whose time will be in the record."""
        self._done.append(_Done(record, _work(rung, track)))

    def _state(self, index: int) -> State:
        return State(
            buffer_s=self.buffer_s(),
            capacity_s=self._capacity_s,
            transfers=tuple(self._transfers),
            upcoming=self._upcoming(index),
            remaining=self._segment_count - index,
            held=self._held(index),
            last_rung=None if self._last is None else self._last[0],
            last_quality=None if self._last is None else self._last[1],
            memory=self._memory,
        )

    @property
    def _segment_count(self) -> int:
        return len(next(iter(self._rungs.values())).segments)

    def _upcoming(self, index: int) -> tuple[Upcoming, ...]:
        indices = range(index, min(index + TOLD_AHEAD, self._segment_count))
        seconds_of = self._enhancing_s_per_s if self._enhance else None
        return upcoming_segments(tuple(self._rungs.values()), self.known or {}, indices, seconds_of)

    def _choice(self, index: int, rung: VideoRepresentation) -> RungChoice:
        """Returns the segment on one rung, as policies see it."""
        return next(c for c in self._upcoming(index)[0].choices if c.rung == rung.id)

    def _held(self, index: int) -> frozenset[str]:
        """Returns the addresses of model files of the next segments that are held already."""
        held: set[str] = set()
        for rung in self._rungs.values():
            for track in rung.model_tracks:
                for n in {n for n in track.uses[index : index + TOLD_AHEAD] if n is not None}:
                    model = SegmentModel(rung, track, track.chain(n))
                    held |= {file.href for file in model.files} - {f.href for f in self._models.missing(model)}
        return frozenset(held)

    def _decided_model(self, rung: VideoRepresentation, index: int, decision: Decision) -> SegmentModel:
        for track in rung.model_tracks:
            n = track.uses[index]
            if track.id == decision.track and n is not None:
                return SegmentModel(rung, track, track.chain(n))
        first = self.model_for(rung, index)
        return first if not first.files else SegmentModel(rung, None, (), PLAIN_CHOSEN)

    def _enhancing_s_per_s(self, rung: VideoRepresentation, track: ModelTrack) -> float:
        """Returns seconds of enhancing per second of video, by the speed so far; 0 before the first segment."""
        begun = [done for done in self._done if done.record.enhancing_s > 0][-SPEED_SEGMENTS:]
        work = sum(done.work for done in begun)
        frame_s = _work(rung, track) * sum(done.record.enhancing_s for done in begun) / work if work else 0.0
        return frame_s * float(rung.video.frame_rate)


def _duration_s(rung: VideoRepresentation, index: int) -> float:
    return float(Fraction(rung.segments[index].duration_ticks, rung.timescale))


def _work(rung: VideoRepresentation, track: ModelTrack) -> float:
    """Returns the work of a frame: roughly proportional to its time, and good only for comparing networks."""
    width, height = track.input_size_of(rung.video)
    network = track.macs_per_pixel * rung.video.width * rung.video.height
    return float(network + OUTPUT_MACS * width * height * track.scale**2)
