"""Generates manifests: one with base URLs on other hosts, and one that shows a finished film as a live channel."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from math import floor

from lxml import etree

from manifests.model import Presentation, Representation, Segment, VideoRepresentation
from manifests.mpd.names import dash
from manifests.mpd.write import write_mpd
from manifests.mpd.xml import Element, parse_xml
from manifests.timing import format_duration
from server.catalogue import ServedFile

LIVE = "live.mpd"
_WINDOW_S = 60
_HTTP_TIME = "urn:mpeg:dash:utc:http-iso:2014"
_TIME_ITSELF = "urn:mpeg:dash:utc:direct:2014"


def with_base_urls(base_urls: tuple[str, ...], served: ServedFile, data: bytes) -> bytes:
    """Returns a manifest with `base_urls` as places of its segments; one that has its own BaseURL is not changed.

    This server stays the last of the places, for players that do not follow a manifest to other hosts and for failures
    of those hosts. Raises MalformedManifestError.
    """
    root = parse_xml(data)
    if root.find(dash("BaseURL")) is not None:
        return data
    # A BaseURL must follow ProgramInformation and precede all other elements of the MPD (ISO/IEC 23009-1).
    place = next(index for index, child in enumerate(root) if child.tag != dash("ProgramInformation"))
    folder = served.url.removeprefix("/").rpartition("/")[0] + "/"
    for text in reversed([*(base_url + folder for base_url in base_urls), "./"]):
        element = etree.Element(dash("BaseURL"))
        element.text = text
        element.tail = "\n "
        root.insert(place, element)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def live_manifest(presentation: Presentation, now_s: Fraction, time_url: str | None) -> bytes:
    """Returns the manifest of a live channel that has repeated `presentation` since 1970, at Unix time `now_s`.

    Each repetition is a Period; the last one lists only the segments that are over. `time_url` is the address at which
    players read the time; None puts `now_s` itself into the manifest. The same arguments give the same bytes, so any
    server can answer.
    """
    # The times in a subtitle file are those of the first repetition and would be wrong in all others.
    presentation = replace(presentation, text=())
    duration_s = max(r.segments[-1].end_s for r in presentation.video)
    # The repetitions that the window of the last minute touches.
    last = floor(now_s / duration_s)
    first = max(0, min(last, floor((now_s - _WINDOW_S) / duration_s)))
    # The written manifest of the film is the pattern; its Period is taken out and put in again once per repetition.
    root = etree.fromstring(write_mpd(presentation))
    whole = next(root.iter(dash("Period")))
    root.remove(whole)
    del root.attrib["mediaPresentationDuration"]
    for round_number in range(first, last):
        root.append(_period(whole, round_number, duration_s))
    over = _over_at(presentation, now_s - last * duration_s)
    if over is not None:
        root.append(_period(next(etree.fromstring(write_mpd(over)).iter(dash("Period"))), last, duration_s))
    # A new segment comes at least once per longest segment; the update period and the delay follow from it.
    longest_s = max(s.duration_s for r in presentation.video for s in r.segments)
    attributes = {
        "type": "dynamic",
        "availabilityStartTime": "1970-01-01T00:00:00Z",
        "publishTime": _iso(now_s),
        "minimumUpdatePeriod": format_duration(longest_s),
        "timeShiftBufferDepth": format_duration(Fraction(_WINDOW_S)),
        "suggestedPresentationDelay": format_duration(3 * longest_s),
    }
    for name, value in attributes.items():
        root.set(name, value)
    scheme, value = (_TIME_ITSELF, _iso(now_s)) if time_url is None else (_HTTP_TIME, time_url)
    etree.SubElement(root, dash("UTCTiming"), schemeIdUri=scheme, value=value)
    etree.indent(root, space=" ")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _period(of: Element, round_number: int, duration_s: Fraction) -> Element:
    period = copy.deepcopy(of)
    period.set("id", f"r{round_number}")
    period.set("start", format_duration(round_number * duration_s))
    # The period ends with the start of the next one, which a later manifest contains.
    del period.attrib["duration"]
    return period


def _over_at(presentation: Presentation, now_s: Fraction) -> Presentation | None:
    """Returns the part that is over `now_s` after the beginning; None if a representation has no such segment."""
    sets = []
    for adaptation_set in presentation.adaptation_sets:
        cut = [_cut(r, tuple(_until(r, now_s))) for r in adaptation_set.representations]
        if not all(r.segments for r in cut):
            return None
        sets.append(replace(adaptation_set, representations=tuple(cut), quality=None))
    return replace(presentation, adaptation_sets=tuple(sets))


def _cut(r: Representation, segments: tuple[Segment, ...]) -> Representation:
    if not isinstance(r, VideoRepresentation):
        return replace(r, segments=segments)
    tracks = tuple(replace(track, uses=track.uses[: len(segments)]) for track in r.model_tracks)
    return replace(r, segments=segments, model_tracks=tracks)


def _until(r: Representation, now_s: Fraction) -> Iterator[Segment]:
    return (segment for segment in r.segments if segment.end_s <= now_s)


def _iso(now_s: Fraction) -> str:
    whole = datetime.fromtimestamp(floor(now_s), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{floor(now_s % 1 * 1000):03d}Z"
