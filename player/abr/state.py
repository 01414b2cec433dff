"""State that a policy decides on, and its decision. All immutable; the time is a field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LEAST_BPS, MOST_BPS = 1.0, 1e12


@dataclass(frozen=True)
class Transfer:
    """One finished download."""

    ended_s: float
    duration_s: float
    """Time from the request to the last byte."""
    size_bytes: int
    """Bytes received during it, models and sound included."""

    @property
    def rate_bps(self) -> float:
        """Throughput, limited to plausible values."""
        return min(MOST_BPS, max(LEAST_BPS, 8 * self.size_bytes / max(1e-9, self.duration_s)))


@dataclass(frozen=True)
class ModelPart:
    """A file of a model: the full weights, or an update in its chain."""

    label: str
    """Address of the file; equal labels mean one file."""
    size_bytes: int


@dataclass(frozen=True)
class Enhancement:
    """A model that can enhance a segment of a rung."""

    track: str
    """Id of the ModelTrack."""
    files: tuple[ModelPart, ...]
    quality: float
    """Score of the enhanced segment, on the scale of `RungChoice.quality`."""
    cost_s: float
    """Seconds that this machine takes to enhance the segment."""

    def missing_bytes(self, held: frozenset[str]) -> int:
        """Returns the bytes that have to be fetched before it can be used."""
        return sum(part.size_bytes for part in self.files if part.label not in held)


@dataclass(frozen=True)
class RungChoice:
    """A segment on one rung."""

    rung: str
    """Id of the representation."""
    bandwidth_bps: float
    """Bandwidth of the rung: its mean if all its segments are known, else as stated in the manifest."""
    size_bytes: float
    """Size of the segment's media; the rung's mean if it is not known."""
    quality: float
    """Score of the plain picture, 0 to 100: VMAF-NEG or an estimate of it."""
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
    """Largest buffer."""
    transfers: tuple[Transfer, ...]
    """Newest last."""
    upcoming: tuple[Upcoming, ...]
    """Coming segments, next first, at least one; the caller decides how many."""
    remaining: int = 1
    """Segments left of the presentation, the next one included."""
    held: frozenset[str] = frozenset()
    """Labels of the model files that are there."""
    enhancing_s: float = 0.0
    """Work that waits for the enhancer, in seconds of this machine; 0 where frames are enhanced as they are shown."""
    last_rung: str | None = None
    last_quality: float | None = None
    """Score of the segment chosen last, as it will be shown; None before the first."""
    memory: tuple[float, ...] = ()
    """Memory of the policy's last decision; empty before the first."""


@dataclass(frozen=True)
class Decision:
    """Rung and model for the next segment."""

    rung: str
    track: str | None = None
    """The ModelTrack whose model is to enhance it; None for the plain resize."""
    wait_s: float = 0.0
    """Time to wait before the request, because the buffer is full enough."""
    memory: tuple[float, ...] = ()
    """Given back with the next state."""


@dataclass(frozen=True)
class Progress:
    """A segment that is being downloaded, with its model if that has to be fetched too."""

    rung: str
    track: str | None
    size_bytes: float
    """Bytes of everything that was requested."""
    received_bytes: float
    elapsed_s: float
    """Value since the request."""
    recent: Transfer
    """Bytes received in the last seconds of it."""

    @property
    def rest_bytes(self) -> float:
        return max(0.0, self.size_bytes - self.received_bytes)

    @property
    def rate_bps(self) -> float:
        """Value since the request."""
        return Transfer(0.0, self.elapsed_s, round(self.received_bytes)).rate_bps


Policy = Callable[[State], Decision]
Abandon = Callable[[State, Progress], Decision | None]
"""Returns a decision for a lower rung if the running download, first of `upcoming`, is abandoned; else None."""


@dataclass(frozen=True)
class Rule:
    """A way to choose rungs, one module of `player.abr.policies` each."""

    name: str
    """Name by which `--abr` offers it."""
    choose: Policy
    abandon: Abandon | None = None
    """Rule for giving a running download up; None for one that never does."""


def full_wait_s(state: State) -> float:
    """Returns the time until the next segment fits the buffer."""
    return max(0.0, state.buffer_s + state.upcoming[0].duration_s - state.capacity_s)


def choice_of(state: State, rung: str | None) -> int:
    """Returns the index of a rung among the choices, from the lowest; 0 for one that is not there."""
    names = [choice.rung for choice in state.upcoming[0].choices]
    return names.index(rung) if rung in names else 0
