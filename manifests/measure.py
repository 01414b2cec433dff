"""The init segments and segments of a bundle, measured once for all who check or describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import MalformedFragmentError
from manifests.model import Presentation, Representation, Segment
from manifests.mp4.fragments import ByteRange, FragmentInfo, InitInfo, read_fragment, read_init


@dataclass(frozen=True)
class MeasuredSegment:
    """One media segment that could be read."""

    segment: Segment
    """The representation in the manifest."""
    href: str
    size_bytes: int
    fragment: FragmentInfo


@dataclass(frozen=True)
class MeasuredMedia:
    """The files of one representation."""

    init: InitInfo | None
    segments: tuple[MeasuredSegment, ...]
    """Those that could be read, in order."""
    problems: tuple[str, ...]
    """A sentence for each file that could not be read."""


def measure_media(root: Path, p: Presentation) -> dict[str, MeasuredMedia]:
    """The media of the bundle at `root`, by representation id."""
    return {r.id: _measure(root, r) for r in p.representations}


def is_whole(media: Mapping[str, MeasuredMedia]) -> bool:
    """Returns True if every file could be read."""
    return not any(measured.problems for measured in media.values())


def sizes_bytes(media: Mapping[str, MeasuredMedia]) -> dict[str, list[int]]:
    """The size of each segment, by representation id."""
    return {name: [s.size_bytes for s in measured.segments] for name, measured in media.items()}


def first_samples(media: Mapping[str, MeasuredMedia]) -> dict[str, list[ByteRange]]:
    """The place of the first sample of each segment, by representation id."""
    return {name: [s.fragment.first_sample for s in measured.segments] for name, measured in media.items()}


def _measure(root: Path, r: Representation) -> MeasuredMedia:
    href = r.init_href
    try:
        init = read_init((root / href).read_bytes())
    except (OSError, MalformedFragmentError) as error:
        return MeasuredMedia(None, (), (f"{href}: {reason(error)}",))
    found: list[MeasuredSegment] = []
    problems: list[str] = []
    for segment in r.segments:
        href = segment.href
        try:
            data = (root / href).read_bytes()
            found.append(MeasuredSegment(segment, href, len(data), read_fragment(data, init)))
        except (OSError, MalformedFragmentError) as error:
            problems.append(f"{href}: {reason(error)}")
    return MeasuredMedia(init, tuple(found), tuple(problems))


def reason(error: Exception) -> str:
    """The fault of a file, without its name."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
