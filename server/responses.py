"""Decides which status, headers and bytes answer a request for a file, from its facts and the request's headers.

Follows RFC 9110: conditions in section 13, ranges in section 14. The functions are pure and read no file, so every way
of sending uses the same decisions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache

Headers = tuple[tuple[bytes, bytes], ...]

# A file that a manifest lists never changes; the manifest itself may, when a trainer adds models.
CACHE_IMMUTABLE = "public, max-age=31536000, immutable"
CACHE_SHORT = "public, max-age=5"

HTML = "text/html; charset=utf-8"
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""Content-Security-Policy of a bundle's report, a single page with its own script. The author of a bundle is not
trusted: the browser gives the page a separate origin, and it can load nothing from the network."""

_EXPOSED = "Accept-Ranges, Content-Length, Content-Range, ETag, Server-Timing, X-Request-Id"
_REQUEST_HEADERS = (
    "Range, If-Range, If-Match, If-None-Match, If-Unmodified-Since, Cache-Control, Authorization, "
    "CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session"
)

OPEN_TO_ALL: Headers = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", _EXPOSED.encode()),
    (b"timing-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
)
"""Headers that let any page on any host read a bundle, because players run on other hosts. A private bundle is safe:
no browser adds a token by itself."""

ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
"""Methods of every address (RFC 9110, 10.2.1)."""

PREFLIGHT: Headers = (
    *OPEN_TO_ALL,
    (b"access-control-allow-methods", ALLOW[1]),
    (b"access-control-allow-headers", _REQUEST_HEADERS.encode()),
    (b"access-control-max-age", b"86400"),
    ALLOW,
)

# Matches one range of bytes. Several ranges, or another unit, are answered with the whole file (RFC 9110, 14.2).
_ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_BEYOND_ANY_FILE = 10**18
_QUALITY_VALUE = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True)
class FileFacts:
    """Properties of a file at the moment it is served."""

    size_bytes: int
    sha256: str
    media_type: str
    cache_control: str
    modified_s: int | None = None
    """Time of the last change in whole seconds since 1970; None if it is unknown."""
    packed: Mapping[str, int] = field(default_factory=dict)
    """Sizes of the packed forms by content coding, preferred one first; empty if the file is not packed."""

    def etag(self, coding: str | None = None) -> str:
        """Returns the strong entity tag; a packed form has other bytes, and so another tag."""
        return f'"{self.sha256}-{coding}"' if coding else f'"{self.sha256}"'


@dataclass(frozen=True)
class Answer:
    """Status, headers, and the slice `[start, start + length)` of the file that is the body."""

    status: int
    headers: Headers
    start: int = 0
    length: int = 0
    coding: str | None = None
    """Coding of the packed form that is the body; None if the body is a slice of the file itself."""


def answer_for(facts: FileFacts, method: str, request: Mapping[str, str]) -> Answer:
    """Returns the answer to GET or HEAD for a file. `request` contains the headers by lower-case name."""
    # A range has a meaning only for GET, and refers to the file itself, not to a packed form.
    asked = request.get("range") if method == "GET" else None
    coding = best_coding(request.get("accept-encoding"), tuple(facts.packed)) if asked is None else None
    # Conditions come before ranges (RFC 9110, 13.2.2).
    if not _is_still(facts, coding, request.get("if-match"), request.get("if-unmodified-since")):
        return Answer(412, _headers(facts, 0, None))
    if _matches_any(request.get("if-none-match"), facts.etag(coding)):
        return Answer(304, _headers(facts, None, None, coding), coding=coding)
    if coding is not None:
        size = facts.packed[coding]
        return Answer(200, _headers(facts, size, None, coding), 0, size, coding)
    size = facts.size_bytes
    # If-Range permits a range only if the client's version is the present one.
    if asked is None or request.get("if-range", facts.etag()) != facts.etag():
        return Answer(200, _headers(facts, size, None), 0, size)
    # A range that cannot be parsed is ignored; one beyond the end is an error.
    match = _ONE_RANGE.fullmatch(asked)
    if match is None or _is_meaningless(match[1], match[2]):
        return Answer(200, _headers(facts, size, None), 0, size)
    start, end = _slice(match[1], match[2], size)
    if start >= end:
        return Answer(416, _headers(facts, 0, f"bytes */{size}"))
    return Answer(206, _headers(facts, end - start, f"bytes {start}-{end - 1}/{size}"), start, end - start)


@lru_cache(maxsize=256)
def best_coding(header: str | None, offered: tuple[str, ...]) -> str | None:
    """Returns the coding of `offered` (best first) with the highest weight in an Accept-Encoding header.

    None if it accepts none of them, or prefers the file as it is (RFC 9110, 12.5.3).
    """
    if not offered or not header:
        return None
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weights[name.removeprefix("x-")] = _weight(parameters)
    liked = {coding: weights.get(coding, weights.get("*", 0.0)) for coding in offered}
    best = max(offered, key=lambda coding: liked[coding])
    return best if liked[best] > 0 and liked[best] >= weights.get("identity", 0.0) else None


def _weight(parameters: list[str]) -> float:
    """Returns the `q` of an Accept-Encoding item: 1 if it has none, 0 if it is malformed."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _QUALITY_VALUE.fullmatch(value.strip()) else 0.0
    return 1.0


def _headers(facts: FileFacts, length: int | None, content_range: str | None, coding: str | None = None) -> Headers:
    """Returns the headers of an answer about the file. `length` is None for an answer without a body (304)."""
    own = [("etag", facts.etag(coding)), ("cache-control", facts.cache_control)]
    own.append(("accept-ranges", "bytes"))
    if facts.packed:
        own.append(("vary", "Accept-Encoding"))
    if coding is not None:
        own.append(("content-encoding", coding))
    if length is not None:
        own += [("content-type", facts.media_type), ("content-length", str(length))]
    if facts.media_type == HTML:
        own.append(("content-security-policy", _REPORT_POLICY))
    if content_range is not None:
        own.append(("content-range", content_range))
    return (*((name.encode(), value.encode()) for name, value in own), *OPEN_TO_ALL)


def _is_still(facts: FileFacts, coding: str | None, tags: str | None, date: str | None) -> bool:
    """True if If-Match permits the request, by strong comparison, or, without If-Match, If-Unmodified-Since does.

    A malformed date is ignored (RFC 9110, 13.1.1, 13.1.4, 13.2.2).
    """
    if tags is not None:
        listed = [tag.strip() for tag in tags.split(",")]
        return "*" in listed or facts.etag(coding) in listed
    if date is None or facts.modified_s is None:
        return True
    since_s = _seconds_of(date)
    return since_s is None or facts.modified_s <= since_s


def _seconds_of(date: str) -> float | None:
    """Returns an HTTP date as seconds since 1970; None for a text that is not a date."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _matches_any(header: str | None, etag: str) -> bool:
    """True if an If-None-Match matches, by weak comparison, as for GET (RFC 9110, 13.1.2)."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


def _is_meaningless(first: str, last: str) -> bool:
    """True for `-` and for ranges such as `5-1`, which are ignored and not refused."""
    return (not first and not last) or bool(first and last and _position(last) < _position(first))


def _slice(first: str, last: str, size: int) -> tuple[int, int]:
    """Returns the half-open slice of a range; it is empty if it contains no byte of the file."""
    if not first:
        return max(0, size - _position(last)), size
    return _position(first), min(size, _position(last) + 1) if last else size


def _position(digits: str) -> int:
    # Thousands of digits would take long to convert, and lie beyond the end of any file.
    return int(digits) if len(digits) <= 18 else _BEYOND_ANY_FILE
