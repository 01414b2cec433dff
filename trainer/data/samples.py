"""The frames that a title is learnt from and judged by: chosen once, the same ones on every rung.

The source is decoded once for each enhanced size, into a file that every rung maps and that no memory need hold.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.source.reference import reference_frames
from media.source.treatment import SourceTreatment
from trainer.data.mapped_arrays import MappedArrays
from trainer.data.rung import TrainingRung
from trainer.errors import TrainingError
from trainer.settings import Reporter

Plane = NDArray[np.uint8]

_JUDGED_OF = 3
"""Every third kept frame is for judging and never learnt from.

Not an even number: x264 repeats its frame types every two or four frames, and all judged frames would be of one type.
"""


@dataclass(frozen=True)
class Position:
    """Position of a kept frame in the title."""

    segment: int
    index: int
    """Index in the segment, from 0."""
    judged: bool
    """Judged by; learnt from otherwise."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A kept frame as decoded from one rung, with its reference."""

    segment: int
    judged: bool
    luma: Plane
    """(h, w), decoded, of the rung's own size."""
    reference: Plane
    """(H, W), of the enhanced size."""


@dataclass(frozen=True)
class References:
    """The source's kept frames on disk."""

    path: Path
    """`.npy`, uint8 (frames, height, width)."""
    positions: tuple[Position, ...]

    def planes(self) -> NDArray[np.uint8]:
        """Mapped, not read."""
        planes: NDArray[np.uint8] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return planes


def kept_frames(frame_counts: Sequence[int], frame_bytes: int, budget_bytes: int) -> tuple[Position, ...]:
    """Returns frames spread over the title, in order: as many as fit the budget, one of each segment at least."""
    total = sum(frame_counts)
    wanted = min(total, max(budget_bytes // frame_bytes, len(frame_counts)))
    starts = np.cumsum([0, *frame_counts])
    # The middle of each of `wanted` equal stretches of the title.
    kept = ((np.arange(wanted) + 0.5) * total / wanted).astype(int)
    segments = np.searchsorted(starts, kept, side="right") - 1
    spread = [
        Position(int(segment), int(frame - starts[segment]), wanted == 1 or number % _JUDGED_OF == _JUDGED_OF // 2)
        for number, (frame, segment) in enumerate(zip(kept, segments, strict=True))
    ]
    # A segment shorter than the stretches may have been stepped over; nobody would know what a model gains there.
    skipped = set(range(len(frame_counts))) - {position.segment for position in spread}
    spread += [Position(segment, frame_counts[segment] // 2, judged=False) for segment in skipped]
    return tuple(sorted(spread, key=lambda position: (position.segment, position.index)))


def _other_length(source: Path, rung: TrainingRung, frames: str, total: int) -> TrainingError:
    """The error for a bundle that holds another number of frames than the very file it was made from."""
    return TrainingError(
        f"{rung.id} of the bundle has {total} frames, {source.name} gives {frames}: the bundle is broken, or an older "
        "version made it; `neudash verify` reports what is wrong with it, and `neudash package --force` makes it again"
    )


def read_references(
    source: Path, treatment: SourceTreatment, rung: TrainingRung, budget_bytes: int, path: Path, reporter: Reporter
) -> References:
    """Decodes the source at the enhanced size of `rung`, and keeps the frames that `kept_frames` selects in the file
    `path`.

    Raises TrainingError if source and bundle differ in length, MediaError.
    """
    width, height = rung.enhanced_size
    counts = rung.frame_counts()
    # Row of the file for each kept frame, by its number in the title.
    positions = kept_frames(counts, width * height, budget_bytes)
    starts = np.cumsum([0, *counts])
    rows = {int(starts[p.segment]) + p.index: row for row, p in enumerate(positions)}
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_partials(path.parent)
    shape = (len(positions), height, width)
    # Renamed at the end: another run on this bundle may have the file of this name mapped.
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    planes = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
    reporter.begin("reading the source", sum(counts))
    total, frames = sum(counts), 0
    # The whole source is read, to notice one that is longer or shorter than the bundle.
    for frames, frame in enumerate(reference_frames(source, treatment, width, height), 1):
        if frames > total:
            raise _other_length(source, rung, f"more than {total}", total)
        if frames - 1 in rows:
            planes[rows[frames - 1]] = frame.y
        reporter.at(frames)
    if frames < total:
        raise _other_length(source, rung, str(frames), total)
    planes.flush()
    del planes  # Windows renames no file that is open.
    partial.replace(path)
    return References(path, positions)


def _remove_partials(folder: Path) -> None:
    """Removes unfinished files of runs that were killed: gigabytes."""
    for partial in folder.glob("*.npy.*"):
        with suppress(OSError):  # Windows removes no file that is open: its run goes on
            if not _is_of_another(partial.suffix.removeprefix(".")):
                partial.unlink()


def _is_of_another(process_id: str) -> bool:
    """Returns True if another process with this id runs; Windows has no harmless way to ask."""
    if os.name != "posix" or int(process_id) == os.getpid():
        return False
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def samples(rung: TrainingRung, references: References, *, judged_alone: bool = False) -> list[Sample]:
    """Returns the kept frames of a rung in order, or only those for judging. Raises TrainingError, MediaError."""
    planes = references.planes()
    wanted = {
        (p.segment, p.index): (p, plane)
        for p, plane in zip(references.positions, planes, strict=True)
        if p.judged or not judged_alone
    }
    found, decoded = [], MappedArrays(references.path.parent, np.uint8)
    for segment, index, frame in rung.frames():
        if (segment, index) in wanted:
            found.append(wanted[segment, index])
            decoded.add(frame.y)
    return [
        Sample(position.segment, position.judged, luma, plane)
        for (position, plane), luma in zip(found, decoded.arrays(), strict=True)
    ]
