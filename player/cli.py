"""`neudash play`: fetch, enhance, and show or store."""

from __future__ import annotations

# Before all that brings PyAV along, or OpenCV's windows find PyAV's private libxcb and hang (PyAV issue 1050).
import cv2  # noqa: F401 - loaded for the order alone

# isort: split
import argparse
import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from console.command import INTERRUPTED, command, command_parser
from console.options import seconds, whole_number
from console.outputs import check_outputs, is_stream, output_file, output_folder, results_to
from player.abr.rules import DEFAULT, RULES
from player.fetching.download_recorder import DownloadRecorder
from player.fetching.network_trace import read_trace
from player.fetching.scheduler import CAPACITY_S
from player.fetching.throttled import ThrottledTransport
from player.fetching.transport import Transport, open_transport
from player.progress import PlaybackProgress
from player.session import Outputs, Session, Settings
from player.sinks import Sink
from player.sinks.pictures import PictureFolder
from player.sinks.screens import open_screen
from player.sinks.video_file import SUFFIXES, VideoFile
from player.sinks.window import Window
from player.sound.speaker import SpeakerUnavailableError, open_speaker
from player.stats import summary
from player.superres.engines import BACKENDS, ENGINES

WINDOW_MODEL_PATIENCE_S = 1.0
"""A viewer sees the first segment plain rather than later."""

_EXAMPLE = """\
examples:
  neudash play http://localhost:8080/title/manifest.mpd --out enhanced.mp4 --stats stats.json
  neudash play demo-out/canal-10s/bundle --rung 360 --out judged.mkv
  neudash play http://localhost:8080/title/manifest.mpd --window --audio fr
  neudash play demo-out/canal-10s/bundle --rung 360 --model FSRCNN_x2.pb --frames pictures
"""


