"""What a policy knows when it decides, and what it answers. All of it immutable; the time is a field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LEAST_BPS, MOST_BPS = 1.0, 1e12


@dataclass(frozen=True)
class Transfer:
    """One finished download."""

    ended_s: float
    duration_s: float
    """From the request to the last byte."""
    size_bytes: int
    """Received meanwhile, models and sound included."""

    @property
    def rate_bps(self) -> float:
        """Throughput, kept to what a network can have."""
        return min(MOST_BPS, max(LEAST_BPS, 8 * self.size_bytes / max(1e-9, self.duration_s)))


@dataclass(frozen=True)
class ModelPart:
    """A file of a model: the full weights, or an update in its chain."""

    label: str
    """Equal labels mean one file."""
    size_bytes: int


@dataclass(frozen=True)
class Enhancement:
    """A model that can enhance a segment of a rung."""

    track: str
    """Id of the ModelTrack."""
    files: tuple[ModelPart, ...]
    quality: float
    """Of the enhanced segment, as `RungChoice.quality`."""
    cost_s: float
    """Seconds that this machine takes to enhance the segment."""

    def missing_bytes(self, held: frozenset[str]) -> int:
        """What has to be fetched before it can be used."""
        return sum(part.size_bytes for part in self.files if part.label not in held)


@dataclass(frozen=True)
class RungChoice:
    """A segment on one rung."""

    rung: str
    """Id of the representation."""
    bandwidth_bps: float
    """Of the rung: its mean where all its segments are known, else as the manifest states it."""
    size_bytes: float
    """Of the segment's media; the rung's mean where nothing better is known."""
    quality: float
    """Enlarged plainly: VMAF-NEG or what stands in for it, 0 to 100."""
    enhancements: tuple[Enhancement, ...] = ()


@dataclass(frozen=True)
class Upcoming:
    """A segment that is still to be fetched."""

    duration_s: float
    choices: tuple[RungChoice, ...]
    """One a rung, at least one, lowest bandwidth first; the same rungs for all segments."""


@dataclass(frozen=True)
class State:
    """A session at the moment when the next segment may be fetched."""

    buffer_s: float
    """Video that is there and not yet shown."""
    capacity_s: float
    """How much of it there may be."""
    transfers: tuple[Transfer, ...]
    """Newest last."""
    upcoming: tuple[Upcoming, ...]
    """Next first, at least one; so many as the caller cares to tell."""
    remaining: int = 1
    """Segments left of the presentation, the next one included."""
    held: frozenset[str] = frozenset()
    """Labels of the model files that are there."""
    enhancing_s: float = 0.0
    """Work that waits for the enhancer, in seconds of this machine; 0 where frames are enhanced as they are shown."""
    last_rung: str | None = None
    last_quality: float | None = None
    """Of the segment chosen last, as it will be shown; None before the first."""
    memory: tuple[float, ...] = ()
    """What the policy put into its decision last time; empty before the first."""


@dataclass(frozen=True)
class Decision:
    """How to get the next segment."""

    rung: str
    track: str | None = None
    """The ModelTrack whose model is to enhance it; None for plain upscaling."""
    wait_s: float = 0.0
    """Before the request, because the buffer is full enough."""
    memory: tuple[float, ...] = ()
    """Given back with the next state."""


@dataclass(frozen=True)
class Progress:
    """A segment that is on its way, with its model where that has to be fetched as well."""

    rung: str
    track: str | None
    size_bytes: float
    """Of all that was asked for."""
    received_bytes: float
    elapsed_s: float
    """Since it was asked for."""
    recent: Transfer
    """What came in the last seconds of it."""

    @property
    def rest_bytes(self) -> float:
        return max(0.0, self.size_bytes - self.received_bytes)

    @property
    def rate_bps(self) -> float:
        """Since it was asked for."""
        return Transfer(0.0, self.elapsed_s, round(self.received_bytes)).rate_bps


Policy = Callable[[State], Decision]
Abandon = Callable[[State, Progress], Decision | None]
"""Whether the segment under way, first of `upcoming`, is given up for one of a lower rung; None: it is not."""


@dataclass(frozen=True)
class Rule:
    """A way to choose rungs, one module of `player.abr.policies` each."""

    name: str
    """Name by which `--abr` offers it."""
    choose: Policy
    abandon: Abandon | None = None
    """Rule for giving a running download up; None for one that never does."""


def full_wait_s(state: State) -> float:
    """How long until the next segment fits the buffer."""
    return max(0.0, state.buffer_s + state.upcoming[0].duration_s - state.capacity_s)


def choice_of(state: State, rung: str | None) -> int:
    """Where a rung stands among the choices, from the bottom; 0 for one that is not there."""
    names = [choice.rung for choice in state.upcoming[0].choices]
    return names.index(rung) if rung in names else 0
