"""`neudash make`: package, train and report in one command."""

from __future__ import annotations

import argparse

from console.command import command, command_parser
from console.options import video_file
from console.outputs import output_folder
from neudash.steps import Steps, run_neudash, tell

_EXAMPLE = """examples:
  neudash make holiday.mp4 -o bundles/holiday
  neudash make film.mkv -o bundles/film --codec hevc --max-rate 6M --class gpu

The ladder is measured for this title, every rung that gains by a model gets one, and the report says what that saves.
Stopped, the same command goes on where it was."""

PACKAGE_OPTIONS = (
    *("rungs", "count", "target-quality", "max-rate", "min-rate", "codec", "preset", "tune", "segment-seconds"),
    *("start", "duration", "audio"),
)
"""Options that go on to `neudash package`, each with a value."""
TRAIN_OPTIONS = ("class", "net", "scope", "steps", "jobs")
"""Options that go on to `neudash train`."""


@command("neudash make", interrupted="stopped; the same command goes on from here")
def main(argv: list[str]) -> int:
    """Runs the command. Returns 0 if all of it worked, 1 if a step failed and said why, 130 for Ctrl-C."""
    options = _parser().parse_args(argv)
    bundle, source = options.bundle, options.video
    quiet = ["--quiet"] if options.quiet else []
    force = ["--force"] if options.force else []
    steps = Steps(total=3)
    with steps.step("package: a ladder that suits the title, cut into segments"):
        run_neudash("package", source, "-o", bundle, *_given(options, PACKAGE_OPTIONS), *force, *quiet)
    with steps.step("train: models for the rungs that gain by them"):
        run_neudash("train", bundle, "--source", source, *_given(options, TRAIN_OPTIONS), *force, *quiet)
    with steps.step("report: every frame measured, plain and enhanced"):
        run_neudash("report", bundle, "--source", source, *(["--prune"] if options.prune else []), *quiet)
    if not options.quiet:
        tell(f"\n{steps.summary()}\n\nto watch it: neudash serve {bundle}")
    print(bundle / "manifest.mpd")
    return 0


def _given(options: argparse.Namespace, names: tuple[str, ...]) -> list[str]:
    """Returns those of the options that were given, to be handed on."""
    values = {name: getattr(options, name.replace("-", "_")) for name in names}
    return [part for name, value in values.items() if value is not None for part in (f"--{name}", value)]


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("neudash make", "Package, train and report one video: from a file to a bundle.", _EXAMPLE)
    parser.add_argument("video", type=video_file, metavar="VIDEO", help="any video file that ffmpeg reads")
    parser.add_argument(
        "-o", "--out", dest="bundle", type=output_folder, required=True, metavar="BUNDLE", help="folder to make"
    )
    for title, names in (("package", PACKAGE_OPTIONS), ("train", TRAIN_OPTIONS)):
        group = parser.add_argument_group(f"options of `neudash {title}`", f"`neudash {title} --help` explains them")
        for name in names:
            group.add_argument(f"--{name}", metavar=name.rpartition("-")[2].upper())
    parser.add_argument("--prune", action="store_true", help="leave out rungs that another beats with fewer bytes")
    parser.add_argument("--force", action="store_true", help="replace a bundle that was made otherwise")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bars")
    return parser
