"""The HDR ladder next to the SDR one: its rungs, and its encoder's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from media.colour.mastering import MasteringDisplay, Point
from packager.ladder.sizes import LadderRung
from packager.rungs import Crf

PQ = "smpte2084"


@dataclass(frozen=True)
class HdrSettings:
    """Settings that all rungs of an HDR ladder have in common."""

    codec: str
    transfer: str
    """The source's transfer, in ffmpeg's words."""
    mastering: MasteringDisplay | None
    """None if the source does not say."""
    content_light: tuple[int, int] | None
    """MaxCLL and MaxFALL in nits; None if the source does not say."""


def hdr_rungs(rungs: Sequence[LadderRung], crf_shift: int, max_crf: int) -> tuple[LadderRung, ...]:
    """Returns the same sizes for HDR; `crf_shift` is the difference of its codec's CRF scale, `max_crf` the end of
    it."""
    return tuple(
        replace(
            rung,
            id=f"{rung.id}-hdr",
            rate=Crf(min(rung.rate.value + crf_shift, max_crf)) if isinstance(rung.rate, Crf) else rung.rate,
        )
        for rung in rungs
    )


def colour_options(settings: HdrSettings) -> dict[str, str]:
    """ffmpeg's options that tag what is encoded."""
    tags = {"color_primaries": "bt2020", "color_trc": settings.transfer, "colorspace": "bt2020nc"}
    return {"color_range": "tv", **tags}


def x265_parameters(settings: HdrSettings) -> list[str]:
    """Parameters of x265 for tags and mastering metadata."""
    parameters = ["range=limited", "colorprim=bt2020", f"transfer={settings.transfer}", "colormatrix=bt2020nc"]
    if settings.transfer == PQ:
        parameters += ["hdr10=1", "hdr10-opt=1"]
    if display := settings.mastering:
        points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
        parts = [f"{name}({x},{y})" for name, (x, y) in points.items()]
        light = f"L({display.max_luminance},{display.min_luminance})"
        parameters.append(f"master-display={''.join(parts)}{light}")
    if settings.content_light:
        parameters.append("max-cll={},{}".format(*settings.content_light))
    return parameters


def svtav1_parameters(settings: HdrSettings) -> list[str]:
    """Parameters of SVT-AV1 for mastering metadata; its tags are those of ffmpeg."""
    parameters = []
    if display := settings.mastering:
        points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
        parts = [f"{name}{_chromaticity(point)}" for name, point in points.items()]
        light = f"L({display.max_luminance / 10_000:g},{display.min_luminance / 10_000:g})"
        parameters.append(f"mastering-display={''.join(parts)}{light}")
    if settings.content_light:
        parameters.append("content-light={},{}".format(*settings.content_light))
    return parameters


def _chromaticity(point: Point) -> str:
    return f"({point[0] / 50_000:.5f},{point[1] / 50_000:.5f})"
