"""The colours of a source: what its numbers mean, and the filters that make BT.709 SDR or an HDR ladder of them.

ffmpeg's own tags are never relied on: each filter is told matrix, range, primaries and transfer of what goes in.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import av

from manifests.model import DynamicRange
from media.errors import UnreadableSourceError
from media.probe import VideoInfo

Filter = tuple[str, dict[str, str]]
"""Name and options, as ffmpeg-python's `filter` takes them."""

HD_ROWS = 720
"""Untagged video of this many rows or more is taken for BT.709, below for BT.601, as encoders before tags did."""

WHITE_NITS = 203
"""Luminance of HDR's diffuse white (ITU-R BT.2408); SDR's white is shown as bright as this."""
KNEE = 0.7
"""Part of SDR's white in linear light up to which HDR stays as it is; above it a curve bends towards white."""
USUAL_PEAK_NITS = 1000
"""Peak of HLG (ITU-R BT.2100), and of PQ whose file does not say."""
MAX_PEAK_NITS = 10_000
"""Where PQ ends."""

_DYNAMIC_RANGES: dict[str, DynamicRange] = {"smpte2084": "pq", "arib-std-b67": "hlg"}

# The numbers are those of ITU-T H.273, the words those of ffmpeg's zscale filter.
_PRIMARIES = {4: "bt470m", 8: "film", 9: "bt2020", 11: "smpte432", 12: "smpte432"}
"""The primaries that are converted. Those of SD (5, 6, 7, 22) are taken for BT.709's: files that claim them as often
hold BT.709's, and the difference is small. P3 with the white of cinemas (11) is taken for P3 with that of displays."""
_OTHER_WHITE = ("bt470m", "film")
"""Primaries whose white is not D65: some builds of zscale leave greys tinted, so another filter converts them."""
_TRANSFERS = {
    4: "bt470m",
    5: "bt470bg",
    8: "linear",
    9: "log100",
    10: "log316",
    16: "smpte2084",
    18: "arib-std-b67",
}
"""The transfers that are converted. The others are BT.709's, or are shown as if they were (sRGB)."""
_CINEMA = 17
_OLD_PRIMARIES = (4, 5, 6, 7, 22)
_UNKNOWN = (0, 2, 3)
_WIDE_MATRICES = ("bt2020", "bt2020c", "ictcp")
_WIDE_TRANSFERS = (14, 15, 16, 18)

_SCALE_MATRICES = frozenset({"bt601", "bt709", "fcc", "smpte240m", "bt2020", "gbr"})
"""The matrices that ffmpeg's scale filter converts; `gbr` is RGB, which has none."""
_ZSCALE_NAMES = {"bt601": "bt470bg", "bt2020": "bt2020nc", "identity": "gbr"}
_ZSCALE_MATRICES = _SCALE_MATRICES | {"identity", "ycgco", "bt2020c", "chroma-derived-nc", "chroma-derived-c", "ictcp"}

BACKGROUNDS = {
    "black": "#000000",
    "silver": "#c0c0c0",
    "gray": "#808080",
    "grey": "#808080",
    "white": "#ffffff",
    "maroon": "#800000",
    "red": "#ff0000",
    "purple": "#800080",
    "magenta": "#ff00ff",
    "green": "#008000",
    "lime": "#00ff00",
    "olive": "#808000",
    "yellow": "#ffff00",
    "navy": "#000080",
    "blue": "#0000ff",
    "teal": "#008080",
    "cyan": "#00ffff",
}
"""The colours that have a name: those of HTML 4."""
BLACK = BACKGROUNDS["black"]


@dataclass(frozen=True)
class Colour:
    """What the numbers in a source's frames mean, and what lies behind transparent parts."""

    matrix: str = "bt709"
    """`bt601`, `bt2020`, or in the words of ffmpeg's zscale filter; `gbr` for RGB, `identity` for RGB in YUV planes."""
    full_range: bool = False
    """Whether luma spans 0-255 rather than 16-235."""
    primaries: str = "bt709"
    """In the words of ffmpeg's zscale filter."""
    transfer: str = "bt709"
    """In the words of ffmpeg's zscale filter."""
    peak_nits: int = USUAL_PEAK_NITS
    """Brightest light of an HDR source; of no effect for SDR."""
    alpha: bool = False
    """Whether frames come with an alpha plane, not premultiplied."""
    background: str = BLACK
    """`#rrggbb` behind transparent parts; of no effect without alpha."""

    @property
    def dynamic_range(self) -> DynamicRange:
        """`pq` or `hlg` for HDR, else `sdr`."""
        return _DYNAMIC_RANGES.get(self.transfer, "sdr")

    @property
    def needs_zscale(self) -> bool:
        """Whether ffmpeg's scale filter alone would make wrong colours."""
        return (self.primaries, self.transfer) != ("bt709", "bt709") or self.matrix not in _SCALE_MATRICES

    @property
    def becomes_rgb(self) -> bool:
        """Whether `sdr_filters` converts to RGB; else the frames stay as they are until they are scaled."""
        return self.needs_zscale or self.alpha

    def to_json(self) -> dict[str, Any]:
        """For provenance.json."""
        return asdict(self)


