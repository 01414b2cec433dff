"""Subtitles inside an MPD: a text AdaptationSet whose one Representation is a WebVTT file, named by a BaseURL."""

from __future__ import annotations

from contextlib import suppress

from lxml import etree

from manifests.errors import MalformedManifestError
from manifests.hrefs import checked_href
from manifests.model import TextTrack
from manifests.mpd.names import ID, LANGUAGE, WEBVTT, dash
from manifests.mpd.tracks import append_label_and_role, read_label, read_role
from manifests.mpd.xml import Element, matching, uint


def read_text(element: Element) -> TextTrack | None:
    """Reads the subtitles in a text AdaptationSet.

    None for other forms (segments, TTML, several files, an address elsewhere) and for faulty ones: a title plays
    without them.
    """
    representations = list(element.iterchildren(dash("Representation")))
    addresses = list(element.iter(dash("BaseURL")))
    essential = next(element.iter(dash("EssentialProperty")), None)
    if len(representations) != 1 or len(addresses) != 1 or essential is not None:
        return None
    [representation], [address] = representations, addresses
    mime_type = representation.get("mimeType") or element.get("mimeType")
    if mime_type != WEBVTT or address.getparent() is not representation:
        return None
    with suppress(MalformedManifestError):
        return TextTrack(
            id=matching(representation, "id", ID),
            href=checked_href((address.text or "").strip()),
            bandwidth_bps=uint(representation, "bandwidth", least=1, most=2**40),
            language=None if element.get("lang") is None else matching(element, "lang", LANGUAGE),
            label=read_label(element),
            role=read_role(element) or "subtitle",
        )
    return None


def append_text(period: Element, track: TextTrack) -> None:
    """Add the AdaptationSet of a track. It has no id: nothing names it."""
    element = etree.SubElement(period, dash("AdaptationSet"), contentType="text", mimeType=WEBVTT)
    if track.language is not None:
        element.set("lang", track.language)
    append_label_and_role(element, track.label, track.role)
    representation = etree.SubElement(element, dash("Representation"), id=track.id, bandwidth=str(track.bandwidth_bps))
    etree.SubElement(representation, dash("BaseURL")).text = track.href
