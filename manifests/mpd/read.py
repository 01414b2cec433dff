"""Reading an MPD (ISO/IEC 23009-1): static, one Period, segments in a timeline, and our table of models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from manifests.errors import MalformedManifestError
from manifests.hrefs import checked_base_url
from manifests.model import (
    AdaptationSet,
    AudioFormat,
    AudioRepresentation,
    ContentType,
    Presentation,
    Representation,
    VideoFormat,
    VideoRepresentation,
)
from manifests.mpd.models import read_model_tracks
from manifests.mpd.names import AUDIO_CHANNELS_SCHEME, CODECS, ID, LANGUAGE, MIME_TYPE, SET_ID, dash
from manifests.mpd.quality import read_quality
from manifests.mpd.segments import SegmentBudget, read_segments, segment_templates
from manifests.mpd.text import read_text
from manifests.mpd.tracks import read_channels, read_dynamic_range, read_label, read_role
from manifests.mpd.xml import Element, fail, matching, parse_xml, parsed_uint, required, uint
from manifests.timing import parse_duration_s, parse_frame_rate, parse_ratio

MAX_BASE_URLS = 8


def read_mpd(data: bytes) -> Presentation:
    """The presentation that an MPD describes.

    Sets that this version cannot play (other subtitles than ours, an EssentialProperty that is not about HDR) are left
    out. Bounds: `xmlread.MAX_BYTES`, `mpd_segments.MAX_SEGMENTS`. Raises MalformedManifestError, with the line, for the
    rest: broken XML or numbers, live or several Periods, other forms of segment addressing, gaps, overlaps,
    addresses that leave the bundle, a model table against its rules.
    """
    root = parse_xml(data)
    if root.tag != dash("MPD"):
        raise MalformedManifestError(f"the root element is {str(root.tag)[:80]}, not the MPD of DASH")
    if root.get("type", "static") != "static":
        fail(root, "live presentations (type other than static) are not read")
    period = _only_period(root)
    budget = SegmentBudget()
    sets = [_read_set(e, period, budget) for e in period.iterchildren(dash("AdaptationSet")) if _playable(e)]
    text = [read_text(e) for e in period.iterchildren(dash("AdaptationSet")) if _content_type(e) == "text"]
    presentation = Presentation(
        duration_s=_duration_s(root, period),
        adaptation_sets=_numbered(sets),
        min_buffer_s=parse_duration_s(root.get("minBufferTime", "PT4S")),
        base_urls=_base_urls(root),
        title=_title(root),
        text=tuple(track for track in text if track is not None),
    )
    _check_distinct(presentation)
    return presentation


def _only_period(root: Element) -> Element:
    periods = list(root.iterchildren(dash("Period")))
    if len(periods) != 1:
        fail(root, f"{len(periods)} Periods, exactly one is supported")
    period = periods[0]
    if parse_duration_s(period.get("start", "PT0S")) != 0:
        fail(period, f"the Period starts at {period.get('start')}, where PT0S is read")
    _refuse_base_url(period)
    return period


def _duration_s(root: Element, period: Element) -> Fraction:
    text = root.get("mediaPresentationDuration") or period.get("duration")
    if text is None:
        fail(root, "attribute mediaPresentationDuration is missing")
    duration_s = parse_duration_s(text)
    if duration_s <= 0:
        fail(root, f"a presentation of {text} has nothing to play")
    return duration_s


def _title(root: Element) -> str | None:
    text = root.findtext(f"{dash('ProgramInformation')}/{dash('Title')}")
    return str(text) if text else None


def _base_urls(element: Element) -> tuple[str, ...]:
    found = [(child.text or "").strip() for child in element.iterchildren(dash("BaseURL"))]
    if len(found) > MAX_BASE_URLS:
        fail(element, f"{len(found)} BaseURL elements, where at most {MAX_BASE_URLS} are read")
    return tuple(checked_base_url(text) for text in found)


def _refuse_base_url(element: Element) -> None:
    if element.find(dash("BaseURL")) is not None:
        fail(element, "BaseURL is read in MPD and AdaptationSet only")


def _content_type(element: Element) -> str:
    mime_type = element.get("mimeType")
    if mime_type is None:
        first = element.find(dash("Representation"))
        mime_type = "" if first is None else first.get("mimeType", "")
    return str(element.get("contentType") or mime_type.partition("/")[0])


def _playable(element: Element) -> bool:
    if _content_type(element) == "video":
        return read_dynamic_range(element) is not None
    return _content_type(element) == "audio" and element.find(dash("EssentialProperty")) is None


def _read_set(element: Element, period: Element, budget: SegmentBudget) -> AdaptationSet:
    content_type: ContentType = "video" if _content_type(element) == "video" else "audio"
    representations = [
        _read_representation(child, element, period, content_type, budget)
        for child in element.iterchildren(dash("Representation"))
        if child.find(dash("EssentialProperty")) is None
    ]
    if not representations:
        fail(element, "no Representation that can be played")
    # Attributes that all Representations share may be on the first only.
    first = next(element.iterchildren(dash("Representation")))
    return AdaptationSet(
        id="" if element.get("id") is None else matching(element, "id", SET_ID),
        content_type=content_type,
        mime_type=matching(element, "mimeType", MIME_TYPE, _inherited(first, element, "mimeType")),
        representations=tuple(representations),
        language=None if element.get("lang") is None else matching(element, "lang", LANGUAGE),
        label=read_label(element),
        role=read_role(element),
        base_urls=_base_urls(element),
        quality=read_quality(list(element.iterchildren(dash("SupplementalProperty")))),
    )


def _numbered(sets: Iterable[AdaptationSet]) -> tuple[AdaptationSet, ...]:
    """Sets without an id get the lowest free number, so that every set can be named."""
    found = tuple(sets)
    taken = {s.id for s in found}
    free = (str(n) for n in range(1, len(found) + len(taken) + 1) if str(n) not in taken)
    return tuple(s if s.id else replace(s, id=next(free)) for s in found)


def _inherited(element: Element, parent: Element, name: str) -> str:
    """An attribute that a Representation may leave to its AdaptationSet."""
    text = element.get(name)
    return required(parent, name) if text is None else str(text)


def _read_representation(
    element: Element,
    parent: Element,
    period: Element,
    content_type: ContentType,
    budget: SegmentBudget,
) -> Representation:
    _refuse_base_url(element)
    name, bandwidth_bps = matching(element, "id", ID), uint(element, "bandwidth", least=1, most=2**40)
    codecs = matching(element, "codecs", CODECS, _inherited(element, parent, "codecs"))
    segments = read_segments(segment_templates(element, parent, period), name, bandwidth_bps, budget)
    if content_type == "audio":
        return AudioRepresentation(name, codecs, bandwidth_bps, segments, _read_audio(element, parent))
    video = _read_video(element, parent)
    properties = list(element.iterchildren(dash("SupplementalProperty")))
    tracks, problem = read_model_tracks(properties, segments, video)
    return VideoRepresentation(name, codecs, bandwidth_bps, segments, video, tracks, problem)


def _read_video(element: Element, parent: Element) -> VideoFormat:
    def side(name: str) -> int:
        return parsed_uint(element, name, _inherited(element, parent, name), least=1, most=16384)

    return VideoFormat(
        width=side("width"),
        height=side("height"),
        frame_rate=parse_frame_rate(_inherited(element, parent, "frameRate")),
        sar=parse_ratio(element.get("sar") or parent.get("sar") or "1:1"),
        dynamic_range=read_dynamic_range(parent) or "sdr",
    )


def _read_audio(element: Element, parent: Element) -> AudioFormat:
    rate = _inherited(element, parent, "audioSamplingRate")
    for holder in (element, parent):
        for configuration in holder.iterchildren(dash("AudioChannelConfiguration")):
            if configuration.get("schemeIdUri") == AUDIO_CHANNELS_SCHEME:
                return AudioFormat(
                    sample_rate_hz=parsed_uint(element, "audioSamplingRate", rate, least=1, most=2**24),
                    channels=read_channels(configuration),
                )
    fail(element, f"no AudioChannelConfiguration of scheme {AUDIO_CHANNELS_SCHEME}")


def _check_distinct(presentation: Presentation) -> None:
    """Raises MalformedManifestError if two things share a name, or if an address is not a plain one.

    The first and the last segment stand for all, because addresses between them differ in digits only.
    """
    representations = [r for s in presentation.adaptation_sets for r in s.representations]
    if not representations:
        raise MalformedManifestError("nothing to play: no video or audio AdaptationSet")
    hrefs = [r.init_href for r in representations]
    hrefs += [track.href for track in presentation.text]
    hrefs += [segment.href for r in representations for segment in {r.segments[0], r.segments[-1]}]
    for what, names in (
        ("AdaptationSet", [s.id for s in presentation.adaptation_sets]),
        ("Representation", [*(r.id for r in representations), *(track.id for track in presentation.text)]),
        ("ModelTrack", [track.id for s in presentation.adaptation_sets for r in s.rungs for track in r.model_tracks]),
        ("address", hrefs),
    ):
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise MalformedManifestError(f"{what} {repeated[0]!r} is there twice")
