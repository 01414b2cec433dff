"""The URL templates of a representation, expanded (ISO/IEC 23009-1, 5.3.9.4.4)."""

from __future__ import annotations

import re

from manifests.errors import MalformedManifestError
from manifests.hrefs import MAX_HREF_CHARACTERS, checked_href
from manifests.model import Representation, Segment

_FIELD = re.compile(r"\$(RepresentationID|Number|Time|Bandwidth)(?:%0(\d{1,2})d)?\$", re.ASCII)


def initialization_href(r: Representation) -> str:
    """Where the init segment of `r` is, relative to the base URL. Raises MalformedManifestError."""
    values: dict[str, str | int] = {"RepresentationID": r.id, "Bandwidth": r.bandwidth_bps}
    return _expand(r.initialization, values)


def segment_href(r: Representation, segment: Segment) -> str:
    """Where a media segment of `r` is, relative to the base URL. Raises MalformedManifestError."""
    values: dict[str, str | int] = {
        "RepresentationID": r.id,
        "Bandwidth": r.bandwidth_bps,
        "Number": segment.number,
        "Time": segment.start_ticks,
    }
    return _expand(r.media, values)


def tells_segments_apart(template: str) -> bool:
    """Whether `template` names every segment of a representation differently."""
    return any(match[1] in ("Number", "Time") for match in _FIELD.finditer(template))


def _expand(template: str, values: dict[str, str | int]) -> str:
    if len(template) > MAX_HREF_CHARACTERS:
        raise MalformedManifestError(f"template {template[:80]!r} is longer than {MAX_HREF_CHARACTERS} characters")

    def value(match: re.Match[str]) -> str:
        known = values.get(match[1])
        if known is None or (match[2] and isinstance(known, str)):
            raise MalformedManifestError(f"template {template[:80]!r} may not use {match[0]}")
        return str(known).zfill(int(match[2] or 1))

    return checked_href(_FIELD.sub(value, template))
