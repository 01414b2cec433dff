"""ffmpeg's argument lists, as pure functions: what is encoded how. Nothing is started here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import ffmpeg

from media.colour.conversion import hdr_filters, hdr_size_filters, sdr_filters, sdr_size_filters
from media.programs import file_url
from media.sound.placement import SOUND_RATE_HZ
from media.source.shape import Shape
from media.source.treatment import QUIET, SourceTreatment, apply_filters, raw_input, seconds, shape_filters
from packager.encoders import DEFAULT_TUNE, ENCODERS
from packager.hdr import HdrSettings, colour_options
from packager.ladder.sizes import LadderRung
from packager.rungs import Crf

AAC_FRAME = 1024
"""Samples in one AAC frame, and in the silence that ffmpeg's encoder puts first."""

_SDR_COLOUR = {"color_range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}

MIN_TIMESCALE = 10_000

STALLED_S = 1800.0
"""An encoder that takes no frame for this long is ended; one that goes on may take days. The slowest presets think for
minutes before the first frame."""


@dataclass(frozen=True)
class VideoSettings:
    """Settings that all rungs have in common."""

    codec: str
    preset: str
    """A name of x264's; mapped for AV1."""
    segment_frames: int
    """Frames in a segment, and in a closed GOP."""
    tune: str = DEFAULT_TUNE
    """A name of `packager.encoders.TUNES`."""


def timescale(frame_rate: Fraction) -> int:
    """Ticks per second such that a frame lasts a whole number of them."""
    ticks = frame_rate.numerator
    while ticks < MIN_TIMESCALE:
        ticks *= 2
    return ticks


def encode_arguments(
    treatment: SourceTreatment,
    shape: Shape,
    settings: VideoSettings,
    outputs: Sequence[tuple[LadderRung, Path]],
    hdr: HdrSettings | None = None,
    hdr_outputs: Sequence[tuple[LadderRung, Path]] = (),
) -> list[str]:
    """All rungs in one go, from the raw frames of `media.source.reading.source_frames` on stdin."""
    # Shape and colour are brought about once, then copied: scaling is all that differs between rungs.
    upright = apply_filters(raw_input(treatment, shape), shape_filters(treatment))
    branches = _copies(upright, bool(outputs) + bool(hdr_outputs))
    nodes = []
    if outputs:
        stream = apply_filters(branches.pop(), sdr_filters(treatment.colour))
        for copy, (rung, path) in zip(_copies(stream, len(outputs)), outputs, strict=True):
            nodes.append(_output(copy, treatment, settings, rung, path))
    # HDR branches off before the conversion to SDR, from the same decoded frames.
    if hdr_outputs:
        assert hdr is not None, "there are no HDR outputs without settings for them"
        stream = apply_filters(branches.pop(), hdr_filters(treatment.colour))
        for copy, (rung, path) in zip(_copies(stream, len(hdr_outputs)), hdr_outputs, strict=True):
            nodes.append(_output(copy, treatment, replace(settings, codec=hdr.codec), rung, path, hdr))
    graph = ffmpeg.merge_outputs(*nodes) if len(nodes) > 1 else nodes[0]
    return [*QUIET, "-y", *graph.get_args()]


def _copies(stream: ffmpeg.nodes.FilterableStream, count: int) -> list[ffmpeg.nodes.FilterableStream]:
    if count == 1:
        return [stream]
    split = stream.filter_multi_output("split", count)
    return [split[index] for index in range(count)]


def _output(
    stream: ffmpeg.nodes.FilterableStream,
    treatment: SourceTreatment,
    settings: VideoSettings,
    rung: LadderRung,
    path: Path,
    hdr: HdrSettings | None = None,
) -> ffmpeg.nodes.OutputStream:
    size = rung.size
    to_size = sdr_size_filters if hdr is None else hdr_size_filters
    chain = to_size(treatment.colour, size.width, size.height)
    # The exact ratio; without it ffmpeg rounds one of its own.
    chain.append(("setsar", {"sar": f"{size.sar.numerator}/{size.sar.denominator}", "max": str(2**31 - 1)}))
    options = {
        **_encoder_options(settings, hdr),
        **_rate_options(rung, settings.codec),
        "fps_mode": "passthrough",  # the filters have made the rate constant
        "video_track_timescale": str(timescale(treatment.frame_rate)),
        **(_SDR_COLOUR if hdr is None else colour_options(hdr)),
        "map_metadata": "-1",  # no title, no location of a phone
        "map_chapters": "-1",
        "f": "mp4",
    }
    return apply_filters(stream, chain).output(file_url(path), **options)


def _encoder_options(settings: VideoSettings, hdr: HdrSettings | None) -> dict[str, str]:
    encoder = ENCODERS[settings.codec]
    return {
        "c:v": encoder.program,
        "g": str(settings.segment_frames),
        **encoder.presets[settings.preset],
        **encoder.options(settings.segment_frames, hdr, encoder.tunes[settings.tune]),
    }


def _rate_options(rung: LadderRung, codec: str) -> dict[str, str]:
    if isinstance(rung.rate, Crf):
        return {"crf": f"{rung.rate.value:g}"}
    bps = rung.rate.bps
    bound = {"maxrate": str(bps), "bufsize": str(2 * bps)} if ENCODERS[codec].bounds_bitrate else {}
    return {"b:v": str(bps), **bound}


def audio_arguments(channels: int, bps: int, path: Path) -> list[str]:
    """Returns arguments that encode the samples on stdin to AAC: 32-bit floats at 48 kHz.

    The samples begin 1024 samples after the first picture. An encoder puts 1024 samples in front of the sound, and an
    edit list to skip them, which only some players heed, and which makes a title one frame, perhaps one segment,
    longer. Here those samples take the place of the first 21 ms of sound, so there is no edit list, and the rest is in
    its place.
    """
    samples = ffmpeg.input("pipe:0", f="f32le", ar=str(SOUND_RATE_HZ), ac=str(channels))
    options = {
        **{"c:a": "aac", "b:a": str(bps)},
        **{"map_metadata": "-1", "map_chapters": "-1", "use_editlist": "0", "f": "mp4"},
    }
    return [*QUIET, "-y", *samples.output(file_url(path), **options).get_args()]


AAC_FRAME_S = Fraction(AAC_FRAME, SOUND_RATE_HZ)


def audio_segment_s(segment_s: Fraction) -> Fraction:
    """Returns the length of an audio segment for video segments of `segment_s`: whole AAC frames, never less.

    So audio never has more segments than video, and every segmenter cuts it alike.
    """
    return ceil(segment_s / AAC_FRAME_S) * AAC_FRAME_S


def poster_arguments(track: Path, at_s: Fraction) -> list[str]:
    """One picture of an encoded track as JPEG on stdout, at most 640 columns of square pixels."""
    stream = ffmpeg.input(file_url(track), ss=seconds(at_s), protocol_whitelist="file")
    picture = stream.filter("scale", width="min(640,iw*sar)", height="-2", out_range="full").filter("setsar", "1")
    # yuvj420p: full range is what JPEG means
    output = picture.output("pipe:1", f="mjpeg", pix_fmt="yuvj420p", **{"frames:v": "1", "q:v": "3"})
    return [*QUIET, *output.get_args()]
