"""Measures what the bundle of default commands saves against the best plain ladders: `python -m bench.ship CLIP`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.abr.run import TRACES, read_traces
from bench.machine import machine
from bench.programs import ROOT, BenchError
from bench.ship.networks import egress_percent
from bench.ship.sides import HALVES, OURS, PLAIN_TUNED, REFERENCES, Request, Side, made_side
from bench.ship.table import markdown_of
from console.outputs import write_output
from manifests.errors import BundleError
from media.errors import MediaError
from media.staircase import picture_at, savings
from packager.encoders import DEFAULT_CODEC, ENCODERS
from player.errors import PlayerError
from player.fetching.network_trace import NetworkTrace
from report.saving import LINES_BPS


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(argv)
    request = Request(options.codec, options.seconds, options.vmaf_every, options.steps)
    result: dict[str, Any] = {
        "bench": "ship",
        "command": ["python", "-m", "bench.ship", *argv],
        "machine": machine(),
        "clips": {},
    }
    try:
        traces = {} if options.no_networks else read_traces(options.traces)
        for clip in options.clips:
            result["clips"][clip.stem] = measured(clip, request, options.work, traces)
            result["mean"] = mean_of(result["clips"])
            # After each clip, so that a run that ends early leaves its results.
            if options.json:
                write_output(options.json, (json.dumps(result, indent=1) + "\n").encode())
    except (BenchError, BundleError, MediaError, PlayerError, OSError) as error:
        print(f"bench.ship: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench.ship: stopped; the same command resumes from here", file=sys.stderr)
        return 130
    print(markdown_of(result), end="")
    return 0


def measured(clip: Path, request: Request, work: Path, traces: Mapping[str, NetworkTrace]) -> dict[str, Any]:
    """Returns the figures of one clip. Raises BenchError, BundleError, MediaError, OSError."""
    ours = made_side(OURS, clip, request, work)
    others = {name: made_side(name, clip, request, work, len(ours.rungs)) for name in (*REFERENCES, HALVES)}
    plain = others[PLAIN_TUNED]
    egress = egress_percent(ours.root, plain.root, traces) if traces else None
    return {
        "staircase": {name: savings(ours.rungs, others[name].rungs) for name in REFERENCES},
        "plain_against_halves": savings(plain.rungs, others[HALVES].rungs),
        "networks": {"egress_at_equal_vmaf_neg": egress},
        "lines": {str(bps): {side.name: _shown(side, bps) for side in (ours, plain)} for bps in LINES_BPS},
        "sides": {side.name: _described(side) for side in (ours, *others.values())},
    }


def _shown(side: Side, bandwidth_bps: int) -> dict[str, Any] | None:
    step = picture_at(side.rungs, bandwidth_bps)
    return None if step is None else {"rung": step.id, "rate_bps": round(step.rate_bps), **step.quality}


def _described(side: Side) -> dict[str, Any]:
    rungs = [{"rung": step.id, "rate_bps": round(step.rate_bps), **step.quality} for step in side.rungs]
    return {"made_s": side.made_s, "rungs": rungs}


def mean_of(clips: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the means over all clips that have a figure, in the form of a clip's own."""
    found = list(clips.values())

    def mean(*path: str) -> float | None:
        values = [_at(clip, path) for clip in found]
        known = [value for value in values if value is not None]
        return fmean(known) if known else None

    keys = tuple(next(iter(found[0]["staircase"].values())))
    return {
        "staircase": {name: {key: mean("staircase", name, key) for key in keys} for name in REFERENCES},
        "plain_against_halves": {key: mean("plain_against_halves", key) for key in keys},
        "networks": {"egress_at_equal_vmaf_neg": mean("networks", "egress_at_equal_vmaf_neg")},
    }


def _at(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value[key]
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.ship",
        description=__doc__,
        epilog="example: python -m bench.ship clip.mp4 --json bench-out/ship.json",
    )
    add = parser.add_argument
    add("clips", type=Path, nargs="+", metavar="CLIP", help="any videos")
    add("--codec", choices=tuple(ENCODERS), default=DEFAULT_CODEC, help="codec of all sides (default: %(default)s)")
    add("--seconds", type=float, metavar="S", help="seconds of each clip to take (default: all)")
    add("--steps", type=int, metavar="N", help="training steps (default: the trainer's)")
    add("--vmaf-every", type=int, default=4, metavar="N", help="VMAF of every Nth frame (default: %(default)s)")
    add("--traces", type=Path, default=TRACES, metavar="DIR", help="folder of traces, *.csv (default: the shared ones)")
    add("--no-networks", action="store_true", help="skip the recorded networks")
    add("--work", type=Path, default=ROOT / "bench-out" / "ship", metavar="DIR", help="folder of the bundles")
    add("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
