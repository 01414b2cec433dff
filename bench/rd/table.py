"""Formats the results of clips as Markdown, with means over clips (`python -m bench.rd.table JSON...`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.rd.points import COMPARED

NAMES = {
    "enhanced": "**ours** (models counted)",
    "lanczos": "only Lanczos, no bicubic",
    "unsharp": "Lanczos + unsharp mask",
    "fsrcnn": "FSRCNN",
    "espcn": "ESPCN",
    "title": "one model a title",
    "segment": "models for every 4 s",
}
HEADS = ("PSNR-Y", "VMAF", "VMAF-NEG")

Rates = dict[str, Any]


def main(argv: list[str]) -> int:
    """Prints the tables and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.rd.table", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="JSON", help="written by `python -m bench.rd --json`")
    options = parser.parse_args(argv)
    try:
        results = [json.loads(path.read_bytes()) for path in options.files]
    except (OSError, ValueError) as error:
        print(f"bench.rd.table: {error}", file=sys.stderr)
        return 1
    print(markdown_of(results), end="")
    return 0


def markdown_of(results: Sequence[dict[str, Any]]) -> str:
    """Returns a table by clip and one by rival; each figure is the mean over the clips that have it."""
    parts = [_by_clip(results)]
    if any(result.get("rivals") for result in results):
        parts.append(_by_rival(results))
    if any(result.get("codecs") for result in results):
        parts.append(_by_codec(results))
    return "\n".join(parts)


def _by_clip(results: Sequence[dict[str, Any]]) -> str:
    head = ["clip", *(f"{name}, %" for name in HEADS), "NAS ladder: VMAF, %", "VMAF-NEG, %", "training, CPU s per s"]
    rows, columns = [], []
    for result in results:
        ladder = result.get("fixed_ladder", {}).get("bd_rate", {})
        figures = [
            *_figures(result.get("bd_rate_union", {})),
            *(ladder.get(metric) for metric in ("vmaf", "vmaf_neg")),
            result.get("training", {}).get("cpu_s_per_video_s"),
        ]
        columns.append(figures)
        rows.append([result["clip"]["name"], *_cells(figures[:-1]), _plain_cell(figures[-1])])
    # Means are of use only over several clips.
    if len(results) > 1:
        means = [mean_of(column) for column in zip(*columns, strict=True)]
        rows.append([f"**mean of {len(results)}**", *_cells(means[:-1]), _plain_cell(means[-1])])
    return _table(head, rows)


def _by_rival(results: Sequence[dict[str, Any]]) -> str:
    names = [name for name in NAMES if any(_rates_of(result, name) for result in results)]
    rows = []
    for name in names:
        found = [_figures(_rates_of(result, name)) for result in results]
        means = [mean_of(column) for column in zip(*found, strict=True)]
        rows.append([NAMES[name], *_cells(means), str(sum(figures[0] is not None for figures in found))])
    return _table(["with the plain hull", *(f"{name}, %" for name in HEADS), "clips"], rows)


def _by_codec(results: Sequence[dict[str, Any]]) -> str:
    codecs = sorted({codec for result in results for codec in result.get("codecs", {})})
    rows = []
    for codec in codecs:
        found = [_figures(result.get("codecs", {}).get(codec, {}).get("bd_rate", {})) for result in results]
        rows.append([codec, *_cells([mean_of(column) for column in zip(*found, strict=True)])])
    return _table(["plain hull of", *(f"{name}, %" for name in HEADS)], rows)


def _rates_of(result: dict[str, Any], name: str) -> Rates:
    found: Rates = result.get("bd_rate_union", {}) if name == "enhanced" else result.get("rivals", {}).get(name, {})
    return found


def _figures(rates: Rates) -> list[float | None]:
    return [rates.get(metric) for metric in COMPARED]


def mean_of(values: Sequence[float | None]) -> float | None:
    """Returns the mean of the known values; None if there are none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _cells(values: Sequence[float | None]) -> list[str]:
    return ["-" if value is None else f"{value:+.1f}" for value in values]


def _plain_cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
