"""Reading how segments are addressed: SegmentTemplate with SegmentTimeline, expanded within bounds."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.model import Segment, SegmentSeries
from manifests.mpd.names import dash
from manifests.mpd.xml import Element, fail, required, uint
from manifests.template import expand, resolve, tells_segments_apart

MAX_SEGMENTS = 200_000
"""Largest number of segments of all representations together, counted before any is built."""


@dataclass
class SegmentBudget:
    """Number of segments that a manifest may still list."""

    left: int = MAX_SEGMENTS

    def spend(self, element: Element, segments: int) -> None:
        """Raises MalformedManifestError once the manifest lists too many."""
        self.left -= segments
        if self.left < 0:
            fail(element, f"more than {MAX_SEGMENTS} segments in the manifest")


def segment_templates(representation: Element, adaptation_set: Element, period: Element) -> list[Element]:
    """The SegmentTemplate elements that apply to a representation, the nearest first."""
    chain = [e.find(dash("SegmentTemplate")) for e in (representation, adaptation_set, period)]
    templates = [template for template in chain if template is not None]
    if not templates:
        fail(representation, "no SegmentTemplate: other forms of segment addressing are not read")
    return templates


def template_uint(templates: list[Element], name: str, default: int, *, least: int, most: int) -> int:
    """An attribute that the nearest template with it decides. Raises MalformedManifestError."""
    holder = next((t for t in templates if t.get(name) is not None), templates[0])
    return uint(holder, name, default, least=least, most=most)


def template_text(templates: list[Element], name: str) -> str:
    """Returns a text attribute, likewise. Raises MalformedManifestError if no template has it."""
    holder = next((t for t in templates if t.get(name) is not None), templates[0])
    return required(holder, name)


def read_segments(
    templates: list[Element], representation_id: str, bandwidth_bps: int, budget: SegmentBudget
) -> tuple[Segment, ...]:
    """The segments of one representation: at least one, in order, without gap or overlap.

    Raises MalformedManifestError.
    """
    if template_uint(templates, "presentationTimeOffset", 0, least=0, most=2**63 - 1) != 0:
        fail(templates[0], "a presentationTimeOffset other than 0 is not read")
    timeline = next((found for t in templates if (found := t.find(dash("SegmentTimeline"))) is not None), None)
    if timeline is None:
        fail(templates[0], "no SegmentTimeline: segments of nominal duration are not read")
    # Counted before expansion: one S with r=2147483647 is 30 bytes long.
    budget.spend(timeline, sum(uint(s, "r", 0) + 1 for s in timeline.iterchildren(dash("S"))))
    media = template_text(templates, "media")
    initialization = template_text(templates, "initialization")
    series = SegmentSeries(
        timescale=template_uint(templates, "timescale", 1, least=1, most=2**32 - 1),
        init_href=expand(initialization, {"RepresentationID": representation_id, "Bandwidth": bandwidth_bps}),
        media=resolve(media, representation_id, bandwidth_bps),
    )
    segments = _expand(timeline, template_uint(templates, "startNumber", 1, least=0, most=2**31), series)
    if not segments:
        fail(timeline, "no segment")
    if len(segments) > 1 and not tells_segments_apart(media):
        fail(templates[0], "media names all segments alike: it needs $Number$")
    return segments


def _expand(timeline: Element, start_number: int, series: SegmentSeries) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    end: int | None = None
    for s in timeline.iterchildren(dash("S")):
        start, duration = uint(s, "t", end or 0), uint(s, "d", least=1)
        if end is not None and start != end:
            fail(s, f"starts at {start}, the segment before ends at {end}: gaps and overlaps are not read")
        for _ in range(uint(s, "r", 0) + 1):
            segments.append(Segment(start_number + len(segments), start, duration, series))
            start += duration
        end = start
    return tuple(segments)
