"""The report's plots as inline SVG. Colours come from the page's style sheet, which knows light from dark. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

from report.results import RungResult, Scores

WIDTH, HEIGHT = 520, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 18, 40
BYTES_HEIGHT = 90
"""Height of the band with bytes, below the curves of a segment plot."""

UNITS = {"psnr_y": "PSNR-Y in dB", "vmaf": "VMAF", "vmaf_neg": "VMAF-NEG"}


@dataclass(frozen=True)
class Axis:
    """Maps values to pixels, and knows round values to label."""

    low: float
    high: float
    start: float
    end: float
    """Pixels of `low` and `high`."""

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, wanted: int = 5) -> list[float]:
        step = _round_step((self.high - self.low) / wanted)
        first = floor(self.low / step) + (0 if self.low % step == 0 else 1)
        return [round((first + i) * step, 6) for i in range(wanted * 3) if (first + i) * step <= self.high + 1e-9]


def _round_step(raw: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if raw <= 0:
        return 1.0
    power = 10.0 ** floor(log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def _range(values: Sequence[float], margin: float = 0.12) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * margin or 1.0
    return low - room, high + room


def rate_quality_plot(rungs: Sequence[RungResult], metric: str) -> str | None:
    """Quality over total bit rate, plain rungs joined, an arrow to each enhanced one; None without that metric."""
    plain = [(kbps(r, models=False), getattr(r.plain_scores, metric)) for r in rungs]
    played = [(kbps(r, models=True), getattr(r.played_scores, metric)) if r.enhanced else None for r in rungs]
    known = [point for point in (*plain, *played) if point is not None and point[1] is not None]
    if len(known) < len(plain):
        return None
    x = Axis(0.0, max(rate for rate, _ in known) * 1.12, LEFT, WIDTH - RIGHT)
    y = Axis(*_range([quality for _, quality in known]), HEIGHT - BOTTOM, TOP)
    parts = [_grid(x, y, "total bit rate in kbit/s", UNITS[metric]), _line("plain", x, y, sorted(plain))]
    for rung, (rate, quality), enhanced in zip(rungs, plain, played, strict=True):
        label = f"{rung.height}p"
        parts.append(_dot("plain", x.at(rate), y.at(quality), f"{label} plain: {rate:.0f} kbit/s, {quality:.2f}"))
        if enhanced:
            tip = f"{label} enhanced: {enhanced[0]:.0f} kbit/s with models, {enhanced[1]:.2f}"
            parts.append(_arrow(x.at(rate), y.at(quality), x.at(enhanced[0]), y.at(enhanced[1])))
            parts.append(_diamond(x.at(enhanced[0]), y.at(enhanced[1]), tip))
        parts.append(f'<text class="label" x="{x.at(rate) + 8}" y="{y.at(quality) + 14}">{escape(label)}</text>')
    told = "; ".join(f"{r.height}p plain {q:.2f} at {k:.0f} kbit/s" for r, (k, q) in zip(rungs, plain, strict=True))
    return _svg(f"{UNITS[metric]} over bit rate", told, HEIGHT, parts)


def segment_plot(rung: RungResult) -> str:
    """PSNR-Y of each segment, plain and as played, over its bytes."""
    curve_bottom = HEIGHT - BOTTOM - BYTES_HEIGHT
    times = [*(s.start_s for s in rung.segments), rung.segments[-1].start_s + rung.segments[-1].duration_s]
    values = [scores.psnr_y for s in rung.segments for scores in (s.plain, s.played)]
    x = Axis(times[0], times[-1], LEFT, WIDTH - RIGHT)
    y = Axis(*_range(values), curve_bottom - 12, TOP)
    # Below the curves a band of bars with the bytes of each segment.
    most = max(s.size_bytes + s.model_bytes for s in rung.segments)
    b = Axis(0.0, most * 1.1 / 1000, HEIGHT - BOTTOM, curve_bottom)
    parts = [_grid(x, y, "seconds", UNITS["psnr_y"], labels_at=HEIGHT - BOTTOM), _gain_area(rung, x, y)]
    parts += [_steps(rung, kind, x, y) for kind in ("plain", "played")]
    scale = f"video and model of a segment, up to {most / 1000:.0f} kB"
    parts.append(f'<text class="label" x="{LEFT}" y="{curve_bottom - 2}">{scale}</text>')
    for segment in rung.segments:
        left, right = x.at(segment.start_s) + 1, x.at(segment.start_s + segment.duration_s) - 1
        video, total = b.at(segment.size_bytes / 1000), b.at((segment.size_bytes + segment.model_bytes) / 1000)
        gain = segment.played.psnr_y - segment.plain.psnr_y
        tip = (
            f"segment {segment.number}: {segment.size_bytes / 1000:.1f} kB video, "
            f"{segment.model_bytes / 1000:.1f} kB model, {gain:+.2f} dB"
        )
        parts.append(_bar("video", left, right, video, HEIGHT - BOTTOM, tip))
        if segment.model_bytes:
            parts.append(_bar("model", left, right, min(total, video - 2), video, tip))
    told = "; ".join(
        f"segment {s.number}: plain {s.plain.psnr_y:.2f}, as played {s.played.psnr_y:.2f} dB" for s in rung.segments
    )
    return _svg(f"{rung.height}p, segment by segment", told, HEIGHT, parts)


def kbps(rung: RungResult, *, models: bool) -> float:
    """Total bit rate of a rung over the title, in kbit/s."""
    return (rung.video_bytes + (rung.model_bytes if models else 0)) * 8 / 1000 / rung.duration_s


def _svg(title: str, description: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )


def _grid(x: Axis, y: Axis, x_name: str, y_name: str, labels_at: float | None = None) -> str:
    bottom = y.start if labels_at is None else labels_at
    rows = "".join(
        f'<path class="grid" d="M{x.start} {y.at(v)}H{x.end}"/>'
        f'<text class="tick" x="{x.start - 8}" y="{y.at(v) + 4}" text-anchor="end">{v:g}</text>'
        for v in y.ticks()
    )
    columns = "".join(
        f'<text class="tick" x="{x.at(v)}" y="{bottom + 16}" text-anchor="middle">{v:g}</text>' for v in x.ticks()
    )
    names = (
        f'<text class="label" x="{x.end}" y="{bottom + 33}" text-anchor="end">{escape(x_name)}</text>'
        f'<text class="label" x="{x.start + 4}" y="{y.end - 5}">{escape(y_name)}</text>'
    )
    return f'{rows}<path class="axis" d="M{x.start} {bottom}H{x.end}"/>{columns}{names}'


def _line(kind: str, x: Axis, y: Axis, points: Sequence[tuple[float, float]]) -> str:
    path = "L".join(f"{x.at(rate)} {y.at(quality)}" for rate, quality in points)
    return f'<path class="curve {kind}" d="M{path}"/>'


def _dot(kind: str, x: float, y: float, tip: str) -> str:
    return f'<circle class="point {kind}" cx="{x}" cy="{y}" r="5"><title>{escape(tip)}</title></circle>'


def _diamond(x: float, y: float, tip: str) -> str:
    return f'<path class="point played" d="M{x} {y - 7}l7 7-7 7-7-7z"><title>{escape(tip)}</title></path>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path class="arrow" d="M{x1} {y1}L{x2} {y2}"/>'


def _bar(kind: str, left: float, right: float, top: float, bottom: float, tip: str) -> str:
    width, height = max(right - left, 1), max(bottom - top, 0)
    shape = f'x="{left}" y="{top}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="bar {kind}" {shape}><title>{escape(tip)}</title></rect>'


def _corners(rung: RungResult, kind: str, x: Axis, y: Axis) -> list[tuple[float, float]]:
    corners = []
    for segment in rung.segments:
        scores: Scores = getattr(segment, kind)
        height = y.at(scores.psnr_y)
        corners += [(x.at(segment.start_s), height), (x.at(segment.start_s + segment.duration_s), height)]
    return corners


def _steps(rung: RungResult, kind: str, x: Axis, y: Axis) -> str:
    path = "L".join(f"{left} {top}" for left, top in _corners(rung, kind, x, y))
    return f'<path class="curve {kind}" d="M{path}"/>'


def _gain_area(rung: RungResult, x: Axis, y: Axis) -> str:
    """Returns the area between the plain and the played curve."""
    outline = _corners(rung, "plain", x, y) + _corners(rung, "played", x, y)[::-1]
    return f'<path class="gain" d="M{"L".join(f"{left} {top}" for left, top in outline)}z"/>'
