"""Simulates one session of the player over a network trace, from sizes and times only. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from player.abr.controller import TRANSFERS_REMEMBERED
from player.abr.inputs import TOLD_AHEAD
from player.abr.progress import LOOK_S, RECENT_S
from player.abr.state import Abandon, Decision, Enhancement, Policy, Progress, RungChoice, State, Transfer, Upcoming
from player.fetching.network_trace import NetworkTrace

INIT_BYTES = 800
"""Approximate size of an init segment."""


@dataclass(frozen=True)
class Link:
    """Network connection of a session."""

    trace: NetworkTrace
    rtt_s: float
    """Seconds from a request to its first byte; a segment and model are requested together, after an init segment."""
    begun_s: float = 0.0
    """Time on the trace at which the first segment is requested, after the manifest."""


@dataclass(frozen=True)
class Shown:
    """One segment as it was shown."""

    rung: str
    track: str | None
    """Track of the model that enhanced it in time; None if it was shown plain."""
    quality: float
    bandwidth_bps: float
    media_bytes: float
    model_bytes: float
    given_up_bytes: float
    """Bytes received for this segment from rungs that were abandoned."""
    download_s: float
    stall_s: float
    """Seconds of stall before it; start-up does not count."""


@dataclass(frozen=True)
class SimulatedSession:
    segments: tuple[Shown, ...]
    startup_s: float
    """Seconds until the first segment has arrived."""

    @property
    def stall_s(self) -> float:
        return sum(segment.stall_s for segment in self.segments)


@dataclass(frozen=True)
class _Request:
    asked_s: float
    answered_s: float
    """Time at which its first byte is sent."""
    size_bytes: float


@dataclass
class _Session:
    """State of a running session."""

    time_s: float = 0.0
    buffer_s: float = 0.0
    enhancer_free_s: float = 0.0
    """Time at which the enhancer has finished all it was given."""
    held: set[str] = field(default_factory=set)
    transfers: list[Transfer] = field(default_factory=list)
    rungs: set[str] = field(default_factory=set)
    """Rungs whose init segments have been fetched."""
    last: Shown | None = None
    memory: tuple[float, ...] = ()


def simulate(
    title: Sequence[Upcoming], policy: Policy, link: Link, capacity_s: float, abandon: Abandon | None = None
) -> SimulatedSession:
    """Simulates a title whose segments are given in order, from an empty buffer until the last one has arrived."""
    session = _Session(time_s=link.begun_s)
    shown: list[Shown] = []
    startup_s = 0.0
    for index in range(len(title)):
        state = _state(session, title, index, capacity_s)
        decision = policy(state)
        session.memory = decision.memory
        _pass(session, min(decision.wait_s, session.buffer_s))
        # Before the first picture nothing is abandoned: the viewer waits for what was requested.
        session.last = _fetched(session, state, decision, link, abandon if shown else None)
        shown.append(session.last)
        if index == 0:
            startup_s = session.time_s - link.begun_s
    return SimulatedSession((replace(shown[0], stall_s=0.0), *shown[1:]), startup_s)


def _state(session: _Session, title: Sequence[Upcoming], index: int, capacity_s: float) -> State:
    return State(
        buffer_s=session.buffer_s,
        capacity_s=capacity_s,
        transfers=tuple(session.transfers[-TRANSFERS_REMEMBERED:]),
        upcoming=tuple(title[index : index + TOLD_AHEAD]),
        remaining=len(title) - index,
        held=frozenset(session.held),
        enhancing_s=max(0.0, session.enhancer_free_s - session.time_s),
        last_rung=session.last.rung if session.last else None,
        last_quality=session.last.quality if session.last else None,
        memory=session.memory,
    )


def _pass(session: _Session, duration_s: float) -> float:
    """Lets time pass while the video plays; returns the seconds of it that were stalled."""
    stall_s = max(0.0, duration_s - session.buffer_s)
    session.time_s += duration_s
    session.buffer_s = max(0.0, session.buffer_s - duration_s)
    return stall_s


def _fetched(session: _Session, state: State, decision: Decision, link: Link, abandon: Abandon | None) -> Shown:
    """Fetches the next segment as decided, or as decided again while it was under way."""
    asked_s, stall_s, model_bytes, given_up_bytes, left_bytes = session.time_s, 0.0, 0.0, 0.0, 0.0
    segment = state.upcoming[0]
    while True:
        # What is requested: the segment, the missing parts of its model, and the init segment of a new rung.
        choice, enhancement = _chosen(segment, decision)
        missing_bytes = float(enhancement.missing_bytes(frozenset(session.held))) if enhancement else 0.0
        # A model is still downloaded if its segment is abandoned.
        ahead_bytes = left_bytes + missing_bytes
        model_bytes += missing_bytes
        session.held |= {part.label for part in enhancement.files} if enhancement else set()
        answered_s, size_bytes = session.time_s + link.rtt_s, choice.size_bytes + ahead_bytes
        if choice.rung not in session.rungs:
            session.rungs.add(choice.rung)
            answered_s, size_bytes = answered_s + link.rtt_s, size_bytes + INIT_BYTES
        request = _Request(session.time_s, answered_s, size_bytes)
        # The request runs to its end, or until the policy abandons it; then the next decision is tried.
        until_s, instead = _watched(session, state, decision, request, link, abandon)
        came_bytes = link.trace.bytes_between(min(answered_s, until_s), until_s) if instead else size_bytes
        session.transfers.append(Transfer(until_s, until_s - session.time_s, round(came_bytes)))
        stall_s += _pass(session, until_s - session.time_s)
        if instead is None:
            break
        given_up_bytes += max(0.0, came_bytes - ahead_bytes)
        left_bytes = max(0.0, ahead_bytes - came_bytes)
        decision = instead
    # The model only counts if the enhancer keeps up.
    enhanced = enhancement is not None and _enhanced_in_time(session, segment, enhancement)
    session.buffer_s += segment.duration_s
    return Shown(
        rung=choice.rung,
        track=enhancement.track if enhancement and enhanced else None,
        quality=enhancement.quality if enhancement and enhanced else choice.quality,
        bandwidth_bps=choice.bandwidth_bps,
        media_bytes=choice.size_bytes,
        model_bytes=model_bytes,
        given_up_bytes=given_up_bytes,
        download_s=session.time_s - asked_s,
        stall_s=stall_s,
    )


def _watched(
    session: _Session, state: State, decision: Decision, request: _Request, link: Link, abandon: Abandon | None
) -> tuple[float, Decision | None]:
    """Returns the time at which the request ends, and the new decision if it is abandoned then."""
    arrived_s = link.trace.arrival_s(request.answered_s, request.size_bytes)
    # The player looks at regular intervals, and only if the policy has a rule for abandoning.
    looks = math.ceil((arrived_s - request.asked_s) / LOOK_S) if abandon is not None else 0
    for look in range(1, looks):
        now_s = request.asked_s + look * LOOK_S
        elapsed_s = now_s - request.asked_s
        recent_s = min(RECENT_S, elapsed_s)
        received, before = (
            link.trace.bytes_between(min(request.answered_s, at_s), at_s) for at_s in (now_s, now_s - recent_s)
        )
        assert abandon is not None, "there are no looks without a rule"
        # The rule sees the state at the time of this look.
        instead = abandon(
            replace(
                state,
                buffer_s=max(0.0, session.buffer_s - elapsed_s),
                transfers=tuple(session.transfers[-TRANSFERS_REMEMBERED:]),
                held=frozenset(session.held),
                enhancing_s=max(0.0, session.enhancer_free_s - now_s),
            ),
            Progress(
                decision.rung,
                decision.track,
                request.size_bytes,
                received,
                elapsed_s,
                Transfer(now_s, recent_s, round(received - before)),
            ),
        )
        if instead is not None:
            return now_s, instead
    return arrived_s, None


def _chosen(segment: Upcoming, decision: Decision) -> tuple[RungChoice, Enhancement | None]:
    choice = next(choice for choice in segment.choices if choice.rung == decision.rung)
    if decision.track is None:
        return choice, None
    return choice, next(e for e in choice.enhancements if e.track == decision.track)


def _enhanced_in_time(session: _Session, segment: Upcoming, enhancement: Enhancement) -> bool:
    """Reserves the enhancer and returns True if it can start when the segment is due and finish before it is over."""
    due_s = session.time_s + session.buffer_s
    begin_s = max(session.time_s, session.enhancer_free_s)
    end_s = begin_s + enhancement.cost_s
    if begin_s > due_s or end_s > due_s + segment.duration_s:
        return False
    session.enhancer_free_s = end_s
    return True