def parse_background(text: str) -> str:
    """`#rrggbb` of a colour's name or of `#rrggbb`. Raises ValueError."""
    colour = BACKGROUNDS.get(text.lower(), text.lower())
    if re.fullmatch("#[0-9a-f]{6}", colour) is None:
        raise ValueError(f"{text!r} is neither #rrggbb nor one of {', '.join(BACKGROUNDS)}")
    return colour


def colour_of(video: VideoInfo, background: str = BLACK) -> Colour:
    """The colour of a probed stream. Raises UnreadableSourceError if its matrix cannot be converted."""
    matrix = _matrix(video)
    transfer = _transfer(video)
    if matrix not in _ZSCALE_MATRICES or (matrix == "ictcp" and transfer not in _DYNAMIC_RANGES):
        raise UnreadableSourceError(
            f"the colours of this source are coded as {matrix.upper()}, which cannot be converted; "
            "export it as BT.709 or HDR10 first"
        )
    return Colour(
        matrix=matrix,
        full_range=video.full_range,
        primaries=_primaries(video, matrix),
        transfer=transfer,
        peak_nits=_peak_nits(video),
        alpha=video.alpha,
        background=background,
    )


def without_zscale(colour: Colour) -> Colour:
    """The colour to take instead if ffmpeg has no zscale filter: primaries and transfer are left as they are.

    Raises UnreadableSourceError if ffmpeg's scale filter does not know the matrix.
    """
    if colour.matrix not in _SCALE_MATRICES:
        raise UnreadableSourceError(
            f"the colours of this source are coded as {colour.matrix.upper()}, for which ffmpeg needs its zscale "
            "filter; set NEUDASH_FFMPEG to one that has it"
        )
    return Colour(colour.matrix, colour.full_range, alpha=colour.alpha, background=colour.background)


def colour_warnings(video: VideoInfo, colour: Colour) -> list[str]:
    """What a person should know of how `colour` treats a probed stream."""
    warnings = []
    if colour_of(video).needs_zscale and not colour.needs_zscale:
        warnings.append("this ffmpeg has no zscale filter, so HDR and wide gamuts are not converted and will look flat")
    if video.transfer == _CINEMA and not video.pixel_format.startswith("xyz"):
        warnings.append(
            "the source has the transfer of cinemas (SMPTE ST 428-1), which is shown as if it were BT.709's"
        )
    if video.alpha and not (video.codec == "gif" and video.opaque):
        warnings.append(
            f"the source has an alpha channel; its transparent parts are laid over {colour.background} "
            "(--background chooses another colour)"
        )
    return warnings


def _matrix(video: VideoInfo) -> str:
    if video.matrix == "identity" and not _is_444(video.pixel_format):
        return "bt709"  # three planes of different sizes cannot be RGB: the tag is wrong
    return video.matrix or ("bt709" if min(video.display_size) >= HD_ROWS else "bt601")


def _is_444(pixel_format: str) -> bool:
    components = av.VideoFormat(pixel_format).components
    return len(components) >= 3 and (components[1].width, components[1].height) == (
        components[0].width,
        components[0].height,
    )


def _transfer(video: VideoInfo) -> str:
    if video.primaries in _OLD_PRIMARIES and video.transfer in (4, 5):
        return "bt709"  # DVDs claim 4 and 5, and are not gamma 2.2 or 2.8
    return _TRANSFERS.get(video.transfer, "bt709")


def _primaries(video: VideoInfo, matrix: str) -> str:
    if video.pixel_format.startswith("xyz"):
        return "bt709"  # ffmpeg's scale filter makes BT.709 of it
    if video.primaries in _UNKNOWN and (matrix in _WIDE_MATRICES or video.transfer in _WIDE_TRANSFERS):
        return "bt2020"
    found = _PRIMARIES.get(video.primaries, "bt709")
    return "bt709" if found in _OTHER_WHITE and matrix not in _SCALE_MATRICES else found


