"""From a source to a published bundle; each step leaves a finished piece, the manifest is the last of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from manifests.bundle import MANIFEST, POSTER, PROVENANCE, publish_file, publish_json, publish_manifest
from media.errors import ProgramFailedError, UnreadableSourceError
from media.probe import SourceInfo, probe
from media.programs import RunProgress, find_program, run
from media.source import SourceTreatment
from packager.encode import (
    AAC_FRAME_S,
    AUDIO_BPS,
    AUTO_CRF,
    MAX_CRF,
    Codec,
    VideoSettings,
    audio_arguments,
    audio_segment_s,
    encode_arguments,
    poster_arguments,
)
from packager.errors import LadderError
from packager.ladder import Rung, auto_ladder, wanted_ladder
from packager.presentation import MeasuredTrack, build_presentation, measure_track
from packager.publish import check_output, clear_bundle, is_done
from packager.rungs import Crf, WantedRung
from packager.segmenter import Segmenter, open_segmenter
from packager.tools import can_tone_map, tool_versions
from packager.treatment import is_constant_rate, plan_treatment, transfer_of
from packager.workfolder import WorkFolder, settings_key

POSTER_AT = Fraction(1, 3)
"""Where in the video the poster is taken: not the black or the titles it begins with."""
POSTER_DEADLINE_S = 120.0

AUDIO_ID = f"a{AUDIO_BPS // 1000}"
EXPECTED_PART = Fraction(49, 50)
"""Fewer frames than this part of what the header promises are worth a warning."""


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    source: Path
    bundle: Path
    wanted: tuple[WantedRung, ...] | None = None
    """None: the auto ladder."""
    segment_s: Fraction = Fraction(4)
    codec: Codec = "h264"
    preset: str = "medium"
    segmenter: str = "auto"
    start_s: Fraction = Fraction(0)
    duration_s: Fraction | None = None
    force: bool = False


@dataclass(frozen=True)
class Plan:
    """All decisions, none of the work."""

    request: Request
    info: SourceInfo
    sha256: str
    treatment: SourceTreatment
    rungs: tuple[Rung, ...]
    video: VideoSettings

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the content of the bundle, as JSON."""
        return {
            "source_sha256": self.sha256,
            "treatment": self.treatment.to_json(),
            "rungs": [
                {"id": r.id, "width": r.size.width, "height": r.size.height, "rate": str(r.rate)} for r in self.rungs
            ],
            **asdict(self.video),
        }

    @property
    def key(self) -> str:
        return settings_key(self.settings)

    @property
    def expected_frames(self) -> int | None:
        """As far as the source's header tells."""
        treatment, total_s = self.treatment, self.info.duration_s
        if total_s is None:
            return treatment.frame_limit
        left = max(1, round((total_s - treatment.first_frame_s - treatment.start_s) * treatment.frame_rate))
        return left if treatment.frame_limit is None else min(left, treatment.frame_limit)


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    plan: Plan
    already_done: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listener:
    """Where a run tells what it is doing."""

    step: Callable[[str], None]
    """A sentence for each step that begins."""
    encoding: Callable[[RunProgress, int | None], None]
    """How far the encoder is, and how many frames there will be if that is known."""


def package(request: Request, listener: Listener) -> Result:
    """Make the bundle. A run that was killed goes on where it stopped; a finished one is left alone.

    Raises PackagingError, MediaError, BundleError or OSError; what has been finished is kept for the next run.
    """
    request = replace(request, source=request.source.absolute(), bundle=request.bundle.absolute())
    check_output(request.bundle)
    plan = make_plan(request)
    if is_done(request.bundle, plan.settings, force=request.force):
        return Result(plan, already_done=True)
    work = WorkFolder(request.bundle, plan.key)
    work.open()
    warnings = list(plan_warnings(plan))
    _encode(plan, work, listener)
    segmenter = open_segmenter(request.segmenter)
    listener.step(f"segments ({segmenter.name})")
    video = [(rung, _segmented_video(plan, work, rung, segmenter)) for rung in plan.rungs]
    warnings += _missing_frames(plan, video[0][1])
    audio = _segmented_audio(plan, work, segmenter, video[0][1].duration_s, warnings)
    listener.step("manifest")
    _publish(plan, work, video, audio, segmenter)
    work.close()
    return Result(plan, already_done=False, warnings=tuple(warnings))


