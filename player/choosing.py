"""Asks a policy for the next segment, in the terms of the manifest: what is there, what is known, what it decided."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from manifests.model import ModelTrack, Representation
from manifests.quality import QualityTable
from player.abr.state import Decision, Policy, State, Transfer, Upcoming, full_wait_s
from player.models import ModelStore
from player.outlook import TOLD_AHEAD, outlook
from player.stats import SegmentStats
from player.viewing import Viewing
from player.wanted import WantedModel, wanted_model

TRANSFERS_REMEMBERED = 100
SPEED_SEGMENTS = 10
"""Enhanced segments that the machine's speed is judged by."""
PLAIN_CHOSEN = "the rule chose plain upscaling"
ENHANCEMENT_OFF = "enhancement is off"


@dataclass(frozen=True)
class Chosen:
    """How to get a segment."""

    representation: Representation
    wanted: WantedModel
    wait_s: float = 0.0


@dataclass(frozen=True)
class _Done:
    """A segment that went to the enhancer, for measuring its speed."""

    record: SegmentStats
    macs: float
    """Multiply-adds of its model."""


class Chooser:
    """Remembers what the policies, being pure, cannot."""

    def __init__(
        self, rungs: Sequence[Representation], policy: Policy, models: ModelStore, *, enhance: bool, capacity_s: float
    ) -> None:
        """`rungs` are those to choose among; `capacity_s` is how much video the session keeps ahead."""
        self._rungs = {rung.id: rung for rung in rungs}
        self._policy = policy
        self._models = models
        self._enhance = enhance
        self._capacity_s = capacity_s
        self._transfers: deque[Transfer] = deque(maxlen=TRANSFERS_REMEMBERED)
        self._viewing = Viewing()
        self._done: deque[_Done] = deque(maxlen=SPEED_SEGMENTS)
        self._last: tuple[str, float] | None = None
        self._memory: tuple[float, ...] = ()
        self.table: QualityTable | None = None
        """Set as soon as it is there."""

    def best(self, position: int) -> Chosen:
        """Where the network is no matter: the rung of most bits."""
        rung = max(self._rungs.values(), key=lambda r: r.bandwidth_bps)
        return Chosen(rung, self.wanted(rung, position))

    def choose(self, position: int) -> Chosen:
        """What the policy decides for the segment at `position` (from 0)."""
        state = self._state(position)
        if len(self._rungs) == 1:
            # A viewer who wants one rung alone wants it at its best.
            only = self.best(position)
            return Chosen(only.representation, only.wanted, full_wait_s(state))
        decision = self._policy(state)
        self._memory = decision.memory
        rung = self._rungs[decision.rung]
        return Chosen(rung, self._decided_model(rung, position, decision), min(decision.wait_s, self.buffer_s()))

    def wanted(self, rung: Representation, position: int) -> WantedModel:
        """The manifest's first choice of a model, unless enhancement is off."""
        if not self._enhance:
            return WantedModel(rung, None, (), ENHANCEMENT_OFF)
        return wanted_model(rung, position)

    def buffer_s(self) -> float:
        """Video ahead of a viewer who watches from the first segment on."""
        return self._viewing.buffer_s(time.monotonic())

    def delivered(
        self, position: int, rung: Representation, track: ModelTrack | None, transfer: Transfer, record: SegmentStats
    ) -> None:
        """A segment came, to be enhanced by `track`."""
        self._transfers.append(transfer)
        self._viewing.add(_duration_s(rung, position), transfer.ended_s)
        choice = next(c for c in self._upcoming(position)[0].choices if c.rung == rung.id)
        enhanced = [e.quality for e in choice.enhancements if track is not None and e.track == track.id]
        self._last = rung.id, enhanced[0] if enhanced else choice.quality
        if track is not None:
            self._done.append(_Done(record, _macs_per_s(rung, track) * _duration_s(rung, position)))

    def _state(self, position: int) -> State:
        return State(
            time_s=time.monotonic(),
            buffer_s=self.buffer_s(),
            capacity_s=self._capacity_s,
            transfers=tuple(self._transfers),
            upcoming=self._upcoming(position),
            remaining=self._segment_count - position,
            held=self._held(position),
            last_rung=None if self._last is None else self._last[0],
            last_quality=None if self._last is None else self._last[1],
            memory=self._memory,
        )

    @property
    def _segment_count(self) -> int:
        return len(next(iter(self._rungs.values())).segments)

    def _upcoming(self, position: int) -> tuple[Upcoming, ...]:
        positions = range(position, min(position + TOLD_AHEAD, self._segment_count))
        seconds_of = self._enhancing_s_per_s if self._enhance else None
        return outlook(tuple(self._rungs.values()), self.table, positions, seconds_of)

    def _held(self, position: int) -> frozenset[str]:
        """Labels of the model files of the next segments that need not be asked for."""
        held: set[str] = set()
        for rung in self._rungs.values():
            for track in rung.model_tracks:
                for n in {n for n in track.uses[position : position + TOLD_AHEAD] if n is not None}:
                    wanted = WantedModel(rung, track, track.chain(n))
                    held |= {file.label for file in wanted.files} - {f.label for f in self._models.missing(wanted)}
        return frozenset(held)

    def _decided_model(self, rung: Representation, position: int, decision: Decision) -> WantedModel:
        for track in rung.model_tracks:
            n = track.uses[position]
            if track.id == decision.track and n is not None:
                return WantedModel(rung, track, track.chain(n))
        first = self.wanted(rung, position)
        return first if not first.files else WantedModel(rung, None, (), PLAIN_CHOSEN)

    def _enhancing_s_per_s(self, rung: Representation, track: ModelTrack) -> float:
        """Seconds of enhancing a second of video, by the speed of segments that are through; 0 before the first."""
        # The last one that was begun may not be through.
        through = [done for done in self._done if done.record.enhance_s > 0][:-1]
        macs = sum(done.macs for done in through)
        return _macs_per_s(rung, track) * sum(done.record.enhance_s for done in through) / macs if macs else 0.0


def _duration_s(rung: Representation, position: int) -> float:
    return float(Fraction(rung.segments[position].duration_ticks, rung.timescale))


def _macs_per_s(rung: Representation, track: ModelTrack) -> float:
    """Multiply-adds that a second of video takes."""
    assert rung.video is not None, "a rung is of video"
    return float(track.macs_per_pixel * rung.video.width * rung.video.height * rung.video.frame_rate)