def _peak_nits(video: VideoInfo) -> int:
    """The brightest light that the source claims to contain, never below diffuse white."""
    claimed = video.content_light[0] if video.content_light else 0
    if not claimed and video.mastering:
        claimed = round(video.mastering.max_nits)
    return min(max(claimed or USUAL_PEAK_NITS, WHITE_NITS), MAX_PEAK_NITS)


def sdr_filters(colour: Colour) -> list[Filter]:
    """From decoded frames to full-range RGB of BT.709, SDR and opaque; nothing if `sdr_size_filters` does it all."""
    if not colour.becomes_rgb:
        return []
    chain = _to_bt709(colour) if colour.needs_zscale else _to_rgb(colour)
    return chain + (_over_background(colour.background) if colour.alpha else [])


def sdr_size_filters(colour: Colour, width: int, height: int) -> list[Filter]:
    """From what `sdr_filters` makes to BT.709, limited range, 8-bit 4:2:0 of that size, in one step."""
    ready = colour.becomes_rgb
    chain = _scaled(
        width,
        height,
        matrix="gbr" if ready else colour.matrix,
        levels="full" if ready else _levels(colour),
        out_matrix="bt709",
        pixels="yuv420p",
    )
    if colour.needs_zscale:
        # Scaling overshoots at sharp edges. What is converted here keeps to the range, highlights above all.
        chain += [
            ("limiter", {"min": "16", "max": "235", "planes": "1"}),
            ("limiter", {"min": "16", "max": "240", "planes": "6"}),
        ]
    return [*chain, _tags("bt709", "bt709", "bt709")]


def hdr_filters(colour: Colour) -> list[Filter]:
    """From decoded frames of HDR to what `hdr_size_filters` takes: BT.2020, the source's own transfer."""
    if _is_plain_hdr(colour):
        return []
    return [*_planes(colour), _zscale(colour, transfer=colour.transfer, primaries="bt2020"), _format("gbrp16le")]


def hdr_size_filters(colour: Colour, width: int, height: int) -> list[Filter]:
    """From what `hdr_filters` makes to BT.2020, limited range, 10-bit 4:2:0 of that size."""
    plain = _is_plain_hdr(colour)
    return [
        *_scaled(
            width,
            height,
            matrix=colour.matrix if plain else "gbr",
            levels=_levels(colour) if plain else "full",
            out_matrix="bt2020",
            pixels="yuv420p10le",
        ),
        _tags("bt2020", colour.transfer, "bt2020nc"),
    ]


def _is_plain_hdr(colour: Colour) -> bool:
    return colour.primaries == "bt2020" and colour.matrix in _SCALE_MATRICES


def _to_bt709(colour: Colour) -> list[Filter]:
    if colour.primaries in _OTHER_WHITE:
        return _from_other_white(colour)
    if colour.dynamic_range == "sdr":
        return [*_planes(colour), _zscale(colour, transfer="bt709", primaries="bt709"), _format(_rgb(colour, "16le"))]
    peak = f"{colour.peak_nits / WHITE_NITS:.6f}"
    return [
        *_planes(colour),
        _zscale(colour, transfer="linear", primaries="bt709"),
        _format(_rgb(colour, "f32le")),
        # One factor for all of R, G and B, so that the hue stays. Mobius is the identity up to the knee.
        ("tonemap", {"tonemap": "mobius", "param": str(KNEE), "peak": peak, "desat": "0"}),
        (
            "zscale",
            {
                "matrixin": "gbr",
                "rangein": "full",
                "transferin": "linear",
                "primariesin": "bt709",
                "transfer": "bt709",
                "primaries": "bt709",
                "matrix": "gbr",
                "range": "full",
                "npl": str(WHITE_NITS),
            },
        ),
        _format(_rgb(colour, "16le")),  # integers end at white: no code beyond the range comes from them
    ]


def _from_other_white(colour: Colour) -> list[Filter]:
    """Primaries alone, by the colorspace filter, which keeps greys grey. It takes YUV; alpha is lost."""
    return [
        *_planes(colour),
        (
            "scale",
            {
                "in_color_matrix": _scale_name(colour.matrix),
                "in_range": _levels(colour),
                "out_color_matrix": "bt709",
                "out_range": "full",
            },
        ),
        _format("yuv444p12le"),
        (
            "colorspace",
            {
                "ispace": "bt709",
                "iprimaries": colour.primaries,
                "itrc": "bt709",
                "irange": "pc",
                "space": "bt709",
                "primaries": "bt709",
                "trc": "bt709",
                "range": "pc",
            },
        ),
        ("scale", {"in_color_matrix": "bt709", "in_range": "full", "out_range": "full"}),
        _format(_rgb(colour, "16le")),
    ]


