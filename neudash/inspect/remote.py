"""Fetching one manifest over HTTP with the standard library, for `inspect`; the player has its own way."""

from __future__ import annotations

import queue
import threading
import urllib.request
from http.client import HTTPException

from manifests.errors import BundleError
from manifests.mpd.xml import MAX_BYTES

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
    """The bytes at an http(s) URL, at most `MAX_BYTES`. Raises UnreachableManifestError, also after `deadline_s`."""
    # A thread of its own: the socket's timeout starts anew with each packet, and a server may trickle for ever.
    answers: queue.Queue[bytes | UnreachableManifestError] = queue.Queue()
    threading.Thread(target=lambda: answers.put(_answer(url, deadline_s)), daemon=True).start()
    try:
        answer = answers.get(timeout=deadline_s)
    except queue.Empty:
        raise UnreachableManifestError(f"{url} did not arrive within {deadline_s:g} s") from None
    if isinstance(answer, UnreachableManifestError):
        raise answer
    return answer


def _answer(url: str, timeout_s: float) -> bytes | UnreachableManifestError:
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    try:
        with opener.open(url, timeout=timeout_s) as response:
            data: bytes = response.read(MAX_BYTES + 1)
    except (OSError, HTTPException, ValueError) as error:
        return UnreachableManifestError(f"{url} cannot be fetched: {error}")
    if len(data) > MAX_BYTES:
        return UnreachableManifestError(f"{url} sends more than {MAX_BYTES} bytes: no manifest of ours")
    return data
