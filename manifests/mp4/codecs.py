"""Codec names as manifests give them, read from sample entries (RFC 6381, each codec's own file format)."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.errors import MalformedFragmentError
from manifests.model import DynamicRange
from manifests.mp4.boxes import Box

VISUAL_FIELDS = 78
"""Bytes of a VisualSampleEntry before its boxes (ISO/IEC 14496-12, 12.1.3)."""
AUDIO_FIELDS = 28
"""Bytes of an AudioSampleEntry before its boxes (12.2.3)."""

# By channelConfiguration (ISO/IEC 14496-3, table 1.19); 0 means that a program_config_element follows.
_AAC_CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}
_SAMPLE_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def codec_name(entry: Box) -> str:
    """The RFC 6381 name of a sample entry, such as `avc1.64001E` or `mp4a.40.2`.

    The plain four characters for a codec that needs no more, or that this version does not know. Raises
    MalformedFragmentError.
    """
    if entry.type in (b"avc1", b"avc3"):
        return _avc(entry)
    if entry.type in (b"hvc1", b"hev1"):
        return _hevc(entry)
    if entry.type == b"av01":
        return _av1(entry)
    if entry.type == b"mp4a":
        return _mp4a(entry)
    if not entry.type.replace(b"-", b"").isalnum():
        raise MalformedFragmentError(f"sample entry {entry.type!r} names no codec")
    return entry.type.decode("ascii")


def _avc(entry: Box) -> str:
    profile, constraints, level = entry.child(b"avcC", VISUAL_FIELDS).unpack("3B", 1)
    return f"{entry.type.decode()}.{profile:02X}{constraints:02X}{level:02X}"


def _hevc(entry: Box) -> str:
    """ISO/IEC 14496-15, annex E.3."""
    profile, compatibility, high, low, level = entry.child(b"hvcC", VISUAL_FIELDS).unpack("BIIHB", 1)
    space = ("", "A", "B", "C")[profile >> 6]
    reversed_flags = int(f"{compatibility:032b}"[::-1], 2)
    constraints = (high << 16 | low).to_bytes(6, "big").rstrip(b"\0")
    tier = "H" if profile & 0x20 else "L"
    parts = [entry.type.decode(), f"{space}{profile & 0x1F}", f"{reversed_flags:X}", f"{tier}{level}"]
    return ".".join(parts + [f"{byte:X}" for byte in constraints])


def _av1(entry: Box) -> str:
    """AV1 Codec ISO Media File Format Binding, section 5; the colour fields, whose default is BT.709, for HDR only."""
    profile_and_level, flags = entry.child(b"av1C", VISUAL_FIELDS).unpack("BB", 1)
    depth = 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    tier = "H" if flags & 0x80 else "M"
    name = f"av01.{profile_and_level >> 5}.{profile_and_level & 0x1F:02d}{tier}.{depth:02d}"
    colour = colour_codes(entry)
    if colour is None or colour.transfer not in HDR_TRANSFERS:
        return name
    layout = f"{flags >> 4 & 1}.{flags >> 3 & 1}{flags >> 2 & 1}{flags & 3}"
    return f"{name}.{layout}.{colour.primaries:02d}.{colour.transfer:02d}.{colour.matrix:02d}.{colour.full_range:d}"


HDR_TRANSFERS: dict[int, DynamicRange] = {16: "pq", 18: "hlg"}
"""Dynamic range by the number of its transfer characteristics in ISO/IEC 23091-2."""
_UNSPECIFIED = 2


@dataclass(frozen=True)
class ColourCodes:
    """Colour description of a picture, in the numbers of ISO/IEC 23091-2."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


def colour_codes(entry: Box) -> ColourCodes | None:
    """The colour in the `colr` box of a visual sample entry (ISO/IEC 14496-12, 12.1.5); None without one."""
    box = entry.optional(b"colr", VISUAL_FIELDS)
    if box is None or bytes(box.payload[:4]) != b"nclx":
        return None
    primaries, transfer, matrix, flags = box.unpack("HHHB", 4)
    return ColourCodes(primaries, transfer, matrix, bool(flags & 0x80))


def dynamic_range(entry: Box) -> DynamicRange | None:
    """The dynamic range of the pictures of a visual sample entry; None if it does not say."""
    colour = colour_codes(entry)
    if colour is None or colour.transfer == _UNSPECIFIED:
        return None
    return HDR_TRANSFERS.get(colour.transfer, "sdr")


def _mp4a(entry: Box) -> str:
    object_type, config = _decoder_config(entry)
    if object_type != 0x40:
        return f"mp4a.{object_type:02X}"
    return f"mp4a.40.{_Bits(config).audio_object_type()}"


