"""Which addresses a manifest may name, and where they lead. Nothing here fetches or opens anything."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from manifests.errors import MalformedManifestError
from manifests.model import AdaptationSet, Presentation

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
            f"{text[:80]!r} is no address a bundle may use: plain names joined by '/', no '..', no scheme"
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


def base_urls(
    manifest_url: str,
    presentation: Presentation,
    adaptation_set: AdaptationSet,
    *,
    other_origins: bool = False,
) -> tuple[str, ...]:
    """Absolute URLs that the hrefs of a set resolve against, in order of preference (RFC 3986, 5.2).

    Models resolve as segments do. Those that lead away from the manifest's scheme, host and port are left out unless
    `other_origins` allows them; raises MalformedManifestError if none is left.
    """
    bases = tuple(urljoin(manifest_url, base) for base in presentation.base_urls or ("",))
    resolved = tuple(urljoin(base, inner) for base in bases for inner in adaptation_set.base_urls or ("",))
    allowed = tuple(url for url in resolved if other_origins or urlsplit(url)[:2] == urlsplit(manifest_url)[:2])
    if not allowed:
        raise MalformedManifestError(f"BaseURL leads to {resolved[0][:80]}, away from the manifest's own server")
    return allowed
