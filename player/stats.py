"""Statistics of a session for `play --stats`: every segment, and the reason if it was not enhanced."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from console.outputs import write_json
from console.text import counted

ModelKind = Literal["none", "base", "update"]


@dataclass
class SegmentStats:
    """One video segment; filled in by each stage as the segment passes."""

    number: int
    rung: str = ""
    """Id of the representation it came from."""
    video_bytes: int = 0
    """Fetched for its video: the segment, and the init segment where this was the first of its rung."""
    model_bytes: int = 0
    """Bytes fetched for its model; 0 if the model was already held."""
    buffer_s: float = 0.0
    """Video ahead of a viewer who watches from the first segment on, when it was asked for."""
    model: ModelKind = "none"
    """Model that the manifest names for it: none, a full set of weights, or an update."""
    frames: int = 0
    enhanced_frames: int = 0
    """Those that went through a network."""
    reused_frames: int = 0
    """Those that got the residual of the frame before, because there was no time for more."""
    enhanced: bool = False
    """True if every frame of it went through a network."""
    reason: str | None = None
    """Why it was not enhanced, or was lost; None for an enhanced segment."""
    download_s: float = 0.0
    decode_s: float = 0.0
    enhance_s: float = 0.0
    """Time to bring its frames to the output size, through a network or plain."""
    network_s: float = 0.0
    """Time of those that went through a network."""

    @property
    def enhancing_s(self) -> float:
        """Time for a frame that goes through the network; 0 before the first."""
        return self.network_s / self.enhanced_frames if self.enhanced_frames else 0.0


@dataclass
class SessionStats:
    """A whole session."""

    segments: list[SegmentStats] = field(default_factory=list)
    frames: int = 0
    enhanced_frames: int = 0
    reused_frames: int = 0
    """Those with the residual of the frame before: the machine had no time for more."""
    dropped_frames: int = 0
    """Those that came too late for a window; files and pictures have them."""
    total_bytes: int = 0
    """Everything received: manifest, init segments, video, audio, models, and failed attempts."""
    startup_s: float = 0.0
    """Time from the start of the session to the first frame."""
    elapsed_s: float = 0.0
    """Time from the start of the session to its end."""
    stall_s: float = 0.0
    """Time in which there was no new frame to show: video that was not delivered, and waiting in a window."""
    network_s: float = 0.0
    """Spent on enhanced frames."""
    enhance_fps: float = 0.0
    """Enhanced frames per second of enhancing; 0 if none was enhanced."""

    def to_json(self) -> dict[str, Any]:
        """The object of `--stats`; seconds rounded to microseconds."""
        return {key: _rounded(value) for key, value in asdict(self).items()}

    def write(self, path: Path) -> None:
        """Raises OSError."""
        write_json(path, self.to_json())


def summary(stats: SessionStats) -> str:
    """A session in a few lines for a person."""
    model_bytes = sum(segment.model_bytes for segment in stats.segments)
    lines = [
        # Not "of them": a session that is cut short leaves enhanced frames that were waiting to be played.
        f"{counted(stats.frames, 'frame')} played, {stats.enhanced_frames} enhanced"
        + (f" at {stats.enhance_fps:.1f} frames a second" if stats.enhanced_frames else "")
        + (f", {stats.reused_frames} by the residual of the one before" if stats.reused_frames else "")
        + (f", {stats.dropped_frames} came too late and were not shown" if stats.dropped_frames else ""),
        f"{stats.total_bytes} bytes received, {model_bytes} of them models",
        f"first frame after {stats.startup_s:.2f} s, stalled for {stats.stall_s:.2f} s",
    ]
    reasons = Counter(segment.reason for segment in stats.segments if segment.reason is not None)
    lines += [
        f"{count} of {counted(len(stats.segments), 'segment')} not enhanced: {why}" for why, count in reasons.items()
    ]
    return "\n".join(lines)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, list):
        return [{key: _rounded(item) for key, item in entry.items()} for entry in value]
    return value
