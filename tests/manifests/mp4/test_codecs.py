"""Codec names and sound formats, read from what ffmpeg writes and from boxes made by hand."""

from __future__ import annotations

import struct
import subprocess
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import MalformedFragmentError
from manifests.mp4.boxes import Box, boxes
from manifests.mp4.codecs import ColourCodes, audio_format, codec_name, colour_codes
from manifests.mp4.fragments import InitInfo, read_init

if TYPE_CHECKING:
    from pathlib import Path

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

HDR_TAGS = "-color_primaries bt2020 -colorspace bt2020nc -color_range tv"
SET_TAGS = "setparams=color_primaries=bt2020:colorspace=bt2020nc:range=tv"
TAGS_OF_X265 = "colorprim=bt2020:colormatrix=bt2020nc:range=limited"


def encoded(folder: Path, arguments: str) -> InitInfo:
    """The init segment that ffmpeg writes for a test picture or a tone encoded with these arguments."""
    source = "testsrc2=s=64x36:r=25:d=0.2" if "-c:v" in arguments else "aevalsrc=0.1*sin(600*t):s=48000:d=0.2"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-f", "lavfi", "-i", source]
    target = folder / "x.mp4"
    fragmented = ["-movflags", "+frag_keyframe+delay_moov+default_base_moof", str(target)]
    subprocess.run([*command, *arguments.split(), *fragmented], check=True, timeout=120)
    return read_init(target.read_bytes())


@pytest.mark.parametrize(
    ("arguments", "codecs"),
    [
        (
            f"-c:v libx265 -tag:v hvc1 -pix_fmt yuv420p10le -color_trc smpte2084 {HDR_TAGS} "
            f"-x265-params log-level=none:transfer=smpte2084:{TAGS_OF_X265}",
            "hvc1.2.4.L30.90",
        ),
        (
            f"-c:v libx265 -tag:v hvc1 -pix_fmt yuv420p10le -color_trc arib-std-b67 {HDR_TAGS} "
            f"-x265-params log-level=none:transfer=arib-std-b67:{TAGS_OF_X265}",
            "hvc1.2.4.L30.90",
        ),
        (
            f"-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p10le -vf {SET_TAGS}:color_trc=smpte2084",
            "av01.0.00M.10.0.110.09.16.09.0",
        ),
        (
            f"-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p10le -vf {SET_TAGS}:color_trc=arib-std-b67",
            "av01.0.00M.10.0.110.09.18.09.0",
        ),
        ("-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p10le", "av01.0.00M.10"),
    ],
)
def test_pictures_of_ten_bits_are_named_as_browsers_know_them(tmp_path: Path, arguments: str, codecs: str) -> None:
    assert encoded(tmp_path, arguments).codecs == codecs


@pytest.mark.parametrize(
    ("arguments", "codecs", "channels"),
    [
        ("-c:a aac -af pan=mono|c0=c0", "mp4a.40.2", 1),
        ("-c:a aac -af pan=5.1|c0=c0|c5=c0", "mp4a.40.2", 6),
        ("-c:a aac -af pan=6.1|c0=c0|c5=c0", "mp4a.40.2", 7),
        ("-c:a aac -af pan=7.1|c0=c0|c5=c0", "mp4a.40.2", 8),
        ("-c:a aac -af pan=quad|c0=c0|c3=c0", "mp4a.40.2", 4),
        ("-c:a ac3 -af pan=mono|c0=c0", "ac-3", 1),
        ("-c:a ac3 -af pan=5.1|c0=c0|c5=c0", "ac-3", 6),
        ("-c:a eac3 -af pan=stereo|c0=c0|c1=c0", "ec-3", 2),
        ("-c:a eac3 -af pan=5.1|c0=c0|c5=c0", "ec-3", 6),
        ("-c:a eac3 -ar 44100 -af pan=5.0|c0=c0|c4=c0", "ec-3", 5),
    ],
)
def test_sound_is_named_and_its_channels_are_counted(
    tmp_path: Path, arguments: str, codecs: str, channels: int
) -> None:
    found = encoded(tmp_path, arguments)
    assert (found.codecs, found.channels) == (codecs, channels)
    assert found.sample_rate_hz == (44100 if "44100" in arguments else 48000)