def audio_format(entry: Box) -> tuple[int, int]:
    """(sample rate in Hz, channels) of an audio sample entry; an AudioSpecificConfig goes before the entry.

    Raises MalformedFragmentError.
    """
    channels, rate = entry.unpack("H", 16)[0], entry.unpack("I", 24)[0] >> 16
    if entry.type == b"mp4a":
        object_type, config = _decoder_config(entry)
        if object_type == 0x40:
            bits = _Bits(config)
            bits.audio_object_type()
            rate = bits.sample_rate_hz()
            channels = bits.aac_channels() or channels
    elif entry.type in (b"ac-3", b"ec-3"):
        rate, channels = _dolby_format(entry)
    if rate == 0 or channels == 0:
        raise MalformedFragmentError(f"audio of {channels} channels at {rate} Hz")
    return rate, channels


def _dolby_format(entry: Box) -> tuple[int, int]:
    """(sample rate in Hz, channels) of `dac3` and `dec3` (ETSI TS 102 366, annex F).

    Of E-AC-3 the first substream counts, which every decoder plays: at most 5.1.
    """
    box = entry.child(b"dac3" if entry.type == b"ac-3" else b"dec3", AUDIO_FIELDS)
    bits = _Bits(bytes(box.payload))
    if entry.type == b"ec-3":
        bits.take(13 + 3)  # data rate, number of substreams
    rate_code = bits.take(2)
    bits.take(5)  # bit stream identification
    if entry.type == b"ec-3":
        bits.take(1 + 1)  # reserved, associated service
    bits.take(3)  # bit stream mode
    mode, low_frequency = bits.take(3), bits.take(1)
    if rate_code == 3:
        raise MalformedFragmentError(f"sampling frequency code 3 of {entry.type.decode()!a} is reserved")
    return (48000, 44100, 32000)[rate_code], (2, 1, 2, 3, 3, 4, 4, 5)[mode] + low_frequency


def _decoder_config(entry: Box) -> tuple[int, bytes]:
    """(objectTypeIndication, DecoderSpecificInfo) of the `esds` box (ISO/IEC 14496-1, 7.2.6)."""
    data = bytes(entry.child(b"esds", AUDIO_FIELDS).payload[4:])
    stream = _descriptor(data, 0x03)
    flags = _byte(stream, 2)
    skip = 3 + (2 if flags & 0x80 else 0) + (1 + _byte(stream, 3) if flags & 0x40 else 0) + (2 if flags & 0x20 else 0)
    decoder = _descriptor(stream[skip:], 0x04)
    specific = _descriptor(decoder[13:], 0x05) if len(decoder) > 13 else b""
    return _byte(decoder, 0), specific


def _descriptor(data: bytes, tag: int) -> bytes:
    """The payload of the descriptor at the start of `data`; the length comes in groups of 7 bits."""
    if _byte(data, 0) != tag:
        raise MalformedFragmentError(f"descriptor {_byte(data, 0):#x} in esds, where {tag:#x} belongs")
    size, at = 0, 1
    while True:
        byte = _byte(data, at)
        size, at = size << 7 | byte & 0x7F, at + 1
        if not byte & 0x80 or at > 4:
            break
    if at + size > len(data):
        raise MalformedFragmentError(f"descriptor {tag:#x} claims {size} of {len(data) - at} bytes")
    return data[at : at + size]


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise MalformedFragmentError("esds is cut off")
    return data[at]


class _Bits:
    """The configuration of a sound codec, bit by bit; of AAC an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1)."""

    def __init__(self, data: bytes) -> None:
        data = data[:64]
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next `count` bits. Raises MalformedFragmentError."""
        self._left -= count
        if self._left < 0:
            raise MalformedFragmentError("the configuration of the sound is cut off")
        return self._value >> self._left & ((1 << count) - 1)

    def audio_object_type(self) -> int:
        found = self.take(5)
        return 32 + self.take(6) if found == 31 else found

    def sample_rate_hz(self) -> int:
        index = self.take(4)
        if index == 15:
            return self.take(24)
        if index >= len(_SAMPLE_RATES_HZ):
            raise MalformedFragmentError(f"sampling frequency index {index} is reserved")
        return _SAMPLE_RATES_HZ[index]

    def aac_channels(self) -> int | None:
        """The channels of an AAC stream, after type and sampling frequency; None for a layout that is not known."""
        configuration = self.take(4)
        if configuration:
            return _AAC_CHANNELS.get(configuration)
        self.take(1)  # frame length
        if self.take(1):  # depends on a core coder, after some delay
            self.take(14)
        self.take(1)  # extension
        return self._program_channels()

    def _program_channels(self) -> int:
        """The channels of a program_config_element (ISO/IEC 14496-3, 4.4.1.1)."""
        self.take(4 + 2 + 4)  # tag, object type, sampling frequency
        mains = self.take(4) + self.take(4) + self.take(4)  # in front, at the sides, behind
        low_frequency = self.take(2)
        self.take(3 + 4)  # data, coupling
        for bits in (4, 4, 3):  # mono, stereo and matrix mix-down
            if self.take(1):
                self.take(bits)
        channels = low_frequency
        for _ in range(mains):
            channels += 1 + self.take(1)  # one channel or a pair
            self.take(4)
        return channels
