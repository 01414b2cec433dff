"""`neudash demo`: the whole way on one video, by the commands that a person would type, each shown as it runs."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from console.command import command, command_parser
from console.options import seconds, video_file, whole_number
from console.outputs import output_folder
from console.progress import progress
from manifests.bundle import open_bundle
from media.source.probe import probe
from neudash.sample.video import DURATION_S, MAX_DURATION_S, frame_count, render_sample
from neudash.steps import StepFailedError, Steps, neudash_command, run_neudash, tell

INTERRUPTED = 130
TOP_PX = 1080
"""Shorter side of the largest rung: what two cores can measure in minutes."""
_STOP_S = 10.0

_EXAMPLE = """\
examples:
  neudash demo
  neudash demo holiday.mp4 --seconds 20 --out holiday-demo

All outputs go into one folder. Stopped, the same command goes on where it was."""


@dataclass(frozen=True)
class _Outputs:
    """Files and folders that the demo writes."""

    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    def file(self, name: str) -> Path:
        return self.folder / name


@command("neudash demo")
def main(argv: list[str]) -> int:
    """Runs the command. Returns 0 if all of it worked, 1 if a step failed and reported why, 130 for Ctrl-C."""
    options = _parser().parse_args(argv)
    # A plain kill must end the server that we started as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _demo(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "neudash demo",
        "Package, train, serve, play enhanced and report one video: yours, or one drawn on the spot.",
        _EXAMPLE,
    )
    parser.add_argument(
        "video", nargs="?", type=video_file, metavar="VIDEO", help="(default: a canal town at dusk, drawn now)"
    )
    parser.add_argument(
        "--out", type=output_folder, metavar="DIR", help="for all outputs (default: demo-out/NAME-LENGTH)"
    )
    parser.add_argument(
        "--seconds",
        type=seconds(),
        default=DURATION_S,
        metavar="S",
        help=f"how much of the video, from its start; the drawn one has {MAX_DURATION_S:g} (default: %(default)g)",
    )
    parser.add_argument(
        "--steps", type=whole_number(1), default=1000, help="training steps for each rung (default: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="replace a bundle in DIR that was made otherwise")
    ending = parser.add_mutually_exclusive_group()
    ending.add_argument("--once", action="store_true", help="end after the report (default: without a terminal)")
    ending.add_argument(
        "--keep-serving", action="store_true", help="serve until Ctrl-C (default: where there is a terminal)"
    )
    return parser


def _demo(options: argparse.Namespace) -> None:
    outputs = _Outputs(options.out or default_folder(options.video, options.seconds))
    if outputs.folder.exists() and not outputs.folder.is_dir():
        raise StepFailedError(f"--out {outputs.folder} is a file; name a folder")
    outputs.folder.mkdir(parents=True, exist_ok=True)
    steps = Steps(total=5 if options.video else 6)
    source = options.video or _sample(steps, outputs, min(options.seconds, MAX_DURATION_S))
    force = ["--force"] if options.force else []
    with steps.step("package: a ladder of rungs, cut into segments"):
        rungs = wanted_rungs(*map(float, probe(source).video.display_size))
        length = ["--duration", f"{options.seconds:g}"]
        run_neudash("package", source, "-o", outputs.bundle, "--rungs", rungs, *length, *force)
    with steps.step("train: a tiny network for every rung that can be enhanced"):
        run_neudash("train", outputs.bundle, "--source", source, "--steps", options.steps)
    # The rung with the clearest difference is played, not the one that a policy would choose on a fast line.
    rung = rung_to_play(outputs.bundle)
    with _served(steps, outputs.bundle) as (server, manifest_url):
        played = ["--out", outputs.file("enhanced.mp4"), "--stats", outputs.file("play.json")]
        with steps.step(f"play: rung {rung} over HTTP, every frame enhanced"):
            run_neudash("play", manifest_url, "--rung", rung, *played)
        written = ["-o", outputs.file("report.html"), "--json", outputs.file("report.json")]
        with steps.step("report: every frame measured, plain and enhanced"):
            run_neudash("report", outputs.bundle, "--source", source, *written)
        _summarise(steps, outputs, source, rung)
        print(f"report:   {outputs.file('report.html')}")
        # The rung with models: left to itself, a player on this very machine takes the largest.
        place = f"?rung={rung}#{quote(outputs.bundle.name)}"
        if options.keep_serving or (sys.stdout.isatty() and not options.once):
            print(f"page:     {manifest_url.partition('/bundles/')[0]}/{place}", flush=True)
            _wait(server)
        else:
            again = shlex.join(["neudash", "serve", str(outputs.bundle)])
            print(f"page:     http://127.0.0.1:8000/{place} while `{again}` runs", flush=True)


def default_folder(video: Path | None, duration_s: float) -> Path:
    """One for each video and duration, so that none meets the files of another."""
    stem = re.sub(r"\W+", "-", video.stem if video else "canal").strip("-").lower()
    return Path("demo-out") / f"{stem or 'video'}-{duration_s:g}s"


def _sample(steps: Steps, outputs: _Outputs, duration_s: float) -> Path:
    """The sample video, drawn unless an earlier run has done so."""
    path, partial = outputs.file("canal.mp4"), outputs.file("canal.partial.mp4")
    with steps.step("draw: a canal town at dusk, for want of a video of yours"):
        if not path.exists():
            with progress() as bars:
                task = bars.add_task("draw", total=frame_count(duration_s), note="")
                render_sample(partial, duration_s, lambda done: bars.update(task, completed=done))
            partial.replace(path)
        tell(str(path))
    return path


def wanted_rungs(width: float, height: float) -> str:
    """Returns the `--rungs` for a source of that size: the fixed ladder, or that of its picture at 1080 lines.

    A measured ladder has more rungs, which take longer to train than a first look should.
    """
    if min(width, height) <= TOP_PX:
        return "fixed"
    quarter = round(height * TOP_PX / min(width, height) / 4)
    return ",".join(f"{quarter * factor}@crf27" for factor in (1, 2, 4))


def rung_to_play(bundle: Path) -> str:
    """Returns the id of the rung that shows enhancement best.

    That is the largest rung with models below the top one, whose picture lacks little; if there is none, the top one if
    it has models, else the second largest. Raises BundleError.
    """
    ladder = sorted(open_bundle(bundle).presentation.video, key=lambda rung: rung.bandwidth_bps)
    enhanced = [rung for rung in ladder if rung.model_tracks]
    below_top = [rung for rung in enhanced if rung is not ladder[-1]]
    return (below_top or enhanced or ladder[:-1] or ladder)[-1].id


@contextmanager
def _served(steps: Steps, bundle: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of the bundle on a free port, and the address of its manifest; it ends with the block."""
    command = ["serve", str(bundle), "--port", "0"]
    with steps.step("serve: the bundle over HTTP"):
        tell(f"$ neudash {shlex.join(command)} &")
        server = subprocess.Popen(  # noqa: S603 - no shell reads it
            neudash_command(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None, "asked for"
        manifest_url = server.stdout.readline().strip()
        tell(manifest_url)
    try:
        # The server prints its address once it listens, and nothing if it fails.
        if not manifest_url:
            raise StepFailedError("`neudash serve` ended at once; what it said stands above")
        yield server, manifest_url
    finally:
        server.terminate()
        try:
            server.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[str]) -> None:
    tell("serving until Ctrl-C")
    try:
        server.wait()
    except KeyboardInterrupt:
        tell("")


def _summarise(steps: Steps, outputs: _Outputs, source: Path, rung: str) -> None:
    stats = json.loads(outputs.file("play.json").read_text())
    quality = json.loads(outputs.file("report.json").read_text())
    measured = next(entry for entry in quality["rungs"] if entry["id"] == rung)
    video_bytes, model_bytes = measured["video_bytes"], measured["model_bytes"]
    print(f"\n{steps.summary()}\n")
    print(f"rung {rung}, shown at {quality['target']['width']}x{quality['target']['height']}")
    print(f"  frames    {stats['enhanced_frames']} of {stats['frames']} enhanced, {stats['enhance_fps']:.0f} a second")
    print(f"  bytes     {video_bytes:,} of video, {model_bytes:,} of models ({model_bytes / video_bytes:.2%})")
    for label, key in (("PSNR-Y", "psnr_y"), ("VMAF", "vmaf"), ("VMAF-NEG", "vmaf_neg")):
        print(f"  {label:<9} {_gain(measured, key)}")
    print(f"\nsource:   {source}\nenhanced: {outputs.file('enhanced.mp4')}\nbundle:   {outputs.bundle}")


def _gain(measured: dict[str, Any], key: str) -> str:
    """Returns the rung's score plain and as played; both are the same if it has no model."""
    plain, played = measured["plain"][key], (measured["enhanced"] or measured["plain"])[key]
    if plain is None:
        return "not measured: this ffmpeg has no libvmaf"
    return f"{plain:.2f} plain, {played:.2f} enhanced ({played - plain:+.2f})"