def make_plan(request: Request) -> Plan:
    """Probe the source and decide. Raises UnreadableSourceError, LadderError."""
    info = probe(request.source)
    treatment = plan_treatment(info, start_s=request.start_s, duration_s=request.duration_s, tone_map=can_tone_map())
    area = info.video.display_size
    if request.wanted is None:
        rungs = auto_ladder(area, Crf(AUTO_CRF[request.codec]))
    else:
        rungs = wanted_ladder(area, request.wanted)
        _check_rates(rungs, request.codec)
    frames = max(1, round(request.segment_s * treatment.frame_rate))
    video = VideoSettings(request.codec, request.preset, frames)
    with request.source.open("rb") as file:
        sha256 = _sha256(file)
    return Plan(request, info, sha256, treatment, rungs, video)


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _check_rates(rungs: tuple[Rung, ...], codec: Codec) -> None:
    for rung in rungs:
        if isinstance(rung.rate, Crf) and rung.rate.value > MAX_CRF[codec]:
            raise LadderError(f"{rung.rate} is beyond {codec}'s scale, which ends at {MAX_CRF[codec]}")


def plan_warnings(plan: Plan) -> list[str]:
    """What a person should know of how this source is treated."""
    warnings = []
    video, rate = plan.info.video, plan.treatment.frame_rate
    if not is_constant_rate(video, plan.info.duration_s) and video.average_rate != rate:
        warnings.append(f"the source's frame rate varies; it becomes {float(rate):.4g} frames a second")
    if transfer_of(video) != plan.treatment.transfer:
        warnings.append("this ffmpeg has no zscale filter, so HDR is not tone-mapped and will look flat")
    return warnings


def _encode(plan: Plan, work: WorkFolder, listener: Listener) -> None:
    """Make the tracks that are not there yet, all at once."""
    missing = [rung for rung in plan.rungs if not work.has(_track_name(rung))]
    if not missing:
        return
    listener.step(f"encode {', '.join(rung.id for rung in missing)}")
    paths = [work.unfinished(_track_name(rung)) for rung in missing]
    arguments = encode_arguments(
        plan.request.source, plan.treatment, plan.video, list(zip(missing, paths, strict=True))
    )
    total = plan.expected_frames
    run(
        [str(find_program("ffmpeg")), *arguments],
        deadline_s=_encode_deadline_s(plan),
        on_progress=lambda report: listener.encoding(report, total),
    )
    for rung, path in zip(missing, paths, strict=True):
        work.finish(_track_name(rung), path)


def _encode_deadline_s(plan: Plan) -> float:
    """Far more than any honest encode takes; a header that lies cannot hold the machine for ever."""
    frames = plan.expected_frames or 0
    return 3600.0 + 20.0 * frames * len(plan.rungs)


def _track_name(rung: Rung) -> str:
    return f"{rung.id}.mp4"


def _segmented_video(plan: Plan, work: WorkFolder, rung: Rung, segmenter: Segmenter) -> MeasuredTrack:
    rate = plan.treatment.frame_rate
    segment_s = plan.video.segment_frames / rate

    def make(folder: Path) -> None:
        folder.mkdir()
        segmenter.segment_video(work.root / _track_name(rung), folder, segment_s, 1 / rate)

    try:
        return measure_track(work.made(f"video-{rung.id}", make))
    except ProgramFailedError:
        _check_not_empty(plan, work.root / _track_name(rung))
        raise


