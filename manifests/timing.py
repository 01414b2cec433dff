"""Exact time: `Fraction` rates, ratios and ISO 8601 durations. Floats only for output that people read."""

from __future__ import annotations

import re
from fractions import Fraction

from manifests.errors import MalformedManifestError

_DURATION = re.compile(
    r"P(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,18})?)S)?)?",
    re.ASCII,
)
_FRAME_RATE = re.compile(r"(\d{1,9})(?:/(\d{1,9}))?", re.ASCII)
_RATIO = re.compile(r"(\d{1,9}):(\d{1,9})", re.ASCII)


def parse_duration_s(text: str) -> Fraction:
    """Seconds of an ISO 8601 duration such as `PT1H2M3.5S` (days to seconds; XSD `duration`, DASH).

    Years and months have no fixed length and are refused, as is a sign.
    Raises MalformedManifestError.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "PT") or text.endswith("T"):
        raise MalformedManifestError(f"{text[:40]!r} is not a duration such as PT10.5S")
    part = {name: Fraction(value or 0) for name, value in match.groupdict().items()}
    return part["days"] * 86400 + part["hours"] * 3600 + part["minutes"] * 60 + part["seconds"]


def format_duration(duration_s: Fraction) -> str:
    """`PT…S` with up to nine decimals, rounded up, so that a duration never ends before its media does."""
    if duration_s < 0:
        raise ValueError(f"a duration is never negative, got {duration_s}")
    nanoseconds = -((-duration_s.numerator * 10**9) // duration_s.denominator)
    seconds, rest = divmod(nanoseconds, 10**9)
    decimals = f".{rest:09d}".rstrip("0") if rest else ""
    return f"PT{seconds}{decimals}S"


def parse_frame_rate(text: str) -> Fraction:
    """`30` or `30000/1001` as an exact rate (DASH, FrameRateType). Raises MalformedManifestError."""
    match = _FRAME_RATE.fullmatch(text)
    numerator, denominator = (int(match[1]), int(match[2] or 1)) if match else (0, 1)
    if numerator == 0 or denominator == 0:
        raise MalformedManifestError(f"{text[:40]!r} is not a frame rate such as 30000/1001")
    return Fraction(numerator, denominator)


def format_frame_rate(rate: Fraction) -> str:
    """The inverse of `parse_frame_rate`."""
    return str(rate)


def parse_ratio(text: str) -> Fraction:
    """`16:9` as a number (ISO/IEC 23009-1, RatioType). Raises MalformedManifestError."""
    match = _RATIO.fullmatch(text)
    numerator, denominator = (int(match[1]), int(match[2])) if match else (0, 1)
    if numerator == 0 or denominator == 0:
        raise MalformedManifestError(f"{text[:40]!r} is not a ratio such as 16:9")
    return Fraction(numerator, denominator)


def format_ratio(ratio: Fraction) -> str:
    """The inverse of `parse_ratio`, in lowest terms."""
    return f"{ratio.numerator}:{ratio.denominator}"
