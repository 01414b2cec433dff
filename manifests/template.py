"""URL templates of segments, expanded (ISO/IEC 23009-1, 5.3.9.4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from manifests.errors import MalformedManifestError
from manifests.hrefs import MAX_HREF_CHARACTERS, checked_href

_FIELD = re.compile(r"\$(RepresentationID|Number|Time|Bandwidth)(?:%0(\d{1,2})d)?\$", re.ASCII)


def expand(template: str, values: Mapping[str, str | int]) -> str:
    """Returns the address that `template` gives for these values. Raises MalformedManifestError."""
    return checked_href(_filled(template, values))


def resolve(template: str, representation_id: str, bandwidth_bps: int) -> str:
    """Returns `template` with the fields of a representation filled in; those of a segment stay.

    Raises MalformedManifestError for a field that a template may not use.
    """
    segment_fields = {match[1]: match[0] for match in _FIELD.finditer(template) if match[1] in ("Number", "Time")}

    def kept(match: re.Match[str]) -> str:
        if match[1] in segment_fields:
            return match[0]
        return _filled(match[0], {"RepresentationID": representation_id, "Bandwidth": bandwidth_bps})

    _check_length(template)
    return _FIELD.sub(kept, template)


def tells_segments_apart(template: str) -> bool:
    """Returns True if `template` gives every segment of a representation an address of its own."""
    return any(match[1] in ("Number", "Time") for match in _FIELD.finditer(template))


def with_representation_id(href: str, representation_id: str) -> str:
    """Returns `href`, an address or a template, with `$RepresentationID$` for an id that begins a name in it."""
    return re.sub(rf"(^|/){re.escape(representation_id)}(?=[/.\-])", r"\1$RepresentationID$", href, count=1)


def _filled(template: str, values: Mapping[str, str | int]) -> str:
    _check_length(template)

    def value(match: re.Match[str]) -> str:
        known = values.get(match[1])
        if known is None or (match[2] and isinstance(known, str)):
            raise MalformedManifestError(f"template {template[:80]!r} may not use {match[0]}")
        return str(known).zfill(int(match[2] or 1))

    return _FIELD.sub(value, template)


def _check_length(template: str) -> None:
    if len(template) > MAX_HREF_CHARACTERS:
        raise MalformedManifestError(f"template {template[:80]!r} is longer than {MAX_HREF_CHARACTERS} characters")