def _check_not_empty(plan: Plan, track: Path) -> None:
    # An MP4 without a frame is its header alone.
    if track.stat().st_size < 2000:
        raise UnreadableSourceError(f"{plan.info.name!r} has no frames in the part asked for")


def _missing_frames(plan: Plan, track: MeasuredTrack) -> list[str]:
    expected = plan.expected_frames
    if expected is None or track.frames >= EXPECTED_PART * expected - 1:
        return []
    return [
        f"the source promises {expected} frames, {track.frames} could be decoded; it is damaged or cut off, "
        "and what there is has been packaged"
    ]


def _segmented_audio(
    plan: Plan, work: WorkFolder, segmenter: Segmenter, video_s: Fraction, warnings: list[str]
) -> MeasuredTrack | None:
    audio = plan.info.audio
    if audio is None:
        return None
    encode = partial(audio_arguments, plan.request.source, plan.treatment, audio.index, video_s)
    ffmpeg = str(find_program("ffmpeg"))

    def make_segments(folder: Path) -> None:
        folder.mkdir()
        segment_s = plan.video.segment_frames / plan.treatment.frame_rate
        track = work.root / f"{AUDIO_ID}.mp4"
        segmenter.segment_audio(track, folder, audio_segment_s(segment_s), AAC_FRAME_S)

    try:
        work.made(f"{AUDIO_ID}.mp4", lambda path: _run_quietly([ffmpeg, *encode(path)], _encode_deadline_s(plan)))
        return measure_track(work.made(f"audio-{AUDIO_ID}", make_segments))
    except ProgramFailedError as error:
        warnings.append(f"the audio could not be kept ({audio.codec}: {error}); the bundle is silent")
        return None


def _run_quietly(arguments: list[str], deadline_s: float) -> None:
    run(arguments, deadline_s=deadline_s)


def _publish(
    plan: Plan,
    work: WorkFolder,
    video: list[tuple[Rung, MeasuredTrack]],
    audio: MeasuredTrack | None,
    segmenter: Segmenter,
) -> None:
    bundle = plan.request.bundle
    top = max(plan.rungs, key=lambda rung: rung.size.height)
    poster = run(
        [
            str(find_program("ffmpeg")),
            *poster_arguments(work.root / _track_name(top), video[0][1].duration_s * POSTER_AT),
        ],
        deadline_s=POSTER_DEADLINE_S,
    )
    clear_bundle(bundle)
    for rung in plan.rungs:
        _move(work.root / f"video-{rung.id}", bundle / "video" / rung.id)
    if audio is not None:
        _move(work.root / f"audio-{AUDIO_ID}", bundle / "audio" / AUDIO_ID)
    publish_file(bundle / POSTER, poster)
    publish_json(bundle, PROVENANCE, provenance(plan, segmenter))
    language = plan.info.audio.language if plan.info.audio else None
    presentation = build_presentation(
        video,
        plan.treatment.frame_rate,
        None if audio is None else (AUDIO_ID, language, audio),
        printable(plan.request.source.stem),
    )
    publish_manifest(bundle, presentation)
    assert (bundle / MANIFEST).is_file()


def _move(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, target)


def provenance(plan: Plan, segmenter: Segmenter) -> dict[str, Any]:
    """What it takes to make the bundle again, and the reference frames of its rungs."""
    return {
        "neudash": version(),
        "source": {
            "name": printable(plan.info.name),
            "sha256": plan.sha256,
            "probe": plan.info.to_json() | {"name": printable(plan.info.name)},
        },
        "treatment": plan.treatment.to_json(),
        "packaging": {
            "settings": plan.settings,
            "segmenter": segmenter.name,
            "tools": tool_versions(),
        },
    }


def version() -> str:
    """Of neudash."""
    try:
        return metadata.version("neudash")
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"


def printable(text: str) -> str:
    """Without what neither XML nor JSON can hold: control characters and undecodable bytes of file names."""
    return "".join(character for character in text if character.isprintable()) or "video"
