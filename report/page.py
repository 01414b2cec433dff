"""The report as one self-contained HTML file: style, plots and pictures are inside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from media.hull import bytes_at
from report.choices import Choice
from report.pictures import Shown
from report.plots import kbps, rate_quality_plot, segment_plot
from report.results import RungResult
from report.saving import Saving


@dataclass(frozen=True)
class Headline:
    """Gain and cost of models on one enhanced rung."""

    rung: RungResult
    gain_db: float
    """Gain in PSNR-Y over plain on the same rung, whole title."""
    vmaf_neg_gain: float | None
    model_share: float
    """Model bytes as a share of the rung's video bytes."""
    saved: float | None
    """Share of bytes saved against plain video of the same PSNR-Y, by the hull of this ladder.

    Negative if the enhanced rung needs more; None if no plain rung is as good.
    """


def headline(rung: RungResult, rungs: Sequence[RungResult]) -> Headline:
    plain, played = rung.plain_scores, rung.played_scores
    neg = None
    if plain.vmaf_neg is not None and played.vmaf_neg is not None:
        neg = played.vmaf_neg - plain.vmaf_neg
    ladder = [(float(r.video_bytes), r.plain_scores.psnr_y) for r in rungs]
    needed = bytes_at(ladder, played.psnr_y)
    spent = rung.video_bytes + rung.model_bytes
    return Headline(
        rung,
        played.psnr_y - plain.psnr_y,
        neg,
        rung.model_bytes / rung.video_bytes,
        1 - spent / needed if needed else None,
    )


def page(
    title: str,
    width: int,
    height: int,
    rungs: Sequence[RungResult],
    shown: Sequence[Shown],
    choices: Sequence[Choice] = (),
    saving: Saving | None = None,
) -> str:
    """Returns the HTML of the report on rungs that were judged at that size.

    `choices` is what the trainer tried on them, `saving` what they save against the best plain ladder.
    """
    # Everywhere in the page from the cheapest rung to the most expensive one.
    ordered = sorted(rungs, key=lambda rung: rung.video_bytes)
    enhanced = [rung for rung in ordered if rung.enhanced]
    plots = [rate_quality_plot(ordered, metric) for metric in ("psnr_y", "vmaf_neg")]
    # S701 asks for autoescape, which is on: the template's file name would decide it otherwise.
    environment = Environment(loader=PackageLoader("report"), autoescape=True, trim_blocks=True)
    environment.filters |= {"kb": _kb, "signed": _signed}
    return environment.get_template("report.html").render(
        title=title,
        width=width,
        height=height,
        rungs=ordered,
        headlines=[headline(rung, ordered) for rung in enhanced],
        shown=shown,
        choices=choices,
        saving=saving,
        plots=[Markup(plot) for plot in plots if plot],  # noqa: S704 - our own SVG, its texts escaped
        segment_plots=[(rung, Markup(segment_plot(rung))) for rung in enhanced],  # noqa: S704 - as above
        kbps=kbps,
        vmaf_every=max((rung.vmaf_every for rung in ordered), default=1),
        has_vmaf=any(rung.plain_scores.vmaf is not None for rung in ordered),
        moments=[{"pictures": s.pictures, "details": s.details} for s in shown],
    )


def _kb(size_bytes: float) -> str:
    return f"{size_bytes / 1000:.1f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.2f} MB"


def _signed(value: float, decimals: int = 2) -> str:
    return f"{value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")
