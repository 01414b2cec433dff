"""Colours of a source, and the filters that make a BT.709 SDR ladder or an HDR ladder of them.

ffmpeg's own tags are never relied on: each filter is given matrix, range, primaries and transfer of its input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from manifests.model import DynamicRange

Filter = tuple[str, dict[str, str]]
"""Name and options, as ffmpeg-python's `filter` takes them."""

WHITE_NITS = 203
"""Luminance of HDR's diffuse white (ITU-R BT.2408); SDR's white is shown as bright as this."""
KNEE = 0.7
"""Part of SDR's white in linear light up to which HDR stays as it is; above it a curve bends towards white."""
USUAL_PEAK_NITS = 1000
"""Peak of HLG (ITU-R BT.2100), and of PQ whose file does not say."""
MAX_PEAK_NITS = 10_000
"""The brightest light that PQ can state."""

DYNAMIC_RANGES: dict[str, DynamicRange] = {"smpte2084": "pq", "arib-std-b67": "hlg"}

SCALE_MATRICES = frozenset({"bt601", "bt709", "fcc", "smpte240m", "bt2020", "gbr"})
"""The matrices that ffmpeg's scale filter converts; `gbr` is RGB, which has none."""
_ZSCALE_NAMES = {"bt601": "bt470bg", "bt2020": "bt2020nc", "identity": "gbr"}
ZSCALE_MATRICES = SCALE_MATRICES | {"identity", "ycgco", "bt2020c", "chroma-derived-nc", "chroma-derived-c", "ictcp"}

OTHER_WHITE = ("bt470m", "film")
"""Primaries whose white is not D65: some builds of zscale leave greys tinted, so another filter converts them."""
_PRIMARIES = ("bt709", "bt2020", "smpte432", *OTHER_WHITE)
_TRANSFERS = ("bt709", "bt470m", "bt470bg", "linear", "log100", "log316", *DYNAMIC_RANGES)

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
_RRGGBB = re.compile("#[0-9a-f]{6}")


@dataclass(frozen=True)
class Colour:
    """The meaning of the numbers in a source's frames, and the colour behind transparent parts."""

    matrix: str = "bt709"
    """`bt601`, `bt2020`, or in the words of ffmpeg's zscale filter; `gbr` for RGB, `identity` for RGB in YUV planes."""
    full_range: bool = False
    """True if luma spans 0-255 rather than 16-235."""
    primaries: str = "bt709"
    """Name in ffmpeg's zscale filter."""
    transfer: str = "bt709"
    """Name in ffmpeg's zscale filter."""
    peak_nits: int = USUAL_PEAK_NITS
    """Brightest light of an HDR source; of no effect for SDR."""
    alpha: bool = False
    """True if frames have an alpha plane, not premultiplied."""
    background: str = BLACK
    """`#rrggbb` behind transparent parts; of no effect without alpha."""

    def __post_init__(self) -> None:
        known = (
            self.matrix in ZSCALE_MATRICES and self.primaries in _PRIMARIES and self.transfer in _TRANSFERS,
            WHITE_NITS <= self.peak_nits <= MAX_PEAK_NITS and _RRGGBB.fullmatch(self.background),
        )
        if not all(known):
            raise ValueError(f"not a colour: {self}")

    @property
    def dynamic_range(self) -> DynamicRange:
        """Dynamic range: `pq` or `hlg` for HDR, else `sdr`."""
        return DYNAMIC_RANGES.get(self.transfer, "sdr")

    @property
    def needs_zscale(self) -> bool:
        """True if ffmpeg's scale filter by itself would make wrong colours."""
        return (self.primaries, self.transfer) != ("bt709", "bt709") or self.matrix not in SCALE_MATRICES

    @property
    def becomes_rgb(self) -> bool:
        """True if `sdr_filters` converts to RGB; otherwise frames stay as they are until they are scaled."""
        return self.needs_zscale or self.alpha


def parse_background(text: str) -> str:
    """`#rrggbb` of a colour's name or of `#rrggbb`. Raises ValueError."""
    colour = BACKGROUNDS.get(text.lower(), text.lower())
    if _RRGGBB.fullmatch(colour) is None:
        raise ValueError(f"{text!r} is neither #rrggbb nor one of {', '.join(BACKGROUNDS)}")
    return colour


def sdr_filters(colour: Colour) -> list[Filter]:
    """Returns filters from decoded frames to full-range RGB of BT.709, SDR and opaque; none if `sdr_size_filters`
    suffices."""
    if not colour.becomes_rgb:
        return []
    chain = _to_bt709(colour) if colour.needs_zscale else _to_rgb(colour)
    return chain + (_over_background(colour.background) if colour.alpha else [])


def sdr_size_filters(colour: Colour, width: int, height: int) -> list[Filter]:
    """Returns filters from the output of `sdr_filters` to BT.709, limited range, 8-bit 4:2:0 of that size, in one
    step."""
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
    """Returns filters from decoded HDR frames to BT.2020 with the source's own transfer, for `hdr_size_filters`."""
    if _is_plain_hdr(colour):
        return []
    return [*_planes(colour), _zscale(colour, transfer=colour.transfer, primaries="bt2020"), _format("gbrp16le")]


def hdr_size_filters(colour: Colour, width: int, height: int) -> list[Filter]:
    """Returns filters from the output of `hdr_filters` to BT.2020, limited range, 10-bit 4:2:0 of that size."""
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
    return colour.primaries == "bt2020" and colour.matrix in SCALE_MATRICES


def _to_bt709(colour: Colour) -> list[Filter]:
    if colour.primaries in OTHER_WHITE:
        return _from_other_white(colour)
    if colour.dynamic_range == "sdr":
        return [*_planes(colour), _zscale(colour, transfer="bt709", primaries="bt709"), _format(_rgb(colour, "16le"))]
    # Tone mapping works on linear light.
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
    """Returns filters that convert primaries only, by the colorspace filter, which keeps greys grey. Takes YUV; drops
    alpha."""
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
    """Returns the filter from the output of `_planes` to RGB of that transfer and those primaries."""
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
    """The same numbers as planes of one size, 16-bit if they are YUV: zscale does not take odd sizes of 4:2:0.

    RGB comes in planes, and stays as it is: the scale filter would make 254.99 of 255 if it added bits.
    """
    alpha = "a" if colour.alpha else ""
    levels = _levels(colour)
    # A scale filter, also one that ffmpeg puts in by itself, stops at odd tags, whatever it is told.
    usual = ("setparams", {"color_primaries": "bt709", "color_trc": "bt709"})
    if colour.matrix == "gbr":
        return [usual]
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
        _format("gbrap"),
    ]


def _over_background(background: str) -> list[Filter]:
    """Straight alpha laid over one colour: colour times alpha, plus background times one minus alpha."""
    red, green, blue = (f"{int(background[at : at + 2], 16) / 255:.6f}" for at in (1, 3, 5))
    # From 8 bits, as in the output: only there the most alpha is exactly opaque, whatever it was converted from. The
    # scale filter makes 65280 of 255 where there are 65535; so colour lacks a part twice, by alpha and by itself.
    alpha, colour = (f"clip(val*pow({0xFFFF}/{0xFF00},{times}),0,maxval)" for times in (1, 2))
    chain: list[Filter] = [
        _format("gbrap"),
        _format("gbrap16le"),
        ("setparams", {"range": "full"}),  # without a tag, premultiply takes 16 for black
        ("premultiply", {"inplace": "1"}),
        ("lutrgb", {"r": colour, "g": colour, "b": colour, "a": alpha}),
    ]
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
