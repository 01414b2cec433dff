"""The video encoders: one record for each codec, with everything that differs between them.

A new codec is one record here, and one function in `manifests.mp4.codecs` for its name in manifests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from packager.hdr import HdrSettings, svtav1_parameters, x265_parameters

Options = dict[str, str]

PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
)  # fmt: skip
"""Names of x264's presets, which `--preset` takes for every codec."""

TUNES = ("balanced", "film", "psnr")
"""Names that `--tune` takes for every codec: the best PSNR-Y and VMAF-NEG for the bytes; the encoder's own
psychovisual settings, which keep grain; and no adaptive quantisation at all."""
DEFAULT_TUNE = TUNES[0]


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
    probed_crfs: tuple[int, ...]
    """CRFs at which a title is tried before its ladder is planned; the ladder stays between them."""
    options: Callable[[int, HdrSettings | None, Sequence[str]], Options]
    """Options for closed GOPs of exactly that many frames, independent of what the pictures contain; takes the
    parameters of the tune as well."""
    tunes: Mapping[str, tuple[str, ...]]
    """The encoder's own parameters for each name of `TUNES` (measured: docs/results.md)."""
    presets: Mapping[str, Options] = field(default_factory=lambda: {name: {"preset": name} for name in PRESETS})
    """Options for each name of `PRESETS`."""
    bounds_bitrate: bool = True
    """True if it takes a largest rate in addition to a mean rate."""
    hdr_codec: str | None = None
    """Codec of the HDR ladder next to its own; None if its own 10-bit profile is the one that players take."""


def _x264(frames: int, _: HdrSettings | None, tune: Sequence[str]) -> Options:
    return {"keyint_min": str(frames), "sc_threshold": "0", "x264-params": ":".join(["open-gop=0", *tune])}


def _x265(frames: int, hdr: HdrSettings | None, tune: Sequence[str]) -> Options:
    parameters = [f"keyint={frames}", f"min-keyint={frames}", "scenecut=0", "open-gop=0", "log-level=error", *tune]
    parameters += x265_parameters(hdr) if hdr else []
    # hvc1 keeps the parameter sets in the init segment, the only kind that Apple's players take.
    return {"x265-params": ":".join(parameters), "tag:v": "hvc1"}


def _svtav1(_: int, hdr: HdrSettings | None, tune: Sequence[str]) -> Options:
    # Without these it cuts at scenes of its own and opens GOPs.
    parameters = ["scd=0", "irefresh-type=2", *tune, *(svtav1_parameters(hdr) if hdr else [])]
    return {"svtav1-params": ":".join(parameters)}


_RECORDS = (
    Encoder(
        codec="h264",
        label="H.264",
        program="libx264",
        max_crf=51,
        auto_crf=27,
        measured_crfs=tuple(range(19, 44, 4)),
        probed_crfs=(21, 28, 36),
        options=_x264,
        tunes={"balanced": ("psy=0", "aq-strength=0.5"), "film": (), "psnr": ("psy=0", "aq-mode=0")},
        hdr_codec="hevc",
    ),
    Encoder(
        codec="hevc",
        label="HEVC",
        program="libx265",
        max_crf=51,
        auto_crf=30,
        measured_crfs=(22, 28, 34, 40),
        probed_crfs=(23, 30, 38),
        options=_x265,
        tunes={
            "balanced": ("psy-rd=0", "psy-rdoq=0", "aq-strength=0.5"),
            "film": (),
            "psnr": ("psy-rd=0", "psy-rdoq=0", "aq-mode=0"),
        },
    ),
    Encoder(
        codec="av1",
        label="AV1",
        program="libsvtav1",
        max_crf=63,
        auto_crf=38,
        measured_crfs=(30, 40, 50, 60),
        probed_crfs=(28, 42, 57),
        options=_svtav1,
        tunes={"balanced": ("tune=1",), "film": ("tune=0",), "psnr": ("tune=1",)},
        presets={name: {"preset": str(n)} for name, n in zip(PRESETS, (12, 11, 10, 9, 8, 7, 5, 4, 3), strict=True)},
        bounds_bitrate=False,  # SVT-AV1 bounds the rate with constant quality only
    ),
)
ENCODERS: Mapping[str, Encoder] = {record.codec: record for record in _RECORDS}
DEFAULT_CODEC = _RECORDS[0].codec


def hdr_encoder(codec: str) -> Encoder:
    """Returns the encoder of the HDR ladder that goes with a ladder of `codec`."""
    return ENCODERS[ENCODERS[codec].hdr_codec or codec]
