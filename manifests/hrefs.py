"""Addresses that a manifest may contain: checked by their form. Nothing here fetches or opens anything."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from manifests.errors import MalformedManifestError

MAX_HREF_CHARACTERS = 512

# Plain ASCII names alone: no scheme, query, escape, backslash, dot file or "..", on any file system.
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.~+=@,-]*[A-Za-z0-9_~+=@,-])?"
_HREF = re.compile(rf"{_NAME}(?:/{_NAME})*", re.ASCII)


def checked_href(text: str) -> str:
    """`text`, once it is known to be a plain relative path below the manifest, such as `models/6350ab.ndm`.

    Raises MalformedManifestError.
    """
    if len(text) > MAX_HREF_CHARACTERS or _HREF.fullmatch(text) is None:
        raise MalformedManifestError(
            f"{text[:80]!r} is not an address that a bundle may use: plain names joined by '/', no '..', no scheme"
        )
    return text


def checked_base_url(text: str) -> str:
    """`text`, once it is known to be relative, or http(s) with a host. Raises MalformedManifestError."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - looked at by nobody here, but it raises where it is none
    except ValueError as error:
        raise MalformedManifestError(f"BaseURL {text[:80]!r} does not parse: {error}") from error
    relative = not parts.scheme and not parts.netloc
    absolute = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    printable = text.isascii() and text.isprintable() and "\\" not in text and " " not in text
    if not printable or not (relative or absolute) or parts.query or parts.fragment:
        raise MalformedManifestError(f"BaseURL {text[:80]!r} is neither a relative path nor an http(s) address")
    return text
