"""The names an MPD is made of: namespaces, schemes, and the forms that text attributes must have."""

from __future__ import annotations

import re

DASH_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
MODEL_NAMESPACE = "urn:neudash:mpd:2026"
MODEL_SCHEME = "urn:neudash:models:2026"
MODEL_SCHEME_VALUE = "1"
QUALITY_SCHEME = "urn:neudash:quality:2026"
QUALITY_SCHEME_VALUE = "1"
LIVE_PROFILE = "urn:mpeg:dash:profile:isoff-live:2011"
ROLE_SCHEME = "urn:mpeg:dash:role:2011"
WEBVTT = "text/vtt"
AUDIO_CHANNELS_SCHEME = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"

# An id becomes part of file names and of playlists, hence the narrow forms.
ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
SET_ID = re.compile(r"\d{1,9}", re.ASCII)
CODECS = re.compile(r"[A-Za-z0-9.,_+-]{1,100}", re.ASCII)
LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}", re.ASCII)
MIME_TYPE = re.compile(r"[a-z]{1,20}/[A-Za-z0-9.+-]{1,60}", re.ASCII)
TOKEN = re.compile(r"[A-Za-z0-9_./+-]{1,64}", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
GAIN = re.compile(r"-?\d{1,3}(\.\d{1,9})?", re.ASCII)


def dash(name: str) -> str:
    """The qualified name of an element of the standard."""
    return f"{{{DASH_NAMESPACE}}}{name}"


def own(name: str) -> str:
    """The qualified name of an element of the extension: of its models, or of its quality tables."""
    return f"{{{MODEL_NAMESPACE}}}{name}"
