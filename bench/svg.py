"""Defines the sheet, colours and fonts that all plots of the benches share."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 760
INK, GRID, OURS, RIVAL = "#20262e", "#e3e6ea", "#d1480f", "#5b6572"
_STYLE = f"text{{font:12px sans-serif;fill:{INK}}} .title{{font-weight:bold;font-size:14px}} .tick{{font-size:11px}}"


def sheet(title: str, height: int, parts: Sequence[str], *, left: int = 20, says: str = "") -> str:
    """Returns an SVG document of WIDTH by `height` pixels: the title, the line `says` below it, and the elements."""
    line = f'<text x="{left}" y="38">{escape(says)}</text>' if says else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text class="title" x="{left}" y="20">{escape(title)}</text>{line}{"".join(parts)}</svg>\n'
    )
