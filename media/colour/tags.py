"""The tags of a probed source, read: the numbers of ITU-T H.273 become a `Colour`."""

from __future__ import annotations

import av

from media.colour.conversion import (
    BLACK,
    DYNAMIC_RANGES,
    MAX_PEAK_NITS,
    OTHER_WHITE,
    SCALE_MATRICES,
    USUAL_PEAK_NITS,
    WHITE_NITS,
    ZSCALE_MATRICES,
    Colour,
)
from media.errors import UnreadableSourceError
from media.source.probe import VideoInfo

HD_ROWS = 720
"""Untagged video of this many rows or more is taken for BT.709, below for BT.601, as encoders before tags did."""

# The numbers are those of ITU-T H.273, the words those of ffmpeg's zscale filter.
_PRIMARIES = {4: "bt470m", 8: "film", 9: "bt2020", 11: "smpte432", 12: "smpte432"}
"""The primaries that are converted. Those of SD (5, 6, 7, 22) are taken for BT.709's: files that claim them as often
hold BT.709's, and the difference is small. P3 with the white of cinemas (11) is taken for P3 with that of displays."""
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


def colour_of(video: VideoInfo, background: str = BLACK) -> Colour:
    """The colour of a probed stream. Raises UnreadableSourceError if it cannot be converted."""
    if video.dolby_vision is not None and not video.dolby_vision.has_usual_base:
        raise UnreadableSourceError(
            f"this source is Dolby Vision of profile {video.dolby_vision.profile}, whose colours only its own decoders "
            "know; export it as HDR10 or SDR first"
        )
    # Refuse colours that no filter here converts, instead of packaging wrong ones.
    matrix = _matrix(video)
    transfer = _transfer(video)
    if matrix not in ZSCALE_MATRICES or (matrix == "ictcp" and transfer not in DYNAMIC_RANGES):
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
    """The colour to take if ffmpeg has no zscale filter: primaries and transfer are left as they are.

    Raises UnreadableSourceError if ffmpeg's scale filter does not know the matrix.
    """
    if colour.matrix not in SCALE_MATRICES:
        raise UnreadableSourceError(
            f"the colours of this source are coded as {colour.matrix.upper()}, for which ffmpeg needs its zscale "
            "filter; set NEUDASH_FFMPEG to one that has it"
        )
    return Colour(colour.matrix, colour.full_range, alpha=colour.alpha, background=colour.background)


def colour_warnings(video: VideoInfo, colour: Colour) -> list[str]:
    """Sentences for a person on how `colour` treats a probed stream."""
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
    return "bt709" if found in OTHER_WHITE and matrix not in SCALE_MATRICES else found


def _peak_nits(video: VideoInfo) -> int:
    """The brightest light that the source claims to contain, never below diffuse white."""
    claimed = video.content_light[0] if video.content_light else 0
    if not claimed and video.mastering:
        claimed = round(video.mastering.max_nits)
    return min(max(claimed or USUAL_PEAK_NITS, WHITE_NITS), MAX_PEAK_NITS)
