"""Base URLs of an AdaptationSet: its BaseURL elements and the manifest's, resolved."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from manifests.errors import MalformedManifestError
from manifests.model import AdaptationSet, Presentation


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
