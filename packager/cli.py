"""`neudash package`: a video in, a bundle out."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

from rich.progress import Progress, TaskID

from manifests.errors import BundleError
from media.errors import MediaError
from media.programs import RunProgress
from media.progress import progress
from packager.capture import parse_device, record
from packager.encode import AUTO_CRF, ENCODERS, PRESETS
from packager.errors import PackagingError
from packager.pipeline import Listener, Result, package
from packager.plan import Request
from packager.rungs import parse_rungs

_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:\.\d{1,6})?)")

EXAMPLE = """example:
  neudash package film.mp4 -o bundles/film
  neudash package film.mkv -o bundles/clip --rungs 360@crf27,720@crf27 --start 1:30 --duration 24
"""


def main(argv: list[str]) -> int:
    """Run the command. 0: packaged, or already was; 1: not, and one line on stderr says why; 130: Ctrl-C."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s")
    try:
        with ExitStack() as stack:
            listener = _listener(progress(quiet=arguments.quiet), stack)
            result = package(_request(arguments, listener), listener)
    except (PackagingError, MediaError, BundleError, OSError) as error:
        message = " ".join(str(error).split())
        print(f"neudash package: {message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("neudash package: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    _tell(result, arguments.bundle)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neudash package",
        description="Cut a video into a DASH bundle: ladder, closed GOPs, segments, manifest.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    crfs = ", ".join(f"{codec} {crf}" for codec, crf in AUTO_CRF.items())
    add = parser.add_argument
    add(
        "video",
        metavar="VIDEO",
        help="any video file that ffmpeg reads; or a camera, recorded for --duration into BUNDLE.capture.mkv: "
        "/dev/video0, avfoundation:0, 'dshow:video=NAME'",
    )
    add("-o", "--out", dest="bundle", type=Path, required=True, metavar="BUNDLE", help="folder to make")
    add(
        "--rungs",
        default="auto",
        help="heights at a CRF or a bitrate, such as 360@crf27,540@800k; auto: the source's size, its half and "
        f"its quarter at one CRF ({crfs}) (default: %(default)s)",
    )
    add(
        "--segment-seconds",
        type=_seconds,
        default=Fraction(4),
        metavar="S",
        help="rounded to whole frames (default: %(default)s)",
    )
    add("--codec", choices=tuple(ENCODERS), default="h264", help="(default: %(default)s)")
    add("--preset", choices=PRESETS, default="medium", help="slower is smaller (default: %(default)s)")
    add(
        "--segmenter",
        choices=("auto", "mp4box", "ffmpeg"),
        default="auto",
        help="auto: MP4Box where installed (default: %(default)s)",
    )
    add("--start", type=_seconds, default=Fraction(0), metavar="TIME", help="90, 1.5 or 1:30 (default: %(default)s)")
    add("--duration", type=_seconds, metavar="TIME", help="(default: to the end)")
    add("--force", action="store_true", help="replace a bundle that was made otherwise, models included")
    add("-q", "--quiet", action="store_true", help="no progress bar")
    add("-v", "--verbose", action="store_true", help="show the commands that are run")
    return parser


def _seconds(text: str) -> Fraction:
    match = _TIME.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90, 1.5 or 1:30")
    hours, minutes, rest = (Fraction(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def _recorded(arguments: argparse.Namespace, listener: Listener) -> Path:
    """The file to package: the one that was named, or what the device that was named has recorded."""
    device = parse_device(arguments.video)
    if device is None:
        return Path(arguments.video)
    bundle: Path = arguments.bundle.resolve()
    recording = bundle.with_name(f"{bundle.name}.capture.mkv")
    if recording.exists() and not arguments.force:
        print(f"neudash package: going on with {recording}; --force records anew", file=sys.stderr)
        return recording
    listener.step(f"record {device.name}")
    record(device, arguments.duration, recording)
    return recording


def _request(arguments: argparse.Namespace, listener: Listener) -> Request:
    if arguments.segment_seconds <= 0 or arguments.duration == 0:
        raise PackagingError("--segment-seconds and --duration must be more than 0")
    wanted = parse_rungs(arguments.rungs)
    return Request(
        source=_recorded(arguments, listener),
        bundle=arguments.bundle,
        wanted=wanted,
        segment_s=arguments.segment_seconds,
        codec=arguments.codec,
        preset=arguments.preset,
        segmenter=arguments.segmenter,
        start_s=arguments.start,
        duration_s=arguments.duration,
        force=arguments.force,
    )


def _listener(bar: Progress, stack: ExitStack) -> Listener:
    """One bar; it appears with the first step, so that what fails before it says its one line alone."""

    def task() -> TaskID:
        if not bar.task_ids:
            stack.enter_context(bar)
            bar.add_task("package", total=None, note="")
        return bar.task_ids[0]

    def encoding(report: RunProgress, total: int | None) -> None:
        bar.update(task(), completed=report.frames, total=total, note=report.speed)

    def step(what: str) -> None:
        bar.update(task(), description=what, note="")

    return Listener(step=step, encoding=encoding)


def _tell(result: Result, bundle: Path) -> None:
    for warning in result.warnings:
        print(f"neudash package: warning: {warning}", file=sys.stderr)
    if result.already_done:
        print("neudash package: already packaged with these settings", file=sys.stderr)
    print(bundle / "manifest.mpd")