def sound_entry(entry_type: bytes, child: bytes, config: bytes) -> Box:
    """A sample entry that claims 2 channels at 48 kHz, with one box."""
    fields = struct.pack(">6xH8xHH4xI", 1, 2, 16, 48000 << 16)
    inner = struct.pack(">I4s", 8 + len(config), child) + config
    data = struct.pack(">I4s", 8 + len(fields) + len(inner), entry_type) + fields + inner
    return next(boxes(memoryview(data)))


def test_dolby_sound_tells_rate_and_channels() -> None:
    ac3 = 0b01_01000_000_111_1_01111_00000  # 44.1 kHz, 3/2 channels and a low-frequency one
    assert audio_format(sound_entry(b"ac-3", b"dac3", ac3.to_bytes(3, "big"))) == (44100, 6)
    eac3 = 0b0000011000000_000_10_10000_0_0_000_010_0_000_0000_0  # 32 kHz, stereo
    entry = sound_entry(b"ec-3", b"dec3", eac3.to_bytes(5, "big"))
    assert audio_format(entry) == (32000, 2) and codec_name(entry) == "ec-3"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (sound_entry(b"ac-3", b"dac3", b"\xc0\0\0"), "'ac-3' is reserved"),
        (sound_entry(b"ec-3", b"dec3", b"\0\0\xc0\0\0"), "'ec-3' is reserved"),
        (sound_entry(b"ac-3", b"dac3", b"\0"), "cut off"),
        (sound_entry(b"ec-3", b"dec3", b""), "cut off"),
        (sound_entry(b"ec-3", b"dac3", b"\0\0\0"), "has no 'dec3'"),
    ],
)
def test_broken_dolby_boxes_end_in_one_clear_error(entry: Box, message: str) -> None:
    with pytest.raises(MalformedFragmentError, match=message):
        audio_format(entry)


@UNHURRIED
@given(st.sampled_from([(b"ac-3", b"dac3"), (b"ec-3", b"dec3"), (b"mp4a", b"esds")]), st.binary(max_size=80))
def test_any_configuration_of_sound_ends_in_an_error_or_in_sane_numbers(kind: tuple[bytes, bytes], data: bytes) -> None:
    try:
        rate, channels = audio_format(sound_entry(*kind, data))
    except MalformedFragmentError:
        return
    assert 0 < rate < 2**24 and 0 < channels <= 6 * 15


def esds(config: bytes) -> bytes:
    specific = b"\x05" + bytes([len(config)]) + config
    decoder = b"\x04" + bytes([13 + len(specific)]) + b"\x40" + bytes(12) + specific
    return bytes(4) + b"\x03" + bytes([3 + len(decoder)]) + bytes(3) + decoder


@UNHURRIED
@given(st.binary(max_size=80))
def test_any_configuration_of_aac_ends_in_an_error_or_in_sane_numbers(config: bytes) -> None:
    try:
        rate, channels = audio_format(sound_entry(b"mp4a", b"esds", esds(config)))
    except MalformedFragmentError:
        return
    assert 0 < rate < 2**24 and 0 < channels <= 3 * 30 + 3


def visual_entry(colr: bytes) -> Box:
    inner = struct.pack(">I4s", 8 + len(colr), b"colr") + colr
    data = struct.pack(">I4s", 8 + 78 + len(inner), b"av01") + bytes(78) + inner
    return next(boxes(memoryview(data)))


def test_colour_is_read_where_it_is_stated() -> None:
    assert colour_codes(visual_entry(b"nclx" + struct.pack(">HHHB", 9, 16, 9, 0x80))) == ColourCodes(9, 16, 9, True)
    assert colour_codes(visual_entry(b"prof" + bytes(7))) is None
    with pytest.raises(MalformedFragmentError, match="cut off"):
        colour_codes(visual_entry(b"nclx\0\x09"))
