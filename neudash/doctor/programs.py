"""Probes of ffmpeg, its codecs and filters, and of MP4Box. None of them raises."""

from __future__ import annotations

import platform

from media.errors import MediaError
from media.programs import find_ffmpeg, find_program, run
from neudash.doctor.findings import Finding
from packager.encoders import DEFAULT_CODEC, ENCODERS

DEADLINE_S = 20
OUR_FFMPEG = "unset NEUDASH_FFMPEG: the ffmpeg of the Python package imageio-ffmpeg has it"

CODECS: tuple[tuple[str, str, tuple[str, ...]], ...] = tuple(
    # what, the encoder that the packager uses, who needs it
    (f"{e.label} encoder", e.program, ("package",) if e.codec == DEFAULT_CODEC else ())
    for e in ENCODERS.values()
)
FILTERS = (
    # what, filter, what happens without it
    ("VMAF", "libvmaf", "reports have PSNR only"),
    ("HDR to SDR", "zscale", "HDR video is packaged without tone mapping and looks flat"),
)


def ffmpeg() -> Finding:
    needed_for = ("package", "train", "report")
    try:
        program = find_ffmpeg()
        words = run([str(program), "-version"], deadline_s=DEADLINE_S).decode(errors="replace").split()
    except MediaError as error:
        return Finding("ffmpeg", False, str(error), "pip install imageio-ffmpeg", needed_for)
    return Finding("ffmpeg", True, f"{' '.join(words[2:3])} {program}", "", needed_for)


def codec(name: str, encoder: str, needed_for: tuple[str, ...]) -> Finding:
    """Encodes six small frames, because an encoder that is listed may still not start."""
    picture = ["-f", "lavfi", "-i", "testsrc2=size=128x72:rate=30:duration=0.2"]
    try:
        _ffmpeg(["-v", "error", *picture, "-pix_fmt", "yuv420p", "-c:v", encoder, "-f", "null", "-"])
    except MediaError:
        return Finding(name, False, f"{encoder} does not run in this ffmpeg", OUR_FFMPEG, needed_for)
    return Finding(name, True, encoder, OUR_FFMPEG, needed_for)


def filter_of_ffmpeg(name: str, filter_name: str, without: str) -> Finding:
    try:
        rows = [line.split() for line in _ffmpeg(["-hide_banner", "-filters"]).splitlines()]
    except MediaError:
        rows = []
    if any(row[1:2] == [filter_name] for row in rows):
        return Finding(name, True, filter_name)
    return Finding(name, False, f"this ffmpeg has no filter {filter_name}: {without}", OUR_FFMPEG)


def _ffmpeg(arguments: list[str]) -> str:
    """Its stdout. Raises MediaError."""
    return run([str(find_program("ffmpeg")), *arguments], deadline_s=DEADLINE_S).decode(errors="replace")


def mp4box() -> Finding:
    remedies = {"Linux": "apt install gpac, or https://gpac.io/downloads", "Darwin": "brew install gpac"}
    try:
        return Finding("MP4Box", True, str(find_program("MP4Box")))
    except MediaError:
        remedy = remedies.get(platform.system(), "https://gpac.io/downloads")
        return Finding("MP4Box", False, "not found: ffmpeg cuts the segments instead", remedy)
