"""`neudash package`: a video in, a bundle out."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from rich.progress import Progress, TaskID

from console.command import command, command_parser
from console.options import video_file, whole_number
from console.outputs import output_folder
from console.progress import progress
from media.colour.conversion import BLACK, parse_background
from media.errors import ProgramFailedError
from media.programs import RunProgress
from packager.capture import Device, parse_device, record
from packager.encoders import DEFAULT_CODEC, DEFAULT_TUNE, ENCODERS, PRESETS, TUNES
from packager.errors import LadderError, PackagingError, SoundError
from packager.ladder.choice import HIGHEST_QUALITY, LOWEST_BPS, LadderBounds
from packager.pipeline import Listener, Result, package
from packager.plan import Request
from packager.rungs import Ladder, WantedRung, parse_bitrate, parse_rungs
from packager.sound.choice import AudioWish, parse_audio

_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:\.\d{1,6})?)")

EXAMPLE = """example:
  neudash package film.mp4 -o bundles/film
  neudash package film.mkv -o bundles/clip --rungs 360@crf27,720@crf27 --start 1:30 --duration 24
"""


@command("neudash package", interrupted="stopped; the same command goes on from here")
def main(argv: list[str]) -> int:
    """Runs the command. Returns 0 if the bundle is packaged, now or before; 1 after an error; 130 for Ctrl-C."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    device = parse_device(arguments.video)
    if device is not None and arguments.duration is None:
        parser.error(f"{device.name} has no end; give the time to record with --duration")
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s")
    with progress(quiet=arguments.quiet) as bar, _full_disk_named(arguments.bundle):
        listener = _listener(bar)
        source = Path(arguments.video) if device is None else _recorded(device, arguments, listener)
        result = package(_request(arguments, source), listener)
    _tell(result, arguments.bundle, quiet=arguments.quiet)
    return 0


@contextmanager
def _full_disk_named(bundle: Path) -> Iterator[None]:
    """Raises PackagingError with the bundle's name if a program found the disk full: it does not say which disk."""
    try:
        yield
    except ProgramFailedError as error:
        if os.strerror(errno.ENOSPC) not in str(error):
            raise
        full = f"the disk of {bundle} is full; make room, and the same command goes on from here"
        raise PackagingError(f"{full} ({error})") from error


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "neudash package", "Cut a video into a DASH bundle: ladder, closed GOPs, segments, manifest.", EXAMPLE
    )
    crfs = ", ".join(f"{encoder.codec} {encoder.auto_crf}" for encoder in ENCODERS.values())
    add = parser.add_argument
    add(
        "video",
        type=_video,
        metavar="VIDEO",
        help="any video file that ffmpeg reads; or a camera, recorded for --duration into BUNDLE.capture.mkv: "
        "/dev/video0, avfoundation:0, 'dshow:video=NAME'",
    )
    add("-o", "--out", dest="bundle", type=output_folder, required=True, metavar="BUNDLE", help="folder to make")
    add(
        "--rungs",
        type=_rungs,
        default="auto",
        help="auto: sizes and qualities that suit this title and its models, chosen after a trial on a few segments; "
        f"fixed: the source's size, its half and its quarter at one CRF ({crfs}); or heights at a CRF or a bitrate, "
        "such as 360@crf27,540@800k (default: %(default)s)",
    )
    add("--count", type=whole_number(1, 20), metavar="N", help="with auto: rungs (default: 3 to 7, by the size)")
    add(
        "--target-quality",
        type=_quality,
        metavar="Q",
        help=f"with auto: VMAF-NEG of the highest rung (default: {HIGHEST_QUALITY:g})",
    )
    add("--max-rate", type=_bitrate, metavar="RATE", help="with auto: 4M or 800k (default: that of the source)")
    add("--min-rate", type=_bitrate, metavar="RATE", help=f"with auto (default: {LOWEST_BPS // 1000}k)")
    add("--plain", action="store_true", help="with auto: for viewers without models")
    add(
        "--segment-seconds",
        type=_some_seconds,
        default=Fraction(4),
        metavar="S",
        help="rounded to whole frames (default: %(default)s)",
    )
    add("--codec", choices=tuple(ENCODERS), default=DEFAULT_CODEC, help="(default: %(default)s)")
    add("--preset", choices=PRESETS, default="medium", help="slower is smaller (default: %(default)s)")
    add(
        "--tune",
        choices=TUNES,
        default=DEFAULT_TUNE,
        help="balanced: the best PSNR-Y and VMAF-NEG for the bytes; film: the encoder's own settings for the eye, "
        "which keep grain; psnr: as balanced, without adaptive quantisation (default: %(default)s)",
    )
    add(
        "--segmenter",
        choices=("auto", "mp4box", "ffmpeg"),
        default="auto",
        help="auto: MP4Box where installed (default: %(default)s)",
    )
    add("--start", type=_seconds, default=Fraction(0), metavar="TIME", help="90, 1.5 or 1:30 (default: %(default)s)")
    add("--duration", type=_some_seconds, metavar="TIME", help="(default: to the end)")
    add(
        "--subtitles",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="an .srt, .vtt or .ass next to the video, in UTF-8; film.en.srt names its language; may be given again. "
        "(Text tracks inside the video are taken by themselves)",
    )
    add(
        "--audio",
        type=_audio,
        default="all",
        metavar="WHICH",
        help="all, default, none, or languages and numbers of streams: en,fr or 1,3 (default: %(default)s)",
    )
    add(
        "--program",
        dest="programme",
        type=whole_number(1, 65535),
        metavar="N",
        help="of a broadcast with several programmes the one to take (default: that of the largest picture)",
    )
    add(
        "--hdr",
        action="store_true",
        help="also make 10-bit rungs in the source's own HDR (PQ or HLG), by HEVC, or by AV1 with --codec av1",
    )
    add(
        "--background",
        type=_background,
        default=BLACK,
        metavar="COLOUR",
        help="what shows through transparent parts: a name such as white, or #rrggbb (default: black)",
    )
    add("--force", action="store_true", help="replace a bundle that was made otherwise, models included")
    add("-q", "--quiet", action="store_true", help="no progress bar, no notes on what was done with the sound")
    add("-v", "--verbose", action="store_true", help="show the commands that are run")
    return parser


