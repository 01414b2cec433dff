"""Which bytes and headers answer a request for a file: pure functions of its facts and the request's headers.

HTTP semantics are those of RFC 9110: conditions in section 13, ranges in section 14. Nothing here reads a
file, so the same decisions serve any path by which bytes reach a socket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache

Headers = tuple[tuple[bytes, bytes], ...]

# A name that a manifest lists never changes its content; the manifest itself may, when a trainer adds models.
CACHE_IMMUTABLE = "public, max-age=31536000, immutable"
CACHE_SHORT = "public, max-age=5"

HTML = "text/html; charset=utf-8"
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""A report is one file with its own script. Whoever made the bundle wrote it, so it acts for nobody here: the browser
gives it an origin of its own, and it reaches nothing."""

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
"""Any page on any host may read a bundle: players live elsewhere. A private one asks for a token all the same, which no
browser adds by itself."""

ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
"""The methods of every address here (RFC 9110, 10.2.1)."""

PREFLIGHT: Headers = (
    *OPEN_TO_ALL,
    (b"access-control-allow-methods", ALLOW[1]),
    (b"access-control-allow-headers", _REQUEST_HEADERS.encode()),
    (b"access-control-max-age", b"86400"),
    ALLOW,
)

# One range of bytes; more than one, or another unit, is answered with the whole file (RFC 9110, 14.2).
_ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_BEYOND_ANY_FILE = 10**18
_QUALITY_VALUE = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True)
class FileFacts:
    """What is known of a file at the moment it is served."""

    size_bytes: int
    sha256: str
    media_type: str
    cache_control: str
    modified_s: int | None = None
    """When the file was changed last, in whole seconds since 1970; None if that is not known."""
    packed: Mapping[str, int] = field(default_factory=dict)
    """Sizes of its packed forms by content coding, the one to be preferred first; none where it is sent as it is."""

    def etag(self, coding: str | None = None) -> str:
        """Strong: equal tags mean equal bytes, and a packed form is other bytes."""
        return f'"{self.sha256}-{coding}"' if coding else f'"{self.sha256}"'


@dataclass(frozen=True)
class Answer:
    """A status, its headers, and the slice `[start, start + length)` of the file that is its body."""

    status: int
    headers: Headers
    start: int = 0
    length: int = 0
    coding: str | None = None
    """The packed form that the body is, whole; None for a slice of the file as it is."""


def answer_for(facts: FileFacts, method: str, request: Mapping[str, str]) -> Answer:
    """The answer to GET or HEAD for a file, given the request's headers by their names in lower case."""
    # A range means something for GET alone, and is one of the file as it is.
    asked = request.get("range") if method == "GET" else None
    coding = best_coding(request.get("accept-encoding"), tuple(facts.packed)) if asked is None else None
    if not _is_still(facts, coding, request.get("if-match"), request.get("if-unmodified-since")):
        return Answer(412, _headers(facts, 0, None))
    if _matches_any(request.get("if-none-match"), facts.etag(coding)):
        return Answer(304, _headers(facts, None, None, coding), coding=coding)
    if coding is not None:
        size = facts.packed[coding]
        return Answer(200, _headers(facts, size, None, coding), 0, size, coding)
    size = facts.size_bytes
    # If-Range keeps a range only while the file is the one already known.
    if asked is None or request.get("if-range", facts.etag()) != facts.etag():
        return Answer(200, _headers(facts, size, None), 0, size)
    match = _ONE_RANGE.fullmatch(asked)
    if match is None or _is_meaningless(match[1], match[2]):
        return Answer(200, _headers(facts, size, None), 0, size)
    start, end = _slice(match[1], match[2], size)
    if start >= end:
        return Answer(416, _headers(facts, 0, f"bytes */{size}"))
    return Answer(206, _headers(facts, end - start, f"bytes {start}-{end - 1}/{size}"), start, end - start)


@lru_cache(maxsize=256)
def best_coding(header: str | None, offered: tuple[str, ...]) -> str | None:
    """The one of `offered`, best first, that an Accept-Encoding likes best and no less than the file as it is.

    None where it wants none of them (RFC 9110, 12.5.3).
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
    """1 where none is given, 0 where it cannot be read."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _QUALITY_VALUE.fullmatch(value.strip()) else 0.0
    return 1.0


def _headers(facts: FileFacts, length: int | None, content_range: str | None, coding: str | None = None) -> Headers:
    """Those of every answer about the file; `length` None where there is no body to speak of (304)."""
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
    """Whether If-Match lets the request through, by strong comparison, or without it If-Unmodified-Since.

    A date that cannot be read is ignored (RFC 9110, 13.1.1, 13.1.4, 13.2.2).
    """
    if tags is not None:
        listed = [tag.strip() for tag in tags.split(",")]
        return "*" in listed or facts.etag(coding) in listed
    if date is None or facts.modified_s is None:
        return True
    since_s = _seconds_of(date)
    return since_s is None or facts.modified_s <= since_s


def _seconds_of(date: str) -> float | None:
    """Seconds since 1970 of an HTTP date; None for a text that is not one."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _matches_any(header: str | None, etag: str) -> bool:
    """If-None-Match by weak comparison, as a GET needs (RFC 9110, 13.1.2)."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


def _is_meaningless(first: str, last: str) -> bool:
    """`-`, or `5-1`: not a range at all, so it is ignored rather than refused."""
    return (not first and not last) or bool(first and last and _position(last) < _position(first))


def _slice(first: str, last: str, size: int) -> tuple[int, int]:
    """Half-open; empty if no byte of the file is asked for."""
    if not first:
        return max(0, size - _position(last)), size
    return _position(first), min(size, _position(last) + 1) if last else size


def _position(digits: str) -> int:
    # Thousands of digits cost time to convert, and point behind the end of any file anyway.
    return int(digits) if len(digits) <= 18 else _BEYOND_ANY_FILE
