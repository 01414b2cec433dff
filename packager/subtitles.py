"""Subtitles: text tracks of a source and files next to it, as WebVTT in the bundle's time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import ffmpeg

from manifests.model import Role
from manifests.mpd.names import LANGUAGE
from media.programs import source_options, source_url
from media.source.probe import SourceInfo
from media.source.treatment import QUIET, file_sha256, seconds
from packager.errors import SubtitlesError

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
MAX_FILE_BYTES = 16 << 20
_FILE_FORMATS = "srt,webvtt,ass"
# A cue as ffmpeg writes it: `00:01.000 --> 00:02.500`, hours where there are any, then perhaps settings.
_TIMING = re.compile(r"(?:(\d+):)?(\d\d):(\d\d)\.(\d{3}) --> (?:(\d+):)?(\d\d):(\d\d)\.(\d{3})(.*)")

_LOOSE_AND = re.compile(r"&(?!(?:amp|lt|gt|lrm|rlm|nbsp|#\d+);)")
_LOOSE_LESS = re.compile(r"<(?!/?(?:b|i|u|c|v|lang|ruby|rt)\b)")


@dataclass(frozen=True)
class Subtitles:
    """One track, wherever it comes from."""

    path: Path
    index: int
    """Index of the stream within the file."""
    language: str | None
    """BCP 47 tag; None if the language is not known."""
    name: str
    """Name for messages."""
    sha256: str | None = None
    """SHA-256 of a separate file; None for a track of the source."""
    title: str | None = None
    """Its name in the source."""
    role: Role = "subtitle"


def tracks_of(source: Path, info: SourceInfo) -> tuple[Subtitles, ...]:
    """The text tracks inside a source."""
    return tuple(
        Subtitles(
            source, s.index, s.language, f"subtitles {s.index} ({s.codec})", title=s.title, role=_role(s.dispositions)
        )
        for s in info.subtitles
    )


def _role(dispositions: Sequence[str]) -> Role:
    if "forced" in dispositions:
        return "forced-subtitle"
    if "hearing_impaired" in dispositions:
        return "caption"
    return "commentary" if "comment" in dispositions else "subtitle"


def read_file(path: Path) -> Subtitles:
    """Reads a file next to a source; `film.en.srt` names its language. Raises SubtitlesError, OSError."""
    if path.suffix.lower() not in SUFFIXES:
        raise SubtitlesError(f"{path.name} is not a subtitle file; its name should end in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise SubtitlesError(f"{path} {'is not a regular file' if path.exists() else 'does not exist'}")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise SubtitlesError(f"{path.name} is larger than {MAX_FILE_BYTES >> 20} MB, which no subtitles are")
    try:
        path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubtitlesError(
            f"{path.name} is not in UTF-8; convert it first: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > new.srt"
        ) from error
    said = path.stem.rpartition(".")[2] if "." in path.stem else ""
    language = said if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", said) and LANGUAGE.fullmatch(said) else None
    return Subtitles(path, 0, language, path.name, file_sha256(path))


def webvtt_arguments(subtitles: Subtitles, end_s: Fraction | None) -> list[str]:
    """ffmpeg's arguments that write a track to stdout as WebVTT, in the times of its file, up to `end_s` of them."""
    options = source_options() | ({"format_whitelist": _FILE_FORMATS} if subtitles.sha256 else {})
    if end_s is not None:
        options["t"] = seconds(end_s)
    track = ffmpeg.input(source_url(subtitles.path), **options)[str(subtitles.index)]
    return [*QUIET, *track.output("pipe:1", f="webvtt", **{"c:s": "webvtt"}).get_args()]


def in_period(webvtt: str, shift_s: Fraction, duration_s: Fraction) -> bytes | None:
    """Returns the cues within `duration_s` after `shift_s` is subtracted from all times; None if there are none."""
    cues = list(_cues(webvtt, round(shift_s * 1000), round(duration_s * 1000)))
    return ("\n\n".join(["WEBVTT", *cues]) + "\n").encode() if cues else None


def _cues(webvtt: str, shift_ms: int, duration_ms: int) -> Iterator[str]:
    for block in re.split(r"\n{2,}", webvtt.replace("\r\n", "\n")):
        timing, _, text = block.strip("\n").partition("\n")
        found = _TIMING.fullmatch(timing)
        if found is None or not text.strip():
            continue
        numbers = [int(number or 0) for number in found.groups()[:8]]
        start_ms = max(_milliseconds(numbers[:4]) - shift_ms, 0)
        end_ms = min(_milliseconds(numbers[4:]) - shift_ms, duration_ms)
        if start_ms < end_ms:
            yield f"{_clock(start_ms)} --> {_clock(end_ms)}{found[9]}\n{_escaped(text)}"


def _escaped(text: str) -> str:
    """ffmpeg copies `&` and `<` as they are; to a parser of WebVTT they begin an escape and a tag."""
    return _LOOSE_LESS.sub("&lt;", _LOOSE_AND.sub("&amp;", text))


def _milliseconds(numbers: list[int]) -> int:
    hours, minutes, whole, thousandths = numbers
    return ((hours * 60 + minutes) * 60 + whole) * 1000 + thousandths


def _clock(milliseconds: int) -> str:
    whole, thousandths = divmod(milliseconds, 1000)
    minutes, whole = divmod(whole, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{whole:02}.{thousandths:03}"
