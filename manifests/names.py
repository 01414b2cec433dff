"""The names of a bundle's own files."""

from __future__ import annotations

import hashlib

MANIFEST = "manifest.mpd"
MASTER_PLAYLIST = "master.m3u8"
QUALITY = "quality.json"
PROVENANCE = "provenance.json"
POSTER = "poster.jpg"
REPORT = "report.html"


def model_href(data: bytes) -> str:
    """Returns the address of a model file in a bundle: named by its content, hence immutable and shared."""
    return f"models/{_named_by(data)}.ndm"


def quality_href(data: bytes) -> str:
    """Returns the address of a quality table in a bundle: named by its content."""
    return f"quality/{_named_by(data)}.ndq"


def text_href(data: bytes) -> str:
    """Returns the address of a WebVTT file in a bundle: named by its content."""
    return f"text/{_named_by(data)}.vtt"


def _named_by(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def playlist_href(representation_id: str) -> str:
    """The HLS media playlist of a representation or a text track."""
    return f"playlist_{representation_id}.m3u8"


def iframe_playlist_href(representation_id: str) -> str:
    """The HLS playlist of a representation's I-frames; no id has a `~`, so it is the name of no other playlist."""
    return f"playlist_{representation_id}~iframes.m3u8"
