"""Formats the results of clips as Markdown, with means over clips (`python -m bench.rd.table JSON...`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.rd.points import COMPARED
from bench.tables import Column, markdown

NAMES = {
    "enhanced": "**ours** (models counted)",
    "lanczos": "only Lanczos, no bicubic",
    "unsharp": "Lanczos + unsharp mask",
    "fsrcnn": "FSRCNN",
    "espcn": "ESPCN",
    "title": "one model a title",
    "segment": "models for every 4 s",
}
_SAVINGS = tuple(
    Column(f"{head}, %", metric, "{:+.1f}")
    for head, metric in zip(("PSNR-Y", "VMAF", "VMAF-NEG"), COMPARED, strict=True)
)
_BY_CLIP = (
    *_SAVINGS,
    Column("NAS ladder: VMAF, %", "ladder_vmaf", "{:+.1f}"),
    Column("VMAF-NEG, %", "ladder_vmaf_neg", "{:+.1f}"),
    Column("training, CPU s per s", "training", "{:.1f}"),
)

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
    rows = [_clip_row(result) for result in results]
    # Means are of use only over several clips.
    if len(rows) > 1:
        rows.append({"clip": f"**mean of {len(rows)}**", **_means(rows, _BY_CLIP)})
    return markdown([Column("clip", "clip", left=True), *_BY_CLIP], rows)


def _clip_row(result: dict[str, Any]) -> Rates:
    ladder = result.get("fixed_ladder", {}).get("bd_rate", {})
    return {
        "clip": result["clip"]["name"],
        **result.get("bd_rate_union", {}),
        **{f"ladder_{metric}": percent for metric, percent in ladder.items()},
        "training": result.get("training", {}).get("cpu_s_per_video_s"),
    }


def _by_rival(results: Sequence[dict[str, Any]]) -> str:
    rows = []
    for name in NAMES:
        found = [_rates_of(result, name) for result in results]
        clips = sum(rates.get("psnr_y") is not None for rates in found)
        if any(found):
            rows.append({"name": NAMES[name], **_means(found, _SAVINGS), "clips": clips})
    return markdown([Column("with the plain hull", "name", left=True), *_SAVINGS, Column("clips", "clips")], rows)


def _by_codec(results: Sequence[dict[str, Any]]) -> str:
    codecs = sorted({codec for result in results for codec in result.get("codecs", {})})
    rows = []
    for codec in codecs:
        found = [result.get("codecs", {}).get(codec, {}).get("bd_rate", {}) for result in results]
        rows.append({"codec": codec, **_means(found, _SAVINGS)})
    return markdown([Column("plain hull of", "codec", left=True), *_SAVINGS], rows)


def _rates_of(result: dict[str, Any], name: str) -> Rates:
    found: Rates = result.get("bd_rate_union", {}) if name == "enhanced" else result.get("rivals", {}).get(name, {})
    return found


def _means(rows: Sequence[Rates], columns: Sequence[Column]) -> Rates:
    return {column.key: mean_of([row.get(column.key) for row in rows]) for column in columns}


def mean_of(values: Sequence[float | None]) -> float | None:
    """Returns the mean of the known values; None if there are none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
