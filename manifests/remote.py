"""Fetching one manifest over HTTP with the standard library, for `inspect`; the player has its own way."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from http.client import HTTPException

from manifests.errors import BundleError
from manifests.xmlread import MAX_BYTES

_HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
    # No handler for file:, ftp: or data:, so a redirect cannot lead there either.
    urllib.request.UnknownHandler,
)


class UnreachableManifestError(BundleError):
    """A manifest that could not be fetched; the address may be right and the server away."""


def fetch_manifest(url: str, deadline_s: float) -> bytes:
    """The bytes at an http(s) URL, at most `MAX_BYTES`. Raises UnreachableManifestError, also when late."""
    ends = time.monotonic() + deadline_s
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    parts: list[bytes] = []
    try:
        with opener.open(url, timeout=deadline_s) as response:
            # read1 comes back after every packet, so that a trickle of bytes meets the deadline too.
            while part := response.read1(65536):
                parts.append(part)
                if sum(map(len, parts)) > MAX_BYTES:
                    raise UnreachableManifestError(f"{url} sends more than {MAX_BYTES} bytes: no manifest of ours")
                if time.monotonic() > ends:
                    raise UnreachableManifestError(f"{url} did not arrive within {deadline_s:g} s")
    except (OSError, HTTPException, ValueError) as error:
        raise UnreachableManifestError(f"{url} cannot be fetched: {error}") from error
    return b"".join(parts)