@command("neudash play")
def main(argv: list[str]) -> int:
    """0: all was played; 1: something is missing, or nothing could be played; 130: Ctrl-C, outputs finished."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.loop > 1 and (arguments.out or arguments.frames):
        parser.error("--loop goes with --window, or with no output")
    if len({os.path.realpath(path) for path in arguments.out}) < len(arguments.out):
        parser.error("--out names a file twice")
    if arguments.no_enhance and arguments.model:
        parser.error("--model enhances, --no-enhance does not: leave one out")
    return _play(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "neudash play",
        "Play a presentation: fetch it, enhance it, show or store it. Without an output it only measures.",
        _EXAMPLE,
    )
    parser.add_argument("address", metavar="URL", help="of a manifest; or a bundle folder or manifest on this machine")
    where = parser.add_argument_group("where it goes (any of them together)")
    where.add_argument(
        "--out",
        type=_video_file,
        action="append",
        default=[],
        metavar="FILE",
        help="enhanced video: .mp4 (H.264) or .mkv (FFV1, lossless, frame for frame), with audio, or .y4m (raw, "
        "without); may be repeated. A device or a pipe with another name gets Matroska; - is stdout",
    )
    where.add_argument("--frames", type=output_folder, metavar="DIR", help="every frame as a PNG file")
    where.add_argument(
        "--window",
        action="store_true",
        help="a window with sound; q quits, space pauses, e: plain, split, enhanced, arrow keys: 5 s (left, right) or "
        "30 s (down, up) back or on. On a machine that is too slow, frames are enhanced less rather than shown late",
    )
    where.add_argument(
        "--keep",
        type=output_folder,
        metavar="DIR",
        help="what was downloaded, video and models apart, as a bundle that plays; a new or an empty folder",
    )
    where.add_argument(
        "--stats", type=output_file, metavar="FILE", help="what was fetched and done, segment by segment, as JSON"
    )
    how = parser.add_argument_group("how it is played")
    how.add_argument(
        "--rung", metavar="HEIGHT", help="only this rung, by height or id, instead of letting --abr choose"
    )
    how.add_argument(
        "--audio",
        metavar="TRACK",
        help="the sound track: a language (fr, pt-BR), a role (commentary), its name or a part of it, or its number; "
        "one that there is not lists them all (default: the main one, in stereo)",
    )
    how.add_argument(
        "--loop",
        type=whole_number(1, 1_000_000),
        default=1,
        metavar="N",
        help="play it that many times; not with --out or --frames",
    )
    how.add_argument(
        "--abr",
        choices=sorted(RULES),
        default=DEFAULT,
        help="rule that chooses rung and model of every segment (docs/abr.md; default: %(default)s)",
    )
    how.add_argument(
        "--buffer",
        type=seconds(3600),
        default=CAPACITY_S,
        metavar="SECONDS",
        help="video to fetch ahead of what is shown (default: %(default)g)",
    )
    how.add_argument(
        "--mirrors",
        action="store_true",
        help="also fetch from other servers that the manifest names (BaseURL); by default only from its own",
    )
    how.add_argument(
        "--network-trace",
        type=Path,
        metavar="CSV",
        help="fetch no faster than this recorded network: time_s,kbps, a row a second, over and over",
    )
    how.add_argument(
        "--network-rtt",
        type=seconds(3600),
        default=0.02,
        metavar="SECONDS",
        help="delay of every answer under --network-trace (default: %(default)g)",
    )
    how.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what runs the networks; auto takes a GPU where there is one (default: %(default)s)",
    )
    how.add_argument(
        "--backend", choices=BACKENDS, help="of the engine keras (default: KERAS_BACKEND, else tensorflow)"
    )
    how.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a .pb, .onnx or .ndm model for every segment, instead of the manifest's",
    )
    how.add_argument("--no-enhance", action="store_true", help="plain: no model is fetched")
    return parser


def _video_file(text: str) -> Path:
    path = output_file(text)
    if path.suffix.lower() not in SUFFIXES and not is_stream(path):
        raise argparse.ArgumentTypeError(f"{text} ends in none of {', '.join(SUFFIXES)}")
    return path


def _play(arguments: argparse.Namespace) -> int:
    settings = Settings(
        rung=arguments.rung,
        audio=arguments.audio,
        rule=arguments.abr,
        buffer_s=arguments.buffer,
        loops=arguments.loop,
        mirrors=arguments.mirrors,
        enhance=not arguments.no_enhance,
        engine=arguments.engine,
        backend=arguments.backend,
        model_file=arguments.model,
        model_patience_s=WINDOW_MODEL_PATIENCE_S if arguments.window else Settings.model_patience_s,
    )
    outputs, notes = _outputs(arguments)
    with PlaybackProgress() as talk:
        for note in notes:
            talk.warn(note)
        session = Session(_fetcher(arguments), settings, outputs, talk)
        try:
            interrupted = asyncio.run(_until_interrupted(session))
        finally:
            if arguments.stats is not None:
                session.stats.write(arguments.stats)
    print(summary(session.stats), file=results_to(_written(arguments)))
    if interrupted:
        return INTERRUPTED
    return 0 if session.complete and session.stats.frames else 1


def _fetcher(arguments: argparse.Namespace) -> Transport:
    """Raises UnplayableError."""
    fetcher = open_transport(arguments.address)
    if arguments.network_trace is None:
        return fetcher
    return ThrottledTransport(fetcher, read_trace(arguments.network_trace), arguments.network_rtt)


def _outputs(arguments: argparse.Namespace) -> tuple[Outputs, list[str]]:
    """Returns the requested outputs, and warnings for the user.

    Raises OSError, SinkError or OverwritesError if one cannot be written.
    """
    files = _written(arguments)
    check_outputs(files, [Path(arguments.address)])
    sinks: list[Sink] = [VideoFile(path) for path in arguments.out]
    if arguments.frames is not None:
        sinks.append(PictureFolder(arguments.frames))
    kept = DownloadRecorder(arguments.keep) if arguments.keep is not None else None
    if kept is not None:
        kept.open()
    if not arguments.window:
        return Outputs(sinks, kept=kept), []
    screen, problem = open_screen()
    # What is being written follows the video from start to end.
    window = Window(screen, seekable=not sinks)
    if problem is not None:
        return Outputs(sinks, window, kept=kept), [f"{problem}: playing at the same pace without a window"]
    try:
        return Outputs(sinks, window, open_speaker(window.clock), kept), []
    except SpeakerUnavailableError as error:
        return Outputs(sinks, window, kept=kept), [f"playing without sound: {error}"]


def _written(arguments: argparse.Namespace) -> list[Path]:
    """The files asked for, folders aside."""
    return [path for path in (*arguments.out, arguments.stats) if path is not None]


async def _until_interrupted(session: Session) -> bool:
    """Returns True if Ctrl-C (or SIGTERM) ended the session; its outputs are finished either way."""
    task = asyncio.ensure_future(session.run())
    with _interrupts(task):
        try:
            await task
        except asyncio.CancelledError:
            return True
    return False


@contextmanager
def _interrupts(task: asyncio.Future[None]) -> Iterator[None]:
    """The first signal cancels the task; a second one ends the process as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def cancel(number: int, _: FrameType | None) -> None:
        signal.signal(number, usual[signal.Signals(number)])
        loop.call_soon_threadsafe(task.cancel)

    for number in usual:
        signal.signal(number, cancel)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
