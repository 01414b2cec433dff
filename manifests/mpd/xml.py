"""Careful reading of XML from strangers: bounded, no DTD, entities or network; attributes checked."""

from __future__ import annotations

import re
from typing import NoReturn

from lxml import etree

from manifests.errors import MalformedManifestError

MAX_BYTES = 2 << 20
MAX_TAGS = 150_000
"""Largest number of opening and closing tags. With the size bound only, empty elements could still take 300 MB."""

MAX_UINT = 2**63 - 1

Element = etree._Element
"""Type of an lxml element."""

_UINT = re.compile(r"\d{1,19}", re.ASCII)
_HTML = re.compile(rb"\s*<(!doctype\s+)?html\b", re.IGNORECASE)
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"


def parse_xml(data: bytes) -> Element:
    """Returns the root element of a UTF-8 document without DOCTYPE or xlink. Raises MalformedManifestError."""
    # Common mistakes first, with a hint each; then bounds, before the parser takes memory.
    if _HTML.match(data):
        raise MalformedManifestError("a web page, not a manifest, whose address ends in /manifest.mpd")
    if data.startswith(b"#EXTM3U"):
        raise MalformedManifestError("an HLS playlist; the manifest is the .mpd next to it")
    if len(data) > MAX_BYTES:
        raise MalformedManifestError(f"{len(data)} bytes of XML, where at most {MAX_BYTES} are read")
    if b"\0" in data[:512]:
        raise MalformedManifestError("no text at all; a video becomes a bundle by `neudash package`")
    if data.count(b"<") > MAX_TAGS:
        raise MalformedManifestError(f"more than {MAX_TAGS} XML tags")
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever the document claims: the count of tags above relies on it
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise MalformedManifestError(f"not well-formed XML: {error.msg}") from error
    except ValueError as error:
        raise MalformedManifestError(f"not well-formed XML: {error}") from error
    # A DTD could define entities, and xlink could fetch: neither belongs in a manifest of ours.
    if root.getroottree().docinfo.internalDTD is not None:
        raise MalformedManifestError("a DOCTYPE is not allowed in a manifest")
    remote = next((e for e in root.iter() if e.get(_XLINK_HREF) is not None), None)
    if remote is not None:
        fail(remote, "remote elements (xlink:href) are not followed")
    return root


def fail(element: Element, message: str) -> NoReturn:
    """Raises MalformedManifestError with the place: local name and line."""
    raise MalformedManifestError(f"line {element.sourceline}, {etree.QName(element).localname}: {message}")


def uint(element: Element, name: str, default: int | None = None, *, least: int = 0, most: int = MAX_UINT) -> int:
    """The unsigned integer of an attribute, in [least, most]. Raises MalformedManifestError."""
    text = element.get(name)
    if text is None and default is not None:
        return default
    return parsed_uint(element, name, required(element, name), least=least, most=most)


def parsed_uint(element: Element, name: str, text: str, *, least: int = 0, most: int = MAX_UINT) -> int:
    """Returns `text` as an unsigned integer in [least, most]; `element` and `name` are for the error message."""
    if _UINT.fullmatch(text) is None or not least <= int(text) <= most:
        fail(element, f"{name}={text[:40]!r} is not a whole number from {least} to {most}")
    return int(text)


def required(element: Element, name: str) -> str:
    """The text of an attribute that must be there. Raises MalformedManifestError."""
    text = element.get(name)
    if text is None:
        fail(element, f"attribute {name} is missing")
    return str(text)


def matching(element: Element, name: str, pattern: re.Pattern[str], text: str | None = None) -> str:
    """The text of an attribute, or `text` in its place, that fits. Raises MalformedManifestError."""
    found = required(element, name) if text is None else text
    if pattern.fullmatch(found) is None:
        fail(element, f"{name}={found[:40]!r} is not of the form {pattern.pattern}")
    return found
