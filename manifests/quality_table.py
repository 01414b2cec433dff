"""The quality table, a side file of the manifest: bytes and quality of every segment on every rung (docs/bundle.md).

Binary and small, for players, which choose by it during playback; `quality.json` has more, for people.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manifests.errors import MalformedManifestError
from manifests.model import ModelFile
from manifests.mpd.names import ID

MAGIC = b"NDQ1"
MAX_TABLE_BYTES = 2 << 20
MAX_RUNGS = 64
MAX_SEGMENTS = 200_000
"""Largest number of segments of all rungs together, as in a manifest."""
DIGEST_BYTES = 8
_UNKNOWN = 255
_STEPS = 2
"""Scores are stored in half points."""
_COUNTS = struct.Struct("<HI")
_SEGMENT = struct.Struct("<I4B")


@dataclass(frozen=True)
class SegmentQuality:
    """Scores of one segment on one rung, 0 to 100 in steps of a half; None for a score that was not measured."""

    size_bytes: int
    """Size of its media."""
    vmaf: float | None = None
    """VMAF of the plain picture."""
    vmaf_neg: float | None = None
    enhanced_vmaf: float | None = None
    """VMAF enhanced by the model that a player prefers; None if there is none."""
    enhanced_vmaf_neg: float | None = None

    @property
    def plain(self) -> float | None:
        """Score of the plain picture: VMAF-NEG, which is harder to deceive, or VMAF if that was not measured."""
        return self.vmaf if self.vmaf_neg is None else self.vmaf_neg

    @property
    def enhanced(self) -> float | None:
        return self.enhanced_vmaf if self.vmaf_neg is None else self.enhanced_vmaf_neg


@dataclass(frozen=True)
class RungQuality:
    """All segments of a rung, in order."""

    segments: tuple[SegmentQuality, ...]
    models: bytes = bytes(DIGEST_BYTES)
    """`models_digest` of the models that enhanced it: with others, its enhanced scores mean nothing."""


@dataclass(frozen=True)
class QualityTable:
    rungs: Mapping[str, RungQuality]
    """Scores by representation id; all rungs have the same number of segments."""


def models_digest(chains: Sequence[Sequence[ModelFile]]) -> bytes:
    """Returns a digest of the models of a rung's segments; each chain lists the files of one, none for a plain
    segment."""
    text = "\n".join(" ".join(file.sha256 for file in chain) for chain in chains)
    return hashlib.sha256(text.encode()).digest()[:DIGEST_BYTES]


def encode_quality(table: QualityTable) -> bytes:
    """The bytes of the file. Raises MalformedManifestError for a table that no reader takes."""
    counts = {len(rung.segments) for rung in table.rungs.values()}
    if len(counts) != 1 or len(table.rungs) > MAX_RUNGS:
        raise MalformedManifestError("a quality table holds 1 to 64 rungs of equally many segments")
    parts = [MAGIC, _COUNTS.pack(len(table.rungs), counts.pop())]
    for name, rung in table.rungs.items():
        if ID.fullmatch(name) is None:
            raise MalformedManifestError(f"the quality table names a rung {name[:40]!r}, which is not an id")
        parts += [bytes([len(name)]), name.encode("ascii"), rung.models]
    parts += [_segment_bytes(segment) for rung in table.rungs.values() for segment in rung.segments]
    data = b"".join(parts)
    decode_quality(data)
    return data


def _segment_bytes(segment: SegmentQuality) -> bytes:
    scores = (segment.vmaf, segment.vmaf_neg, segment.enhanced_vmaf, segment.enhanced_vmaf_neg)
    try:
        coded = [_UNKNOWN if s is None else min(100 * _STEPS, max(0, round(s * _STEPS))) for s in scores]
        return _SEGMENT.pack(segment.size_bytes, *coded)
    except (ValueError, OverflowError, struct.error) as error:  # no number, or a size beyond 32 bits
        raise MalformedManifestError(f"the quality table has no room for {segment}") from error


def decode_quality(data: bytes) -> QualityTable:
    """The table in a file. Every count is checked before memory is taken. Raises MalformedManifestError."""
    if len(data) > MAX_TABLE_BYTES or data[: len(MAGIC)] != MAGIC or len(data) < len(MAGIC) + _COUNTS.size:
        raise MalformedManifestError("not a quality table: wrong size or magic bytes")
    rungs, segments = _COUNTS.unpack_from(data, len(MAGIC))
    at = len(MAGIC) + _COUNTS.size
    if not 1 <= rungs <= MAX_RUNGS or not 1 <= segments * rungs <= MAX_SEGMENTS:
        raise MalformedManifestError(f"the quality table claims {rungs} rungs of {segments} segments")
    heads: list[tuple[str, bytes]] = []
    for _ in range(rungs):
        head, at = _head(data, at)
        heads.append(head)
    if len({name for name, _ in heads}) != rungs or len(data) - at != rungs * segments * _SEGMENT.size:
        raise MalformedManifestError("the quality table names a rung twice, or its length is not what it implies")
    found = [_segment(values) for values in _SEGMENT.iter_unpack(data[at:])]
    runs = (tuple(found[first : first + segments]) for first in range(0, len(found), segments))
    return QualityTable({name: RungQuality(run, models) for (name, models), run in zip(heads, runs, strict=True)})


def _head(data: bytes, at: int) -> tuple[tuple[str, bytes], int]:
    """Reads id and digest of the rung whose head begins at `at`; also returns the offset of the next one."""
    name_end = at + 1 + (data[at] if at < len(data) else 0)
    end = name_end + DIGEST_BYTES
    name = data[at + 1 : name_end].decode("ascii", errors="replace")
    if end > len(data) or ID.fullmatch(name) is None:
        raise MalformedManifestError(f"the quality table names a rung {name[:40]!r}, or ends in its name")
    return (name, data[name_end:end]), end


def _segment(values: tuple[int, ...]) -> SegmentQuality:
    size_bytes, *scores = values
    if any(100 * _STEPS < score < _UNKNOWN for score in scores):
        raise MalformedManifestError(f"the quality table holds a score of {max(scores) / _STEPS:g}")
    return SegmentQuality(size_bytes, *(None if score == _UNKNOWN else score / _STEPS for score in scores))
