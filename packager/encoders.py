"""The video encoders: one record for each codec, with everything that differs between them.

A new codec is one record here, and one function in `manifests.mp4.codecs` for its name in manifests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from packager.hdr import HdrSettings, svtav1_parameters, x265_parameters

Options = dict[str, str]

PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
)  # fmt: skip
"""Names of x264's presets, which `--preset` takes for every codec."""


@dataclass(frozen=True)
class Encoder:
    """A codec's encoder in ffmpeg, and its scales."""

    codec: str
    """Name of the codec in options and in provenance.json."""
    label: str
    """Name of the codec for people."""
    program: str
    """Name of the encoder in ffmpeg."""
    max_crf: int
    """End of its quality scale, which begins at 0."""
    auto_crf: int
    """CRF of the auto ladder; about equal quality for all codecs."""
    measured_crfs: tuple[int, ...]
    """CRFs at which `bench.rd` measures a codec's plain line."""
    options: Callable[[int, HdrSettings | None], Options]
    """Options for closed GOPs of exactly that many frames, independent of what the pictures contain."""
    presets: Mapping[str, Options] = field(default_factory=lambda: {name: {"preset": name} for name in PRESETS})
    """Options for each name of `PRESETS`."""
    bounds_bitrate: bool = True
    """True if it takes a largest rate in addition to a mean rate."""
    hdr_codec: str | None = None
    """Codec of the HDR ladder next to its own; None if its own 10-bit profile is the one that players take."""


def _x264(frames: int, _: HdrSettings | None) -> Options:
    return {"keyint_min": str(frames), "sc_threshold": "0", "x264-params": "open-gop=0"}


def _x265(frames: int, hdr: HdrSettings | None) -> Options:
    parameters = [f"keyint={frames}", f"min-keyint={frames}", "scenecut=0", "open-gop=0", "log-level=error"]
    parameters += x265_parameters(hdr) if hdr else []
    # hvc1 keeps the parameter sets in the init segment, the only kind that Apple's players take.
    return {"x265-params": ":".join(parameters), "tag:v": "hvc1"}


def _svtav1(_: int, hdr: HdrSettings | None) -> Options:
    # Without these it cuts at scenes of its own and opens GOPs.
    parameters = ["scd=0", "irefresh-type=2", *(svtav1_parameters(hdr) if hdr else [])]
    return {"svtav1-params": ":".join(parameters)}


_RECORDS = (
    Encoder("h264", "H.264", "libx264", 51, 27, tuple(range(19, 44, 4)), _x264, hdr_codec="hevc"),
    Encoder("hevc", "HEVC", "libx265", 51, 30, (22, 28, 34, 40), _x265),
    Encoder(
        "av1",
        "AV1",
        "libsvtav1",
        63,
        38,
        (30, 40, 50, 60),
        _svtav1,
        presets={name: {"preset": str(n)} for name, n in zip(PRESETS, (12, 11, 10, 9, 8, 7, 5, 4, 3), strict=True)},
        bounds_bitrate=False,  # SVT-AV1 bounds the rate with constant quality only
    ),
)
ENCODERS: Mapping[str, Encoder] = {record.codec: record for record in _RECORDS}
DEFAULT_CODEC = _RECORDS[0].codec


def hdr_encoder(codec: str) -> Encoder:
    """Returns the encoder of the HDR ladder that goes with a ladder of `codec`."""
    return ENCODERS[ENCODERS[codec].hdr_codec or codec]
