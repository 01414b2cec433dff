"""Draws plots by matplotlib as SVG; equal data make equal files. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, GRID, OURS, RIVAL = "#20262e", "#e3e6ea", "#d1480f", "#5b6572"
PALETTE = ("#1f4e79", "#2f8f83", "#8e5ea2", "#b08900", "#777777", "#b3476d", "#6fa3d6", "#9ac4a0", "#2b2b2b")
"""Colours of what has no colour of its own, in their order."""
WIDTH_IN, HEIGHT_IN, BAR_IN = 8.0, 4.6, 0.24
STYLE: dict[Any, Any] = {
    # Texts stay texts, and the ids of shapes are the same in every run.
    **{"svg.fonttype": "none", "svg.hashsalt": "neudash", "text.parse_math": False},
    **{"font.size": 9, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK},
    **{"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": INK, "axes.axisbelow": True},
    **{"axes.grid": True, "grid.color": GRID, "legend.frameon": False},
}

Bar = tuple[str, float, str]
"""Name, length and colour."""


@dataclass(frozen=True)
class Series:
    """Marks of one look, or a line through points."""

    name: str
    points: Sequence[tuple[float, float]]
    look: Mapping[str, Any]
    """Properties of a `Line2D` of matplotlib."""


def chart(
    title: str, series: Sequence[Series], x_name: str, *, note: str = "", log_x: bool = False, y_from_0: bool = False
) -> str:
    """Draws series with a line of text above. A linear x axis begins at 0."""
    from matplotlib.ticker import LogLocator

    def draw(axes: Axes) -> None:
        for one in series:
            axes.plot(*zip(*one.points, strict=True), label=one.name, gid=one.name.replace(" ", "-"), **one.look)
        axes.set_title(note, loc="left", fontsize="medium")
        axes.set_xlabel(x_name, loc="right")
        axes.set_ylim(bottom=0 if y_from_0 else None)
        if not log_x:
            axes.set_xlim(left=0)
            return
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()

    return _svg(title, HEIGHT_IN, draw)


def bars(title: str, groups: Mapping[str, Sequence[Bar]], form: str) -> str:
    """Draws groups of horizontal bars, the first at the top, each with its length at its end."""
    rows: list[Any] = []
    for place, (group, found) in enumerate(groups.items()):
        # A gap of half a bar separates groups.
        rows += [(len(rows) + row + place / 2, f"{group}, {name}", *bar) for row, (name, *bar) in enumerate(found)]
    places, names, lengths, colours = zip(*rows, strict=True)

    def draw(axes: Axes) -> None:
        axes.bar_label(axes.barh(places, lengths, color=colours), fmt=form, padding=3)
        axes.set_yticks(places, names)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.08, y=0.02)
        axes.invert_yaxis()

    return _svg(title, 1.0 + BAR_IN * places[-1], draw)


def grouped_bars(title: str, groups: Sequence[str], series: Mapping[str, tuple[Sequence[float], str]]) -> str:
    """Draws a block of vertical bars for each group, with values up to 100. `series` are values and a colour each."""

    def draw(axes: Axes) -> None:
        width = 0.8 / len(series)
        for index, (name, (values, colour)) in enumerate(series.items()):
            places = [place + (index + 0.5) * width - 0.4 for place in range(len(groups))]
            axes.bar(places, values, 0.9 * width, label=name, color=colour)
        axes.set_xticks(range(len(groups)), groups)
        axes.set_ylim(top=100)
        axes.grid(visible=False, axis="x")

    return _svg(title, HEIGHT_IN, draw)


def _svg(title: str, height_in: float, draw: Callable[[Axes], None]) -> str:
    """Returns a figure as an SVG element, with a legend if it shows several named things."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE), StringIO() as text:
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        figure.suptitle(title, x=0.01, horizontalalignment="left", weight="bold")
        if len(axes.get_legend_handles_labels()[1]) > 1:
            figure.legend(loc="outside right upper")
        figure.savefig(text, format="svg", metadata={"Title": title, "Date": None, "Creator": None})
        # An element can stand in a page; the XML declaration before it cannot.
        return text.getvalue()[text.getvalue().index("<svg") :]
