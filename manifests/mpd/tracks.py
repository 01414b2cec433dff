"""Label, Role and colour in an MPD: the properties that tell AdaptationSets apart for viewers and screens."""

from __future__ import annotations

from typing import get_args

from lxml import etree

from manifests.errors import MalformedManifestError
from manifests.model import DynamicRange, Role
from manifests.mpd.names import AUDIO_CHANNELS_SCHEME, ROLE_SCHEME, dash
from manifests.mpd.xml import Element, uint

MAX_LABEL_CHARACTERS = 200

_PURPOSE_SCHEME = "urn:tva:metadata:cs:AudioPurposeCS:2007"
_FOR_THE_BLIND = "1"

# ISO/IEC 23091-2, by way of DASH's Annex on codec-independent code points
_PRIMARIES = "urn:mpeg:mpegB:cicp:ColourPrimaries"
_TRANSFER = "urn:mpeg:mpegB:cicp:TransferCharacteristics"
_MATRIX = "urn:mpeg:mpegB:cicp:MatrixCoefficients"
_RANGE_SCHEMES = (_PRIMARIES, _TRANSFER, _MATRIX)

_HDR_TRANSFERS: dict[DynamicRange, str] = {"pq": "16", "hlg": "18"}
_BT2020 = "9"  # primaries, and the matrix of non-constant luminance
_SDR_VALUES = {
    _PRIMARIES: {"1", "5", "6", "7"},
    _TRANSFER: {"1", "6", "13", "14", "15"},
    _MATRIX: {"1", "5", "6"},
}

# Channels of a ChannelConfiguration index (ISO/IEC 23091-3); the indices up to 6 are the number of channels.
_CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 9: 3, 10: 4, 11: 7, 12: 8, 13: 24, 14: 8, 16: 10, 19: 12}
# The index that is written, where several have as many channels: 5.1 and its like, with the surrounds behind.
_INDICES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 11, 8: 12, 10: 16, 12: 19, 24: 13}


def clean_label(text: str | None) -> str | None:
    """`text` as a label that fits a menu's line: one space between words, at most 200 characters; None if empty."""
    words = "".join(c if c.isprintable() or c.isspace() else " " for c in text or "").split()
    return " ".join(words)[:MAX_LABEL_CHARACTERS].rstrip() or None


def read_label(element: Element) -> str | None:
    """The first Label of an AdaptationSet."""
    return clean_label(element.findtext(dash("Label")))


def read_role(element: Element) -> Role | None:
    """The first Role of an AdaptationSet that is of DASH's own scheme and known here."""
    for role in element.iterchildren(dash("Role")):
        known: tuple[Role, ...] = get_args(Role)
        if role.get("schemeIdUri") == ROLE_SCHEME and role.get("value") in known:
            return known[known.index(role.get("value"))]
    return None


def append_label_and_role(element: Element, label: str | None, role: Role | None) -> None:
    """Add what is known of the two, in the order of the schema."""
    if label is not None:
        etree.SubElement(element, dash("Label")).text = label
    if role == "description":
        etree.SubElement(element, dash("Accessibility"), schemeIdUri=_PURPOSE_SCHEME, value=_FOR_THE_BLIND)
    if role is not None:
        etree.SubElement(element, dash("Role"), schemeIdUri=ROLE_SCHEME, value=role)


def read_dynamic_range(element: Element) -> DynamicRange | None:
    """The dynamic range that the properties of an AdaptationSet state, SDR if they state none.

    None for a set that cannot be shown: an EssentialProperty that is not about colour, or colour that is neither SDR
    nor BT.2100.
    """
    essential = list(element.iterchildren(dash("EssentialProperty")))
    if any(p.get("schemeIdUri") not in _RANGE_SCHEMES for p in essential):
        return None
    supplemental = [p for p in element.iterchildren(dash("SupplementalProperty")) if _is_colour(p)]
    stated = {p.get("schemeIdUri"): p.get("value") for p in (*supplemental, *essential)}
    for dynamic_range, transfer in _HDR_TRANSFERS.items():
        if stated.get(_TRANSFER) == transfer:
            wide = all(stated.get(scheme, _BT2020) == _BT2020 for scheme in (_PRIMARIES, _MATRIX))
            return dynamic_range if wide else None
    return "sdr" if all(value in _SDR_VALUES[str(scheme)] for scheme, value in stated.items()) else None


def _is_colour(element: Element) -> bool:
    return element.get("schemeIdUri") in _RANGE_SCHEMES


def append_dynamic_range(element: Element, dynamic_range: DynamicRange) -> None:
    """Appends the properties that make a player without an HDR screen skip the set; none for SDR."""
    if dynamic_range == "sdr":
        return
    values = {_PRIMARIES: _BT2020, _TRANSFER: _HDR_TRANSFERS[dynamic_range], _MATRIX: _BT2020}
    for scheme, value in values.items():
        etree.SubElement(element, dash("EssentialProperty"), schemeIdUri=scheme, value=value)


def read_channels(configuration: Element) -> int:
    """The channels that an AudioChannelConfiguration stands for. Raises MalformedManifestError.

    A value that is not an index of the scheme is taken for the number itself, as other writers mean it.
    """
    index = uint(configuration, "value", least=1, most=64)
    return _CHANNELS.get(index, index)


def append_channels(element: Element, channels: int) -> None:
    """Add the AudioChannelConfiguration. Raises MalformedManifestError for a number that has no index."""
    if channels not in _INDICES:
        raise MalformedManifestError(f"{channels} channels of sound: manifests know {', '.join(map(str, _INDICES))}")
    value = str(_INDICES[channels])
    etree.SubElement(element, dash("AudioChannelConfiguration"), schemeIdUri=AUDIO_CHANNELS_SCHEME, value=value)
