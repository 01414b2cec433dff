"""Measures rate against quality of one clip, plain and enhanced, every byte counted (`python -m bench.rd CLIP`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.programs import ROOT, BenchError
from bench.rd.plots import plot
from bench.rd.run import measure_clip
from bench.rd.settings import CLASSES, CODEC_CRFS, QUICK_RIVALS, RIVALS, Settings, small
from bench.rd.table import markdown_of
from bench.rd.talk import BenchProgress
from console.outputs import write_output
from manifests.errors import BundleError
from media.errors import MediaError
from packager.encoders import DEFAULT_CODEC, TUNES


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(argv)
    settings = _settings(options)
    result: dict[str, Any] = {"bench": "rd", "command": ["python", "-m", "bench.rd", *argv]}
    try:
        for part in measure_clip(options.clip, settings, options.work, BenchProgress(), fresh=options.fresh):
            result |= part
            _write(options, result)
    except (BenchError, BundleError, MediaError, OSError) as error:
        print(f"bench.rd: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench.rd: stopped; the same command resumes from here", file=sys.stderr)
        return 130
    print(markdown_of([result]), end="")
    return 0


def _write(options: argparse.Namespace, result: dict[str, Any]) -> None:
    """Writes the outputs after each part, so that a run of hours that ends early leaves its results."""
    for path, text in _outputs(options, result).items():
        write_output(path, text.encode())


def _outputs(options: argparse.Namespace, result: dict[str, Any]) -> dict[Path, str]:
    """Returns the texts to write, by file."""
    outputs: dict[Path, str] = {}
    if options.json:
        outputs[options.json] = json.dumps(result, indent=1) + "\n"
    if options.markdown:
        outputs[options.markdown] = markdown_of([result])
    if options.plots:
        name = result["clip"]["name"]
        drawn = [metric for metric in ("psnr_y", "vmaf_neg") if result["plain_hull"][metric]]
        outputs |= {options.plots / f"{name}-{metric}.svg": plot(result, metric) for metric in drawn}
    return outputs


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings(
        size_class=options.size_class,
        start_s=options.start,
        seconds=options.seconds,
        crfs=options.crfs,
        codecs=options.codecs,
        tune=options.tune,
        vmaf_every=1 if options.full else options.vmaf_every,
        enhance=not options.plain,
        net=options.net,
        scope=options.scope,
        steps=options.steps,
        cut_percent=options.cut,
        each_network=options.each_network,
        rivals=options.rivals,
        ladder=not options.no_ladder,
    )
    return small(settings) if options.small else settings


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m bench.rd",
        description=__doc__,
        epilog="example: python -m bench.rd clip.mp4 --class cpu --json bench-out/clip.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    # The clip, and the grid of the plain line.
    add("clip", type=Path, metavar="CLIP", help="any video")
    add("--class", dest="size_class", choices=CLASSES, default="cpu", help="class of networks (default: cpu)")
    add("--start", type=float, default=0.0, metavar="S", help="seconds of the clip to skip")
    add("--seconds", type=float, metavar="S", help="seconds of the clip to take (default: all)")
    crfs = ",".join(map(str, default.crfs))
    add(
        "--crfs", type=_numbers, default=default.crfs, metavar="LIST", help=f"CRFs of the plain rungs (default: {crfs})"
    )
    add("--tune", choices=TUNES, default=default.tune, help="tune of every encode (default: %(default)s)")
    add("--vmaf-every", type=int, default=default.vmaf_every, metavar="N", help="VMAF of every Nth frame (default: 4)")
    add("--full", action="store_true", help="compute VMAF of every frame")
    # The enhancement.
    add("--plain", action="store_true", help="measure only the plain line")
    add("--net", default=default.net, help="network for `neudash train` (default: auto)")
    add("--scope", default=default.scope, help="scope for `neudash train` (default: auto)")
    add("--steps", type=int, metavar="N", help="training steps (default: the trainer's)")
    cut = f"do not enhance rungs this far above the plain hull's rate (default: {default.cut_percent:g})"
    add("--cut", type=float, default=default.cut_percent, metavar="PERCENT", help=cut)
    add("--each-network", action="store_true", help="also play rungs of several networks with each single one")
    # Other lines to compare with.
    listed = f"all, none, or a list of {', '.join(RIVALS)} (default: {','.join(QUICK_RIVALS)})"
    add("--rivals", type=_rivals, default=QUICK_RIVALS, metavar="LIST", help=listed)
    add("--no-ladder", action="store_true", help="skip the fixed ladder")
    others = f"codecs; only the first is enhanced: a list of {', '.join(CODEC_CRFS)} (default: {DEFAULT_CODEC})"
    add("--codecs", type=_codecs, default=default.codecs, metavar="LIST", help=others)
    add("--small", action="store_true", help="only 2 s, six rungs and 100 steps, to see that it runs")
    # Folders and outputs.
    add("--work", type=Path, default=ROOT / "bench-out" / "rd", help="folder of bundles and results")
    add("--fresh", action="store_true", help="measure again even if results are kept")
    add("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    add("--markdown", type=Path, metavar="FILE", help="write the table to FILE")
    add("--plots", type=Path, metavar="DIR", help="write plots of rate against quality as SVG into DIR")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _rivals(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    return RIVALS if text == "all" else _known(text, RIVALS)


def _codecs(text: str) -> tuple[str, ...]:
    return _known(text, tuple(CODEC_CRFS))


def _known(text: str, names: Sequence[str]) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    for part in parts:
        if part not in names:
            raise argparse.ArgumentTypeError(f"{part!r} is not one of {', '.join(names)}")
    return parts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
