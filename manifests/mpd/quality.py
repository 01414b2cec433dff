"""The quality table inside an MPD: its file's address, in a SupplementalProperty of the AdaptationSet."""

from __future__ import annotations

from lxml import etree

from manifests.hrefs import checked_href
from manifests.model import SideFile
from manifests.mpd.names import QUALITY_SCHEME, QUALITY_SCHEME_VALUE, SHA256, dash, own
from manifests.mpd.xml import Element, fail, matching, uint
from manifests.quality_table import MAX_TABLE_BYTES


def read_quality(properties: list[Element]) -> SideFile | None:
    """The table that an AdaptationSet's SupplementalProperty elements name; None without one, or of another version.

    Raises MalformedManifestError for one of the version this reader knows that breaks its rules.
    """
    tables = [p for p in properties if p.get("schemeIdUri") == QUALITY_SCHEME]
    known = [table for table in tables if table.get("value") == QUALITY_SCHEME_VALUE]
    elements = [element for table in known for element in table.iterchildren(own("Quality"))]
    if not elements:
        return None
    if len(elements) > 1:
        fail(elements[1], "a second quality table for one AdaptationSet")
    return SideFile(
        href=checked_href(elements[0].get("href", "")),
        size_bytes=uint(elements[0], "size", least=1, most=MAX_TABLE_BYTES),
        sha256=matching(elements[0], "sha256", SHA256),
    )


def append_quality(parent: Element, quality: SideFile) -> None:
    """Add the SupplementalProperty that names the table."""
    holder = etree.SubElement(parent, dash("SupplementalProperty"))
    holder.set("schemeIdUri", QUALITY_SCHEME)
    holder.set("value", QUALITY_SCHEME_VALUE)
    element = etree.SubElement(holder, own("Quality"))
    for name, value in {"href": quality.href, "size": quality.size_bytes, "sha256": quality.sha256}.items():
        element.set(name, str(value))
