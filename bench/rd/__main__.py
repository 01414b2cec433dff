"""`python -m bench.rd CLIP`: rate against quality of one clip, plain and enhanced, every byte counted."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.programs import ROOT, BenchError
from bench.rd.run import measure_clip
from bench.rd.settings import CLASSES, Settings
from bench.rd.talk import Talk
from manifests.errors import BundleError
from media.errors import MediaError


def main(argv: list[str]) -> int:
    """Returns the exit code."""
    options = _parser().parse_args(argv)
    settings = _settings(options)
    try:
        result = measure_clip(options.clip, settings, options.work, Talk(), fresh=options.fresh)
    except (BenchError, BundleError, MediaError, OSError) as error:
        print(f"bench.rd: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench.rd: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    result = {"bench": "rd", "command": ["python", "-m", "bench.rd", *argv], **result}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        size_class=options.size_class,
        start_s=options.start,
        seconds=options.seconds,
        crfs=options.crfs,
        enhance=not options.plain,
        net=options.net,
        scope=options.scope,
        steps=options.steps,
        cut_db=options.cut_db,
        vmaf_every=1 if options.full else options.vmaf_every,
    )


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m bench.rd",
        description=__doc__,
        epilog="example: python -m bench.rd clip.mp4 --class cpu --json bench-out/clip.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("clip", type=Path, metavar="CLIP", help="any video")
    add("--class", dest="size_class", choices=CLASSES, default="cpu", help="of networks (default: cpu)")
    add("--start", type=float, default=0.0, metavar="S", help="skip so many seconds of the clip")
    add("--seconds", type=float, metavar="S", help="take only so many")
    crfs = ",".join(map(str, default.crfs))
    add("--crfs", type=_numbers, default=default.crfs, metavar="LIST", help=f"of the plain rungs (default: {crfs})")
    add("--vmaf-every", type=int, default=default.vmaf_every, metavar="N", help="VMAF of every Nth frame (default: 4)")
    add("--full", action="store_true", help="VMAF of every frame")
    add("--plain", action="store_true", help="nothing but the plain line")
    add("--net", default=default.net, help="of `neudash train` (default: auto)")
    add("--scope", default=default.scope, help="of `neudash train` (default: auto)")
    add("--steps", type=int, metavar="N", help="of `neudash train` (default: the trainer's)")
    cut = f"enhance no rung that is further below the plain hull (default: {default.cut_db:g})"
    add("--cut-db", type=float, default=default.cut_db, metavar="DB", help=cut)
    add("--work", type=Path, default=ROOT / "bench-out" / "rd", help="bundles and known results")
    add("--fresh", action="store_true", help="measure again what is known")
    add("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
