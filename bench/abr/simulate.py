"""One session over a network trace, without bytes and pixels: what the player does, computed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from player.abr.state import Decision, Enhancement, Policy, RungChoice, State, Transfer, Upcoming
from player.network_trace import NetworkTrace

TOLD_AHEAD = 8
"""Segments that a policy is told of."""
TRANSFERS_REMEMBERED = 100
INIT_BYTES = 800
"""Of an init segment, about."""


@dataclass(frozen=True)
class Link:
    """What carries the session."""

    trace: NetworkTrace
    rtt_s: float
    """From a request to its first byte; a segment and its model are asked for at once, a rung's init segment before."""
    begun_s: float = 0.0
    """Where on the trace the first segment is asked for, after the manifest."""


@dataclass(frozen=True)
class Shown:
    """One segment as the viewer had it."""

    rung: str
    track: str | None
    """Of the model that enhanced it in time; None: plainly."""
    quality: float
    bandwidth_bps: float
    media_bytes: float
    model_bytes: float
    download_s: float
    stall_s: float
    """Before it, start-up not counted."""


@dataclass(frozen=True)
class SimulatedSession:
    segments: tuple[Shown, ...]
    startup_s: float
    """To the first segment."""

    @property
    def stall_s(self) -> float:
        return sum(segment.stall_s for segment in self.segments)


@dataclass
class _Session:
    """What changes while it runs."""

    time_s: float = 0.0
    buffer_s: float = 0.0
    enhancer_free_s: float = 0.0
    """When the enhancer is through with what it was given."""
    held: set[str] = field(default_factory=set)
    transfers: list[Transfer] = field(default_factory=list)
    rungs: set[str] = field(default_factory=set)
    """Whose init segments are there."""
    last: Shown | None = None
    memory: tuple[float, ...] = ()


def simulate(title: Sequence[Upcoming], policy: Policy, link: Link, capacity_s: float) -> SimulatedSession:
    """The session of a title whose segments are given in order, from an empty buffer to the last one's arrival."""
    session = _Session(time_s=link.begun_s)
    shown: list[Shown] = []
    startup_s = 0.0
    for position, segment in enumerate(title):
        decision = policy(_state(session, title, position, capacity_s))
        session.memory = decision.memory
        _pass(session, min(decision.wait_s, session.buffer_s))
        session.last = _fetched(session, segment, decision, link, first=not shown)
        shown.append(session.last)
        if position == 0:
            startup_s = session.time_s - link.begun_s
    return SimulatedSession(tuple(shown), startup_s)


def _state(session: _Session, title: Sequence[Upcoming], position: int, capacity_s: float) -> State:
    return State(
        time_s=session.time_s,
        buffer_s=session.buffer_s,
        capacity_s=capacity_s,
        transfers=tuple(session.transfers[-TRANSFERS_REMEMBERED:]),
        upcoming=tuple(title[position : position + TOLD_AHEAD]),
        remaining=len(title) - position,
        held=frozenset(session.held),
        enhancing_s=max(0.0, session.enhancer_free_s - session.time_s),
        last_rung=session.last.rung if session.last else None,
        last_quality=session.last.quality if session.last else None,
        memory=session.memory,
    )


def _pass(session: _Session, duration_s: float) -> None:
    """Time in which nothing arrives and the video plays."""
    session.time_s += duration_s
    session.buffer_s -= duration_s


def _fetched(session: _Session, segment: Upcoming, decision: Decision, link: Link, *, first: bool) -> Shown:
    choice, enhancement = _chosen(segment, decision)
    model_bytes = float(enhancement.missing_bytes(frozenset(session.held))) if enhancement else 0.0
    fetched_bytes = choice.size_bytes + model_bytes
    answered_s = session.time_s + link.rtt_s
    if choice.rung not in session.rungs:
        session.rungs.add(choice.rung)
        answered_s, fetched_bytes = answered_s + link.rtt_s, fetched_bytes + INIT_BYTES
    arrived_s = link.trace.arrival_s(answered_s, fetched_bytes)
    download_s = arrived_s - session.time_s
    session.transfers.append(Transfer(arrived_s, download_s, round(fetched_bytes)))
    session.held |= {part.label for part in enhancement.files} if enhancement else set()
    stall_s = 0.0 if first else max(0.0, download_s - session.buffer_s)
    session.time_s = arrived_s
    session.buffer_s = max(0.0, session.buffer_s - download_s)
    enhanced = enhancement is not None and _enhanced_in_time(session, segment, enhancement)
    session.buffer_s += segment.duration_s
    return Shown(
        rung=choice.rung,
        track=enhancement.track if enhancement and enhanced else None,
        quality=enhancement.quality if enhancement and enhanced else choice.quality,
        bandwidth_bps=choice.bandwidth_bps,
        media_bytes=choice.size_bytes,
        model_bytes=model_bytes,
        download_s=download_s,
        stall_s=stall_s,
    )


def _chosen(segment: Upcoming, decision: Decision) -> tuple[RungChoice, Enhancement | None]:
    choice = next(choice for choice in segment.choices if choice.rung == decision.rung)
    if decision.track is None:
        return choice, None
    return choice, next(e for e in choice.enhancements if e.track == decision.track)


def _enhanced_in_time(session: _Session, segment: Upcoming, enhancement: Enhancement) -> bool:
    """Frame by frame, so it may begin when the segment is due and end when it is over; else it is shown plainly."""
    due_s = session.time_s + session.buffer_s
    begin_s = max(session.time_s, session.enhancer_free_s)
    end_s = begin_s + enhancement.cost_s
    if begin_s > due_s or end_s > due_s + segment.duration_s:
        return False
    session.enhancer_free_s = end_s
    return True
