"""The trial before the ladder is planned: a few segments encoded at several sizes and qualities, and measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from manifests.networks import Size as Pixels
from media.frames import Frame, decode_segment, frame_from_i420
from media.programs import feed_program, find_program
from media.quality import FrameScore, judge, pooled
from media.resize import resize
from media.source.reading import source_frames
from media.source.reference import frames_as_encoded
from media.source.scan import Scan
from media.source.treatment import SourceTreatment
from packager.encode import STALLED_S, VideoSettings, encode_arguments
from packager.ladder.linear_gain import linear_gain_db
from packager.ladder.sizes import LadderRung, Size
from packager.rungs import Crf

SCORED_EVERY = 2
"""Interval of the frames that are scored by PSNR-Y; libvmaf sees the same frames."""
VMAF_EVERY = 4
"""Interval, among those, of the frames that libvmaf scores."""
FILTERED_FRAMES = 4
"""Frames of each excerpt from which the gain of the linear filter is measured."""


@dataclass(frozen=True)
class ProbePoint:
    """One size at one quality, measured over all excerpts."""

    size: Size
    crf: float
    rate_bps: float
    psnr_y: float
    """dB in the shown size, by the plain resize; pooled over the squared error."""
    vmaf_neg: float | None
    """0 to 100 in the shown size; None if no ffmpeg has libvmaf."""
    linear_gain_db: float
    """Gain of the best linear filter over the plain resize (`packager.ladder.linear_gain`)."""

    def to_json(self) -> dict[str, Any]:
        """Returns the point for provenance.json."""
        size = {"width": self.size.width, "height": self.size.height, "sar": str(self.size.sar)}
        return {**asdict(self), "size": size}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ProbePoint:
        """Reads what `to_json` makes."""
        size = Size(value["size"]["width"], value["size"]["height"], Fraction(value["size"]["sar"]))
        return cls(**{**value, "size": size})


@dataclass(frozen=True)
class ProbedSource:
    """A source as the trial reads it."""

    path: Path
    found: Scan
    treatment: SourceTreatment
    frames: int
    """Number of frames that come out of it."""
    shown: Pixels
    """Size in which pictures are compared."""

    def part(self, first: int, count: int) -> ProbedSource:
        """Returns the part of `count` frames, or up to the end, that begins with frame `first`."""
        rate, count = self.treatment.frame_rate, min(count, self.frames - first)
        treatment = replace(self.treatment, start_s=self.treatment.start_s + first / rate, duration_s=count / rate)
        return replace(self, treatment=treatment, frames=count)


@dataclass(frozen=True)
class Trial:
    """One size at one quality, to be measured."""

    size: Size
    crf: float


def probe_ladder(
    source: ProbedSource,
    settings: VideoSettings,
    excerpts: Sequence[int],
    trials: Sequence[Trial],
    folder: Path,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ProbePoint, ...]:
    """Encodes these segments of the source in all trials, and measures them.

    `folder` takes the raw frames of one segment for that time; `on_done` receives the work done, of all. Raises
    ProgramFailedError, UnreadableSourceError, UndecodableSegmentError, OSError.
    """
    measured: list[list[_Measured]] = [[] for _ in trials]
    total = len(excerpts) * len(trials)
    for index in excerpts:
        part = source.part(index * settings.segment_frames, settings.segment_frames)
        with tempfile.TemporaryDirectory(prefix="tmp-probe-", dir=folder) as name:
            paths = _encoded(part, settings, trials, Path(name))
            reference = Path(name) / "reference.yuv"
            frames = _write_reference(part, reference)
            for trial, path, results in zip(trials, paths, measured, strict=True):
                read = _read_reference(reference, source.shown)
                results.append(_measure(path, trial, read, frames, source.shown))
                on_done(sum(map(len, measured)), total)
    rate = source.treatment.frame_rate
    return tuple(_point(trial, results, rate) for trial, results in zip(trials, measured, strict=True))


@dataclass(frozen=True)
class _Measured:
    """One trial on one excerpt."""

    size_bytes: int
    frames: int
    scores: list[FrameScore]
    linear_gain_db: float


def _encoded(part: ProbedSource, settings: VideoSettings, trials: Sequence[Trial], folder: Path) -> list[Path]:
    """Encodes one excerpt in all trials by one run of the encoder, from one decode."""
    outputs = [
        (LadderRung(f"trial{number}", trial.size, Crf(trial.crf)), folder / f"trial{number}.mp4")
        for number, trial in enumerate(trials)
    ]
    arguments = encode_arguments(part.treatment, part.treatment.shape_of(part.found), settings, outputs)
    with feed_program([str(find_program("ffmpeg")), *arguments], deadline_s=STALLED_S) as write:
        for data in source_frames(part.path, part.found, part.treatment):
            write(data)
    return [path for _, path in outputs]


def _write_reference(part: ProbedSource, path: Path) -> int:
    """Writes the excerpt's frames in the shown size to the disk, for every trial; returns how many there are."""
    frames = 0
    with path.open("wb") as file:
        for frame in frames_as_encoded(part.path, part.found, part.treatment, *part.shown):
            file.write(frame.i420())
            frames += 1
    return frames


def _read_reference(path: Path, size: Pixels) -> Iterator[Frame]:
    with path.open("rb") as file:
        while data := file.read(size.width * size.height * 3 // 2):
            yield frame_from_i420(data, size.width, size.height, Fraction(0))


def _measure(path: Path, trial: Trial, reference: Iterator[Frame], frames: int, shown: Pixels) -> _Measured:
    """Scores an encoded excerpt of that many frames in the shown size."""
    data = path.read_bytes()
    # Only luma counts here, so chroma is not resized.
    grey = np.full((shown.height // 2, shown.width // 2), 128, np.uint8)
    step = max(1, frames // SCORED_EVERY // FILTERED_FRAMES)
    pairs = []
    with judge(*shown, vmaf_every=VMAF_EVERY, neg_only=True) as verdict:
        both = islice(zip(reference, decode_segment(b"", data), strict=True), None, None, SCORED_EVERY)
        for number, (wanted, frame) in enumerate(both):
            plain = Frame(resize(frame.y, *shown), grey, grey, frame.pts_s)
            verdict.add(Frame(wanted.y, grey, grey, frame.pts_s), plain)
            if number % step == 0:
                pairs.append((wanted.y, plain.y))
    gain = linear_gain_db(pairs, shown.height / trial.size.height) if len(pairs) > 1 else 0.0
    return _Measured(len(data), frames, verdict.scores(), gain)


def _point(trial: Trial, results: Sequence[_Measured], frame_rate: Fraction) -> ProbePoint:
    scores = [score for result in results for score in result.scores]
    quality = pooled(scores)
    duration_s = float(sum(result.frames for result in results) / frame_rate)
    return ProbePoint(
        trial.size,
        trial.crf,
        rate_bps=8 * sum(result.size_bytes for result in results) / duration_s,
        psnr_y=quality.psnr_y,
        vmaf_neg=quality.vmaf_neg,
        linear_gain_db=sum(result.linear_gain_db for result in results) / len(results),
    )
