"""Measures a rung as a player shows it: decoded, plain and enhanced, against the source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from manifests.bundle import Bundle
from manifests.errors import BundleError
from manifests.loading import load_model
from manifests.model import VideoRepresentation
from manifests.networks import Size
from manifests.weights import ModelWeights
from media.errors import UndecodableSegmentError
from media.frames import Frame, decode_segment, resize_frame
from media.quality import FrameScore, Judge, judge, pooled
from media.source.reference import reference_frames
from media.source.treatment import SourceTreatment
from player.superres.engines import Engine, Upscaler
from player.superres.frames import output_frame
from player.superres.model_choice import SegmentModel, model_for_segment
from player.superres.output import OutputFormat
from report.errors import ReportError
from report.results import RungResult, SegmentResult, scores_of

METHOD = "2"
"""Version of the method, raised when its results change, so that old results are measured again."""


@dataclass(frozen=True)
class Subject:
    """Bundle, source and output format of a measurement."""

    bundle: Bundle
    source: Path
    treatment: SourceTreatment
    output: OutputFormat
    """The size of every picture that is judged: what a player shows."""

    def references(self) -> Iterator[Frame]:
        return reference_frames(self.source, self.treatment, self.output.width, self.output.height)


@dataclass(frozen=True)
class RungPlayer:
    """The pictures of one rung, made as a player makes them."""

    subject: Subject
    representation: VideoRepresentation
    upscalers: tuple[Upscaler | None, ...]
    """Upscaler of each segment; None for plain."""
    input_sizes: tuple[Size, ...]
    """Size of the picture that goes into each segment's network."""
    model_bytes: tuple[int, ...]
    """Bytes of the model files that playing from the start fetches for each segment."""

    def segment(self, index: int) -> Iterator[Frame]:
        """Decodes the frames of segment `index`, counted from 0. Raises UndecodableSegmentError."""
        read, r = self.subject.bundle.read, self.representation
        href = r.segments[index].href
        try:
            yield from decode_segment(read(r.init_href), read(href))
        except UndecodableSegmentError as error:
            raise UndecodableSegmentError(f"{href}: {error}") from error

    def plain(self, decoded: Frame) -> Frame:
        return resize_frame(decoded, self.subject.output.width, self.subject.output.height)

    def played(self, decoded: Frame, index: int) -> Frame:
        return output_frame(decoded, self.upscalers[index], self.input_sizes[index], self.subject.output)


def rung_player(subject: Subject, representation: VideoRepresentation, engine: Callable[[], Engine]) -> RungPlayer:
    """Loads the rung's models; one that does not load leaves its segments plain, as in a player."""
    video = representation.video
    made: dict[tuple[str, Size], Upscaler | None] = {}
    held: set[str] = set()
    upscalers, input_sizes, model_bytes = [], [], []
    for index in range(len(representation.segments)):
        model = model_for_segment(representation, index)
        model_bytes.append(sum(file.size_bytes for file in model.files if file.href not in held))
        held |= {file.href for file in model.files}
        size = model.track.input_size_of(video) if model.track else video.size
        name = model.files[-1].href if model.files else "", size
        if name not in made:
            weights = _weights(subject.bundle, model)
            made[name] = engine().upscaler(weights, *size) if weights else None
        upscalers.append(made[name])
        input_sizes.append(size)
    return RungPlayer(subject, representation, tuple(upscalers), tuple(input_sizes), tuple(model_bytes))


def _weights(bundle: Bundle, model: SegmentModel) -> ModelWeights | None:
    if model.track is None:
        return None
    try:
        return load_model(bundle, model.track, model.files[-1].n)
    except BundleError:
        return None


def frame_count(representation: VideoRepresentation) -> int:
    """Frames the manifest promises for the rung."""
    video = representation.video
    return round(representation.duration_s * video.frame_rate)


def rung_key(subject: Subject, representation: VideoRepresentation, source_sha256: str, vmaf_every: int) -> str:
    """Equal keys promise equal results."""
    digest = hashlib.sha256(f"{METHOD} {source_sha256} {vmaf_every} {subject.output}".encode())
    digest.update(repr(sorted(subject.treatment.to_json().items())).encode())
    digest.update(subject.bundle.read(representation.init_href))
    for index, segment in enumerate(representation.segments):
        digest.update(subject.bundle.read(segment.href))
        model = model_for_segment(representation, index)
        digest.update("".join(file.sha256 for file in model.files).encode())
        if model.track is not None:
            digest.update(f"{model.track.network} {model.track.input_size}".encode())
    return digest.hexdigest()[:16]


def measure_rung(player: RungPlayer, key: str, vmaf_every: int, on_frame: Callable[[], None]) -> RungResult:
    """Every frame of the rung. Raises ReportError where source and bundle differ in length, MediaError."""
    output = player.subject.output
    counts = [0] * len(player.upscalers)
    with ExitStack() as judges:
        plain = judges.enter_context(judge(output.width, output.height, vmaf_every=vmaf_every))
        played: Judge | None = None
        if any(player.upscalers):
            played = judges.enter_context(judge(output.width, output.height, vmaf_every=vmaf_every))
        for index, decoded, reference in pairs(player):
            plain.add(reference, player.plain(decoded))
            if played:
                # Plain segments too, because VMAF feels motion across the boundaries.
                played.add(reference, player.played(decoded, index))
            counts[index] += 1
            on_frame()
    return _result(player, key, vmaf_every, counts, plain.scores(), played.scores() if played else None)


def pairs(player: RungPlayer) -> Iterator[tuple[int, Frame, Frame]]:
    """Yields (index of the segment, decoded frame, source frame at the output's size), in order."""
    decoded = ((at, frame) for at in range(len(player.upscalers)) for frame in player.segment(at))
    source = player.subject.source.name
    for frame, reference in zip_longest(decoded, player.subject.references()):
        if frame is None or reference is None:
            longer, shorter = (source, "the bundle") if frame is None else ("the bundle", source)
            raise ReportError(f"{longer} is longer than {shorter}: was the bundle packaged from {source}?")
        yield *frame, reference


def _result(
    player: RungPlayer,
    key: str,
    vmaf_every: int,
    counts: list[int],
    plain: list[FrameScore],
    played: list[FrameScore] | None,
) -> RungResult:
    representation, read = player.representation, player.subject.bundle.read
    video = representation.video
    segments, first = [], 0
    for index, segment in enumerate(representation.segments):
        # Scores are per frame over the whole title; each segment has its run of them.
        run = slice(first, first + counts[index])
        first = run.stop
        enhanced = player.upscalers[index] is not None and played is not None
        track = model_for_segment(representation, index).track
        segments.append(
            SegmentResult(
                number=segment.number,
                start_s=float(segment.start_s),
                duration_s=float(segment.duration_s),
                frames=counts[index],
                size_bytes=len(read(segment.href)),
                model_bytes=player.model_bytes[index],
                network=track.network if track and enhanced else None,
                plain=scores_of(pooled(plain[run])),
                enhanced=scores_of(pooled(played[run])) if enhanced and played else None,
            )
        )
    init_bytes = len(read(representation.init_href))
    return RungResult(representation.id, video.width, video.height, init_bytes, vmaf_every, key, tuple(segments))
