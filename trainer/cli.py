"""`neudash train`: models into a bundle."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import TaskID

from console.command import command, command_parser
from console.options import bundle_folder, video_file, whole_number
from console.outputs import check_outputs, output_file, results_to, unnamed_errors_at, write_json
from console.progress import progress
from manifests.errors import UnknownNetworkError
from player.superres.engines import BACKENDS, quiet_stderr, require_keras
from trainer.choice.networks import SizeClass, trained_network
from trainer.settings import AUTO, TrainSettings

if TYPE_CHECKING:
    from trainer.pipeline import TrainedRung

_EXAMPLE = """examples:
  neudash package holiday.mp4 -o holiday/
  neudash train holiday/ --source holiday.mp4
  neudash train holiday/ --source holiday.mp4 --class gpu
  neudash train holiday/ --source holiday.mp4 --net c16d2 --scope title      # quicker: one network, half sizes alone

Unless told otherwise every rung, the largest too, gets the networks that suit its size and bytes, and scenes and
segments get models of their own where they could earn their bytes. What was tried, what it is worth and why it was
taken or left stands in `--json`, in provenance.json and in `neudash report`.

Training can be stopped at any time: the same command goes on where it stopped."""


@command("neudash train", interrupted="stopped; the same command goes on from here")
def main(argv: list[str]) -> int:
    """Run the command. Returns its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.size_class and options.net != AUTO:
        parser.error(f"--class chooses among networks; {options.net} is named already. Use --net auto, or leave it out")
    # Both have to be set before Keras is imported, which `_trainer` does.
    if options.backend:
        os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets at length
    size_class: SizeClass = options.size_class or "cpu"
    settings = TrainSettings(options.net, options.scope, options.steps, options.seed, size_class)
    # Outputs are checked first: training takes minutes.
    outputs = [options.json] if options.json else []
    check_outputs(outputs, [options.source])
    train_bundle = _trainer()
    with _Bars(quiet=options.quiet) as bars, unnamed_errors_at(options.bundle):
        summaries = train_bundle(
            options.bundle, options.source, settings, bars.reporter, jobs=options.jobs, force=options.force
        )
    for summary in summaries:
        print(_line(summary), file=results_to(outputs))
    for path in outputs:
        write_json(path, [asdict(summary) for summary in summaries])
    return 0


def _trainer() -> Callable[..., list[TrainedRung]]:
    """Imports Keras: seconds, and only once the backend is chosen. Raises EngineUnavailableError."""
    require_keras()
    with quiet_stderr():
        from trainer.pipeline import train_bundle
    return train_bundle


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "neudash train",
        "Overfit a tiny network to every rung of a bundle that can be enhanced, and publish those models that save "
        "more bytes than they cost.",
        _EXAMPLE,
    )
    parser.add_argument("bundle", type=bundle_folder, metavar="BUNDLE", help="folder that `neudash package` made")
    parser.add_argument(
        "--source", type=video_file, required=True, metavar="VIDEO", help="the video it was packaged from"
    )
    parser.add_argument(
        "--net",
        type=_network,
        default=AUTO,
        help="auto: for each rung what pays, among the networks of --class (default); "
        "c<width>d<depth>, such as c16d2, doubles rungs of up to half the "
        "source's size; c<width>d<depth>f<fold>, fold 2 or 4, such as c16d2f2, enhances every rung at the size of the "
        "largest picture",
    )
    parser.add_argument(
        "--class",
        dest="size_class",
        choices=("cpu", "gpu"),
        help="with --net auto: what is to play it in real time, two cores of a CPU (default) or a GPU",
    )
    parser.add_argument(
        "--scope",
        choices=("auto", "title", "scene", "segment"),
        default="auto",
        help="title: one model for all segments; scene: another for each scene where it pays; segment: one for all, "
        "and updates for the segments where they pay; auto: any of these that could pay (default)",
    )
    parser.add_argument(
        "--steps",
        type=whole_number(1),
        default=2000,
        help="training steps of a model made from scratch; one that starts from another takes a part (default: 2000)",
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed, same machine: same weights (default: 0)")
    parser.add_argument("--jobs", type=whole_number(1), default=1, help="sizes of rungs trained at once (default: 1)")
    parser.add_argument("--backend", choices=BACKENDS, help="Keras backend (default: tensorflow)")
    parser.add_argument("--force", action="store_true", help="train again what is trained already")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write the results for a program to read")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bars")
    return parser


def _network(text: str) -> str:
    if text == AUTO:
        return text
    try:
        return trained_network(text).name
    except UnknownNetworkError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _line(summary: TrainedRung) -> str:
    if summary.enhanced_segments == 0 and summary.stays:
        return f"{summary.representation}: no new model pays; what {', '.join(summary.stays)} gained before stays"
    if summary.enhanced_segments == 0:
        return f"{summary.representation}: no model (plain is best)"
    share = summary.model_bytes / summary.media_bytes
    return (
        f"{summary.representation}: {summary.gain_db:+.2f} dB PSNR-Y over plain "
        f"({', '.join(summary.choice['networks'])}), "
        f"{summary.enhanced_segments} of {summary.segments} segments enhanced, "
        f"{summary.model_bytes} model bytes ({share:.2%} of the rung)"
    )


class _Bars:
    """One progress bar a stage, on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._progress = progress(quiet=quiet)

    def __enter__(self) -> _Bars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def reporter(self, rung: str) -> _RungBars:
        return _RungBars(self, rung)

    def add(self, description: str, total: int) -> TaskID:
        return self._progress.add_task(description, total=total, note="")

    def update(self, task: TaskID, done: int, note: str) -> None:
        self._progress.update(task, completed=done, note=note)


class _RungBars:
    def __init__(self, bars: _Bars, rung: str) -> None:
        self._bars, self._rung = bars, rung
        self._task: TaskID | None = None

    def begin(self, what: str, total: int) -> None:
        self._task = self._bars.add(f"{self._rung}: {what}", total)

    def at(self, done: int, note: str = "") -> None:
        assert self._task is not None, "a stage begins before it counts"
        self._bars.update(self._task, done, note)
