"""Formats rows as a table for a terminal or in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """Column of a table: its head, and which values it shows."""

    head: str
    key: str
    """Key of its value in each row."""
    form: str = "{}"
    """Form of a value for `str.format`; a value that is missing or None is a dash."""
    left: bool = False
    """True if it is aligned left, as text is; numbers are aligned right."""

    def cell(self, row: Row) -> str:
        value = row.get(self.key)
        return "-" if value is None else self.form.format(value)


def aligned(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    """Returns lines of padded cells, the heads first."""
    lines = _cells(columns, rows)
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]

    def padded(cells: Sequence[str]) -> Iterable[str]:
        for column, cell, width in zip(columns, cells, widths, strict=True):
            yield cell.ljust(width) if column.left else cell.rjust(width)

    return "\n".join("  ".join(padded(line)) for line in lines)


def markdown(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    """Returns a table in Markdown, with a newline at its end."""
    heads, *lines = _cells(columns, rows)
    rule = ["---" if column.left else "---:" for column in columns]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, rule, *lines))


def _cells(columns: Sequence[Column], rows: Iterable[Row]) -> list[list[str]]:
    return [[column.head for column in columns], *([column.cell(row) for column in columns] for row in rows)]