def _video(text: str) -> str:
    video_file(text)  # refuses an address
    return text


def _seconds(text: str) -> Fraction:
    match = _TIME.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90, 1.5 or 1:30")
    hours, minutes, rest = (Fraction(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def _some_seconds(text: str) -> Fraction:
    if (duration_s := _seconds(text)) == 0:
        raise argparse.ArgumentTypeError("it must be more than 0")
    return duration_s


def _rungs(text: str) -> tuple[WantedRung, ...] | Ladder:
    try:
        return parse_rungs(text)
    except LadderError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _bitrate(text: str) -> int:
    try:
        return parse_bitrate(text)
    except LadderError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        quality = -1.0
    if not 1 <= quality <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a VMAF-NEG of 1 to 100")
    return quality


def _audio(text: str) -> AudioWish:
    try:
        return parse_audio(text)
    except SoundError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _background(text: str) -> str:
    try:
        return parse_background(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _recorded(device: Device, arguments: argparse.Namespace, listener: Listener) -> Path:
    """The file with what the device has recorded, now or in an earlier run."""
    bundle: Path = arguments.bundle.resolve()
    recording = bundle.with_name(f"{bundle.name}.capture.mkv")
    if recording.exists() and not arguments.force:
        print(f"neudash package: continuing with {recording}; --force records again", file=sys.stderr)
        return recording
    listener.step(f"record {device.name}")
    record(device, arguments.duration, recording)
    return recording


def bounds_of(arguments: argparse.Namespace) -> LadderBounds | None:
    """Returns the bounds of a measured ladder; None for other rungs. Raises LadderError for bounds without it."""
    given = {
        "count": arguments.count,
        "target_quality": arguments.target_quality,
        "max_rate_bps": arguments.max_rate,
        "min_rate_bps": arguments.min_rate,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if arguments.rungs == "auto":
        return LadderBounds(**given, models=not arguments.plain)
    if given or arguments.plain:
        raise LadderError(
            "--count, --target-quality, --max-rate, --min-rate and --plain are for --rungs auto; leave them out"
        )
    return None


def _request(arguments: argparse.Namespace, source: Path) -> Request:
    return Request(
        source=source,
        bundle=arguments.bundle,
        wanted=arguments.rungs if isinstance(arguments.rungs, tuple) else None,
        bounds=bounds_of(arguments),
        segment_s=arguments.segment_seconds,
        codec=arguments.codec,
        preset=arguments.preset,
        tune=arguments.tune,
        segmenter=arguments.segmenter,
        start_s=arguments.start,
        duration_s=arguments.duration,
        subtitles=tuple(arguments.subtitles),
        audio=arguments.audio,
        programme=arguments.programme,
        hdr=arguments.hdr,
        background=arguments.background,
        force=arguments.force,
    )


def _listener(bar: Progress) -> Listener:
    """One bar, from the first step on."""

    def task() -> TaskID:
        return bar.task_ids[0] if bar.task_ids else bar.add_task("package", total=None, note="")

    def encoding(report: RunProgress, total: int) -> None:
        bar.update(task(), completed=report.frames, total=total, note=report.speed)

    def step(what: str) -> None:
        bar.update(task(), description=what, note="")

    return Listener(step=step, encoding=encoding)


def _tell(result: Result, bundle: Path, *, quiet: bool) -> None:
    for note in () if quiet else result.notes:
        print(f"neudash package: {note}", file=sys.stderr)
    for warning in result.warnings:
        print(f"neudash package: warning: {warning}", file=sys.stderr)
    if result.already_done:
        print("neudash package: already packaged with these settings", file=sys.stderr)
    print(bundle / "manifest.mpd")
