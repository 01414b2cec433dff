"""Formats the figures of `bench.ship` as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.ship.sides import REFERENCES
from bench.tables import Column, Row, markdown

_PERCENT = "{:+.1f}"
_COLUMNS = (
    Column("clip", "clip", left=True),
    Column("against", "against", left=True),
    Column("VMAF-NEG", "vmaf_neg", _PERCENT),
    Column("PSNR-Y", "psnr_y", _PERCENT),
    Column("VMAF-NEG under 85", "vmaf_neg_under_85", _PERCENT),
    Column("PSNR-Y under 85", "psnr_y_under_85", _PERCENT),
    Column("egress", "egress", _PERCENT),
)


def markdown_of(result: Mapping[str, Any]) -> str:
    """Returns a table of rates in per cent, negative is a saving: each clip against each reference, then the means."""
    named = [*result["clips"].items(), ("**mean**", result["mean"])]
    return markdown(_COLUMNS, [row for name, clip in named for row in _rows(name, clip)])


def _rows(name: str, clip: Mapping[str, Any]) -> Iterator[Row]:
    for reference in REFERENCES:
        egress = clip["networks"]["egress_at_equal_vmaf_neg"] if reference == REFERENCES[0] else None
        yield {"clip": name, "against": reference, "egress": egress, **clip["staircase"][reference]}
    yield {"clip": name, "against": "plain_tuned against halves", **clip["plain_against_halves"]}