def _zscale(colour: Colour, *, transfer: str, primaries: str) -> Filter:
    """To RGB of that transfer and primaries, from what `_planes` makes."""
    is_rgb = colour.matrix in ("gbr", "identity")
    return (
        "zscale",
        {
            "matrixin": _ZSCALE_NAMES.get(colour.matrix, colour.matrix),
            "rangein": "full" if is_rgb else _levels(colour),
            "transferin": colour.transfer,
            "primariesin": colour.primaries,
            "transfer": transfer,
            "primaries": primaries,
            "matrix": "gbr",
            "range": "full",
            "npl": str(WHITE_NITS),
            # zimg's quick curves apply the system gamma of HLG to R, G and B by themselves, not to their luma.
            "agamma": "0" if colour.dynamic_range == "hlg" else "1",
        },
    )


def _planes(colour: Colour) -> list[Filter]:
    """The same numbers as 16-bit planes of one size: zscale takes neither odd sizes of 4:2:0 nor packed pixels."""
    alpha = "a" if colour.alpha else ""
    levels = _levels(colour)
    # A scale filter, also one that ffmpeg puts in by itself, stops at odd tags, whatever it is told.
    usual = ("setparams", {"color_primaries": "bt709", "color_trc": "bt709"})
    if colour.matrix == "gbr":
        return [usual, _format(_rgb(colour, "16le"))]
    same = {"in_color_matrix": "bt709", "out_color_matrix": "bt709", "in_range": levels, "out_range": levels}
    chain: list[Filter] = [
        usual,
        ("setparams", {"colorspace": "bt709"}),
        ("scale", {**same, "flags": "bicubic+accurate_rnd+full_chroma_inp"}),
        _format(f"yuv{alpha}444p16le"),
    ]
    if colour.matrix == "identity":
        # G in the place of Y, B of Cb, R of Cr (ITU-T H.273), which is how ffmpeg orders the planes of `gbrp`.
        chain.append(_three_planes())
    return chain


def _to_rgb(colour: Colour) -> list[Filter]:
    """Only the matrix and the range, by the scale filter."""
    return [
        (
            "scale",
            {
                "flags": "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp",
                "in_color_matrix": _scale_name(colour.matrix),
                "in_range": _levels(colour),
                "out_range": "full",
            },
        ),
        _format(_rgb(colour, "16le")),
    ]


def _over_background(background: str) -> list[Filter]:
    """Straight alpha laid over one colour: colour times alpha, plus background times one minus alpha."""
    red, green, blue = (f"{int(background[at : at + 2], 16) / 255:.6f}" for at in (1, 3, 5))
    # Of frames without a tag, premultiply takes the range for limited and 16 for black.
    chain: list[Filter] = [("setparams", {"range": "full"}), ("premultiply", {"inplace": "1"})]
    if background != BLACK:
        chain += [("negate", {"components": "a"}), ("colorchannelmixer", {"ra": red, "ga": green, "ba": blue})]
    return [*chain, _three_planes()]  # not by `format`: FFmpeg 9 loses pixels where it only drops the alpha plane


def _three_planes() -> Filter:
    return ("mergeplanes", {"map0p": "0", "map1p": "1", "map2p": "2", "format": "gbrp16le"})


def _scaled(width: int, height: int, *, matrix: str, levels: str, out_matrix: str, pixels: str) -> list[Filter]:
    """Size and colour in one step, so that nothing is rounded twice."""
    return [
        (
            "scale",
            {
                "width": str(width),
                "height": str(height),
                "flags": "lanczos+accurate_rnd+full_chroma_int",
                "in_color_matrix": _scale_name(matrix),
                "in_range": levels,
                "out_color_matrix": out_matrix,
                "out_range": "limited",
            },
        ),
        _format(pixels),
    ]


def _scale_name(matrix: str) -> str:
    return "bt709" if matrix == "gbr" else matrix  # of no effect for RGB


def _tags(primaries: str, transfer: str, matrix: str) -> Filter:
    return (
        "setparams",
        {"range": "tv", "color_primaries": primaries, "color_trc": transfer, "colorspace": matrix},
    )


def _levels(colour: Colour) -> str:
    return "full" if colour.full_range else "limited"


def _rgb(colour: Colour, depth: str) -> str:
    return f"gbr{'a' if colour.alpha else ''}p{depth}"


def _format(pixels: str) -> Filter:
    return ("format", {"pix_fmts": pixels})
