"""Writing an MPD (ISO/IEC 23009-1, profile isoff-live) with our table of models."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby

from lxml import etree

from manifests.errors import MalformedManifestError
from manifests.model import (
    AdaptationSet,
    AudioRepresentation,
    DynamicRange,
    Presentation,
    Representation,
    Segment,
    VideoRepresentation,
)
from manifests.mpd.models import append_model_tracks
from manifests.mpd.names import DASH_NAMESPACE, LIVE_PROFILE, MODEL_NAMESPACE, dash
from manifests.mpd.quality import append_quality
from manifests.mpd.text import append_text
from manifests.mpd.tracks import append_channels, append_dynamic_range, append_label_and_role
from manifests.mpd.xml import Element
from manifests.template import with_representation_id
from manifests.timing import format_duration, format_frame_rate, format_ratio


def write_mpd(p: Presentation) -> bytes:
    """The MPD of `p`, UTF-8, the same bytes for the same presentation.

    Durations are rounded up to nanoseconds, gains to 0.001 dB; a `model_problem` is not written. The root
    start tag ends within the first 512 bytes, where GStreamer looks for it. Raises MalformedManifestError for
    a presentation that no manifest can say; the rest of the rules is checked by reading the bytes back, as
    `bundle.publish_manifest` does.
    """
    try:
        root = _root(p)
        etree.indent(root, space=" ")
        data: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    except ValueError as error:
        raise MalformedManifestError(f"the manifest cannot be written: {error}") from error
    return data + b"\n"


def aspect_ratio(r: VideoRepresentation) -> Fraction:
    """Returns width over height of the picture as it is shown."""
    return Fraction(r.video.width, r.video.height) * r.video.sar


def _root(p: Presentation) -> Element:
    # Without models the MPD has no word of our namespace.
    extended = any(
        s.quality or any(isinstance(r, VideoRepresentation) and r.model_tracks for r in s.representations)
        for s in p.adaptation_sets
    )
    namespaces = {None: DASH_NAMESPACE} | ({"nd": MODEL_NAMESPACE} if extended else {})
    root = etree.Element(dash("MPD"), nsmap=namespaces)
    root.set("type", "static")
    root.set("profiles", LIVE_PROFILE)
    root.set("mediaPresentationDuration", format_duration(p.duration_s))
    root.set("maxSegmentDuration", format_duration(_longest_segment_s(p)))
    root.set("minBufferTime", format_duration(p.min_buffer_s))
    if p.title is not None:
        information = etree.SubElement(root, dash("ProgramInformation"))
        etree.SubElement(information, dash("Title")).text = p.title
    # The schema prescribes the order: information, base URLs, then the Period.
    _append_base_urls(root, p.base_urls)
    period = etree.SubElement(root, dash("Period"), id="p0", start="PT0S", duration=format_duration(p.duration_s))
    for adaptation_set in p.adaptation_sets:
        _append_set(period, adaptation_set)
    for track in p.text:
        append_text(period, track)
    return root


def _longest_segment_s(p: Presentation) -> Fraction:
    representations = [r for s in p.adaptation_sets for r in s.representations]
    return max(segment.duration_s for r in representations for segment in r.segments)


def _append_base_urls(parent: Element, urls: tuple[str, ...]) -> None:
    for url in urls:
        etree.SubElement(parent, dash("BaseURL")).text = url


def _append_set(period: Element, s: AdaptationSet) -> None:
    element = etree.SubElement(period, dash("AdaptationSet"), id=s.id, contentType=s.content_type, mimeType=s.mime_type)
    if s.language is not None:
        element.set("lang", s.language)
    element.set("segmentAlignment", "true")
    element.set("startWithSAP", "1")
    ratios = {aspect_ratio(r) for r in s.representations if isinstance(r, VideoRepresentation)}
    if len(ratios) == 1:
        element.set("par", format_ratio(ratios.pop()))
    append_dynamic_range(element, _dynamic_range(s))
    if s.quality is not None:
        append_quality(element, s.quality)
    append_label_and_role(element, s.label, s.role)
    _append_base_urls(element, s.base_urls)
    shared = len({(_templates(r), _times(r)) for r in s.representations}) == 1
    if shared:
        _append_template(element, s.representations[0])
    for r in s.representations:
        _append_representation(element, r, own_template=not shared)


def _dynamic_range(s: AdaptationSet) -> DynamicRange:
    """The one range of a set's pictures: a player chooses a set by it, then switches within."""
    ranges = {r.video.dynamic_range for r in s.representations if isinstance(r, VideoRepresentation)}
    if len(ranges) > 1:
        raise MalformedManifestError(
            f"AdaptationSet {s.id} mixes dynamic ranges: give {' and '.join(sorted(ranges))} a set each"
        )
    return ranges.pop() if ranges else "sdr"


def _append_representation(parent: Element, r: Representation, *, own_template: bool) -> None:
    element = etree.SubElement(parent, dash("Representation"), id=r.id, codecs=r.codecs)
    if isinstance(r, VideoRepresentation):
        element.set("width", str(r.video.width))
        element.set("height", str(r.video.height))
        element.set("frameRate", format_frame_rate(r.video.frame_rate))
        element.set("sar", format_ratio(r.video.sar))
    if isinstance(r, AudioRepresentation):
        element.set("audioSamplingRate", str(r.audio.sample_rate_hz))
    element.set("bandwidth", str(r.bandwidth_bps))
    if isinstance(r, AudioRepresentation):
        append_channels(element, r.audio.channels)
    if isinstance(r, VideoRepresentation) and r.model_tracks:
        append_model_tracks(element, r)
    if own_template:
        _append_template(element, r)


def _templates(r: Representation) -> tuple[str, str]:
    """Returns `initialization` and `media`, alike for all rungs if their addresses differ in the id only."""
    init, media = (with_representation_id(address, r.id) for address in (r.init_href, r.series.media))
    return init, media


def _times(r: Representation) -> tuple[int, tuple[tuple[int, int, int], ...]]:
    return r.timescale, tuple((s.number, s.start_ticks, s.duration_ticks) for s in r.segments)


def _append_template(parent: Element, r: Representation) -> None:
    element = etree.SubElement(parent, dash("SegmentTemplate"), timescale=str(r.timescale))
    element.set("startNumber", str(r.segments[0].number))
    for name, template in zip(("initialization", "media"), _templates(r), strict=True):
        element.set(name, template)
    timeline = etree.SubElement(element, dash("SegmentTimeline"))
    start = str(r.segments[0].start_ticks)
    for duration, run in groupby(r.segments, key=_duration_ticks):
        s = etree.SubElement(timeline, dash("S"))
        if len(timeline) == 1:
            s.set("t", start)
        s.set("d", str(duration))
        repeats = sum(1 for _ in run) - 1
        if repeats:
            s.set("r", str(repeats))


def _duration_ticks(segment: Segment) -> int:
    return segment.duration_ticks
