"""The kinds of files that are accepted as sources, and what to say of others."""

from __future__ import annotations

from codecs import getincrementaldecoder
from pathlib import Path

CONTAINERS: dict[str, str] = {
    "mov,mp4,m4a,3gp,3g2,mj2": "MP4, MOV, 3GP, AVIF",
    "matroska,webm": "Matroska, WebM",
    "mpegts": "MPEG-TS, M2TS",
    "mpeg,mpegvideo": "MPEG-PS, VOB",
    "avi": "AVI",
    "flv": "FLV",
    "gif": "GIF",
    "apng": "APNG",
    "ogg": "Ogg",
    "asf": "WMV, ASF",
    "wtv": "WTV",
    "rm": "RealMedia",
    "mxf": "MXF",
    "dv": "DV",
    "nut": "NUT",
    "mjpeg,jpeg_pipe": "Motion JPEG",
    "h264,hevc,obu,ivf,m4v": "raw H.264, HEVC, AV1 and MPEG-4",
    "yuv4mpegpipe": "Y4M",
}
"""ffmpeg's names of the containers that hold their own media, and what people call them.

Playlists, ffconcat, SDP and image patterns name other files, and are left out for that.
"""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"#EXTM3U", "an HLS playlist, which only names other files; name the video itself"),
    (b"ffconcat", "a list of other files; name the video itself"),
    (b"v=0", "an SDP description of a live stream; record it to a file first"),
    (b"<?xml", "an XML file, not a video; a DASH manifest is played by `neudash play`"),
    (b"<MPD", "a DASH manifest, which only names other files; name the video itself"),
    (b"\xff\xd8\xff", "a picture (JPEG), not a video"),
    (b"\x89PNG", "a picture (PNG), not a video"),
    (b"II*\0", "a picture (TIFF), not a video"),
    (b"MM\0*", "a picture (TIFF), not a video"),
    (b"BM", "a picture (BMP), not a video"),
    (b"%PDF", "a PDF file, not a video"),
    (b"PK\x03\x04", "a ZIP archive; unpack it, and name the video in it"),
    (b"Rar!", "a RAR archive; unpack it, and name the video in it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it, and name the video in it"),
    (b"\x1f\x8b", "a gzip archive; unpack it, and name the video in it"),
    (b"FWS", "a Flash animation; convert it to MP4 or Matroska first"),
    (b"CWS", "a Flash animation; convert it to MP4 or Matroska first"),
)


def accepted() -> str:
    """ffmpeg's names of all accepted containers, for its `format_whitelist`."""
    return ",".join(CONTAINERS)


def reason_not_opened(path: Path) -> str:
    """The end of a sentence about a file that none of the accepted containers fits."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "is a WebP animation or picture, a format that is not accepted; convert it to GIF, APNG or MP4 first"
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return f"is {what}"
    if head[4:8] in (b"ftyp", b"moov", b"mdat") or head[:4] in (b"\x1aE\xdf\xa3", b"RIFF", b"OggS"):
        return "is damaged or incomplete: its index is missing or cannot be read; try to copy or record it again"
    if _is_text(head):
        return "is a text, not a video"
    return (
        "is damaged, or of a format that is not accepted; try to play it, and convert it to MP4 or Matroska "
        f"(accepted are {', '.join(CONTAINERS.values())})"
    )


def _is_text(head: bytes) -> bool:
    """Returns True if the head of a file, which may end inside a character, is UTF-8 without control characters."""
    try:
        getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in head)
