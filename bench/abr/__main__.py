"""Compares ABR policies over network traces (`python -m bench.abr`), and counts every byte of models."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.abr.bundle import made_bundle
from bench.abr.check import checked
from bench.abr.plots import bars, scatter
from bench.abr.run import TRACES, Settings, compared, goals, read_traces
from bench.abr.table import markdown_of
from bench.abr.title import Title, read_title
from bench.machine import machine
from bench.programs import ROOT, BenchError
from console.outputs import write_output
from manifests.errors import BundleError
from player.abr.rules import DEFAULT
from player.errors import PlayerError


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(argv)
    settings = Settings(options.seconds, options.buffers, options.gmacs * 1e9, max(1, options.starts), options.forget)
    try:
        bundle = options.bundle or made_bundle(options.work)
        title, traces = read_title(bundle, settings.macs_per_s), read_traces(options.traces)
        # An unknown name fails here, before hours of simulation.
        chosen = {name: traces[name] for name in options.check or ()}
        result = _result(argv, title, settings)
        result["buffers"] = compared(title, traces, settings, lambda line: print(line, file=sys.stderr))
        if chosen:
            result["check"] = checked(bundle, options.traces, chosen, lambda line: print(line, file=sys.stderr))
    except KeyError as error:
        print(f"bench.abr: there is no trace {error}", file=sys.stderr)
        return 2
    except (BenchError, BundleError, PlayerError, OSError) as error:
        print(f"bench.abr: {error}", file=sys.stderr)
        return 1
    # The goals compare our default policy with all others.
    result["goals"] = {buffer: goals(policies, DEFAULT) for buffer, policies in result["buffers"].items()}
    for path, text in _outputs(options, result).items():
        write_output(path, text.encode())
    print(markdown_of(result), end="")
    return 0


def _result(argv: list[str], title: Title, settings: Settings) -> dict[str, Any]:
    return {
        "bench": "abr",
        "command": ["python", "-m", "bench.abr", *argv],
        "machine": machine(),
        "settings": asdict(settings),
        "title": {"name": title.name, "segments": len(title.segments), "rungs": _rungs(title)},
    }


def _rungs(title: Title) -> list[dict[str, Any]]:
    """Returns the bitrate of every rung in kbit/s, and its effective bitrate with the best model."""
    rungs = []
    for choice in title.segments[0].choices:
        tracks = [None, *(e.track for e in choice.enhancements)]
        best_mbps = max(title.effective_mbps(choice.rung, track) for track in tracks)
        kbps = round(choice.bandwidth_bps / 1000)
        rungs.append({"rung": choice.rung, "kbps": kbps, "effective_kbps": round(1000 * best_mbps)})
    return rungs


def _outputs(options: argparse.Namespace, result: dict[str, Any]) -> dict[Path, str]:
    """Returns the texts to write, by file."""
    outputs: dict[Path, str] = {}
    if options.json:
        outputs[options.json] = json.dumps(result, indent=1) + "\n"
    if options.markdown:
        outputs[options.markdown] = markdown_of(result)
    if options.plots:
        for buffer, policies in result["buffers"].items():
            outputs[options.plots / f"qoe-{buffer}s.svg"] = bars(policies, DEFAULT, buffer)
            outputs[options.plots / f"stalls-{buffer}s.svg"] = scatter(policies, DEFAULT, buffer)
    return outputs


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m bench.abr",
        description=__doc__,
        epilog="example: python -m bench.abr --json bench-out/abr.json --plots bench-out/abr --check 3g-tram",
    )
    add = parser.add_argument
    add(
        "bundle",
        type=Path,
        nargs="?",
        metavar="BUNDLE",
        help="a trained one with a quality table (default: made from a clip)",
    )
    add("--traces", type=Path, default=TRACES, metavar="DIR", help="folder of traces, *.csv (default: the shared ones)")
    add("--seconds", type=float, default=default.duration_s, metavar="S", help="seconds to play (default: %(default)g)")
    add(
        "--buffers",
        type=_buffers,
        default=default.buffers_s,
        metavar="LIST",
        help="buffer lengths in seconds (default: 60,20)",
    )
    add("--gmacs", type=float, default=default.macs_per_s / 1e9, help="speed of the enhancing machine, in 10^9 "
        "multiply-adds a second (default: %(default)g)")  # fmt: skip
    add("--starts", type=int, default=default.starts, metavar="N", help="sessions on every trace, with starts "
        "spread over it (default: %(default)s)")  # fmt: skip
    add("--forget", action="store_true", help="give every repetition of the title models of its own")
    add("--check", nargs="+", metavar="TRACE", help="also play the title in real time with the real player over these "
        "traces, and compare with the simulation")  # fmt: skip
    # Folders and outputs.
    add("--work", type=Path, default=ROOT / "bench-out" / "abr", help="folder in which the bundle is made")
    add("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    add("--markdown", type=Path, metavar="FILE", help="write the tables to FILE")
    add("--plots", type=Path, metavar="DIR", help="write plots as SVG into DIR")
    return parser


def _buffers(text: str) -> tuple[float, ...]:
    values = tuple(float(part) for part in text.split(","))
    if not all(value >= 1 for value in values):
        raise argparse.ArgumentTypeError("a buffer must last at least a second")
    return values


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
