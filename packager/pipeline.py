"""The run from a source to a published bundle; each step leaves a finished piece, the manifest last."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from time import monotonic

from manifests.ladder_record import LadderRecord
from manifests.languages import bcp47
from media.errors import ProgramFailedError
from media.programs import RunProgress, feed_program, find_program, run
from media.source.reading import Damage, DamageKind, ReadingNotes, source_frames
from packager.encode import AAC_FRAME_S, STALLED_S, audio_segment_s, encode_arguments, poster_arguments
from packager.errors import SubtitlesError
from packager.ladder.choice import LadderBounds
from packager.ladder.planning import measure_ladder, reason_not_measured, rungs_of
from packager.ladder.sizes import LadderRung
from packager.plan import Plan, Request, make_plan, plan_warnings
from packager.presentation import MeasuredSound, MeasuredTrack, Text, measure_track
from packager.publish import Pieces, check_output, is_done, publish
from packager.segmenters.choice import Segmenter, open_segmenter
from packager.sound.encoding import make_soundtracks
from packager.sound.labels import label_of, unique_labels
from packager.subtitles import Subtitles, in_period, webvtt_arguments
from packager.workfolder import WorkFolder, settings_key

POSTER_AT = Fraction(1, 3)
"""Position of the poster in the video: behind the black or the titles at its beginning."""
POSTER_DEADLINE_S = 120.0

REPORT_EVERY_S = 0.2
LADDER = "ladder.json"
"""Name of the measured ladder in the work folder."""
MAX_PLACES = 5
"""Damaged places that are listed one by one."""
PASS_DEADLINE_S = 12 * 3600.0
"""Deadline for one track of subtitles: the time to read 2 TB from a slow disk."""

EXPECTED_PART = Fraction(49, 50)
"""Fewer frames than this part of what the header promises are worth a warning."""


@dataclass(frozen=True)
class Result:
    """Result of a run."""

    already_done: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on what was done with the source, of which nothing is wrong."""


@dataclass(frozen=True)
class Listener:
    """Callbacks by which a run reports its progress."""

    step: Callable[[str], None]
    """A few words for each step that begins."""
    encoding: Callable[[RunProgress, int], None]
    """Receives the encoder's progress and the number of frames in all."""


def package(request: Request, listener: Listener) -> Result:
    """Makes the bundle. A run that was killed is resumed; a finished bundle is left alone.

    Raises PackagingError, MediaError, BundleError or OSError; finished pieces are kept for the next run.
    """
    request = replace(
        request,
        source=request.source.absolute(),
        bundle=request.bundle.absolute(),
        subtitles=tuple(path.absolute() for path in request.subtitles),
    )
    check_output(request.bundle)
    said: list[str] = []
    segmenter = open_segmenter(request.segmenter, said.append)
    plan = make_plan(request, listener.step)
    if is_done(request.bundle, plan.settings, force=request.force):
        return Result(already_done=True)
    work = WorkFolder(request.bundle, settings_key(plan.settings))
    work.open()
    if request.bounds is not None:
        plan = _with_measured_ladder(plan, request.bounds, work, listener, said)
    warnings = _make(plan, work, segmenter, listener)
    # After all is made: a segmenter may have had something to say of any track.
    return Result(already_done=False, warnings=(*said, *warnings), notes=plan.sound.notes)


def _with_measured_ladder(
    plan: Plan, bounds: LadderBounds, work: WorkFolder, listener: Listener, said: list[str]
) -> Plan:
    """Returns the plan with a ladder measured now, or by a run that was killed later; the fixed one if none can be."""
    if (reason := reason_not_measured(plan)) is not None:
        said.append(f"the ladder is the fixed one: {reason}")
        return plan

    def make(path: Path) -> None:
        listener.step("measure the title for its ladder")
        begun_s = monotonic()

        def on_done(done: int, total: int) -> None:
            listener.encoding(RunProgress(done, 0.0, f"{monotonic() - begun_s:.0f} s"), total)

        path.write_text(json.dumps(measure_ladder(plan, bounds, work.root, on_done).to_json()))

    record = LadderRecord.from_json(json.loads(work.made(LADDER, make).read_text()))
    return plan.with_ladder(rungs_of(record), record)


def _make(plan: Plan, work: WorkFolder, segmenter: Segmenter, listener: Listener) -> list[str]:
    """All steps; returns the warnings."""
    warnings = plan_warnings(plan)
    texts = _texts(plan, work, listener, warnings)
    warnings += _encode(plan, work, listener)
    listener.step(f"segments ({segmenter.name})")
    video = [(rung, _segmented_video(plan, work, rung, segmenter)) for rung in plan.rungs]
    warnings += _missing_frames(plan, video[0][1].frames)
    hdr = [(rung, _segmented_video(plan, work, rung, segmenter)) for rung in plan.hdr_rungs]
    if plan.sound.tracks:
        listener.step("sound")
    sound = _segmented_sound(plan, work, segmenter, video[0][1].duration_s, warnings)
    listener.step("manifest")
    duration_s = video[0][1].duration_s
    text = tuple(_in_time(plan, texts, duration_s, warnings))
    pieces = Pieces(tuple(video), sound, text, _poster(plan, work, duration_s), segmenter.name, tuple(hdr))
    publish(plan, work.root, pieces)
    work.close()
    return warnings


def _encode(plan: Plan, work: WorkFolder, listener: Listener) -> list[str]:
    """Makes all tracks that are missing in one run of the encoder; returns warnings about damage."""
    missing, hdr_missing = (
        [(rung, work.unfinished(_track_name(rung))) for rung in rungs if not work.has(_track_name(rung))]
        for rungs in (plan.rungs, plan.hdr_rungs)
    )
    if not missing and not hdr_missing:
        return []
    listener.step(f"encode {' '.join(rung.id for rung, _ in (*missing, *hdr_missing))}")
    shape = plan.treatment.shape_of(plan.found)
    arguments = encode_arguments(plan.treatment, shape, plan.video, missing, plan.hdr, hdr_missing)
    notes = ReadingNotes()
    _run_encoder(plan, arguments, notes, listener)
    for rung, path in (*missing, *hdr_missing):
        work.finish(_track_name(rung), path)
    return damage_warnings([*plan.absent, *notes.damage(plan.treatment.frame_rate)])


def _run_encoder(plan: Plan, arguments: list[str], notes: ReadingNotes, listener: Listener) -> None:
    """Run ffmpeg on all frames of the source."""
    program = str(find_program("ffmpeg"))
    begun_s, reported_s = monotonic(), 0.0
    with feed_program([program, *arguments], deadline_s=STALLED_S) as write:
        frames = source_frames(plan.request.source, plan.found, plan.treatment, notes)
        for number, data in enumerate(frames, start=1):
            write(data)
            if monotonic() - reported_s >= REPORT_EVERY_S or number == plan.expected_frames:
                reported_s = monotonic()
                media_s = float(number / plan.treatment.frame_rate)
                speed = f"{media_s / max(reported_s - begun_s, 0.001):.2f}x"
                listener.encoding(RunProgress(number, media_s, speed), plan.expected_frames)


_DAMAGE_IN_WORDS: dict[DamageKind, str] = {
    "absent": "missing in the source, shown frozen",
    "undecodable": "damaged and could not be decoded, shown frozen",
    "concealed": "damaged, shown as far as they could be decoded",
    "cut off": "damaged and could not be decoded; the bundle ends there",
}


def damage_warnings(damage: Sequence[Damage]) -> list[str]:
    """A sentence for each damaged place; of many places the longest ones."""
    listed = sorted(damage, key=lambda place: -place.frames)[:MAX_PLACES]
    sentences = []
    for place in sorted(listed, key=lambda place: place.at_s):
        frames = "1 frame" if place.frames == 1 else f"{place.frames} frames"
        verb = "is" if place.frames == 1 else "are"
        sentences.append(f"{frames} at {clock(place.at_s)} {verb} {_DAMAGE_IN_WORDS[place.kind]}")
    if len(damage) > MAX_PLACES:
        sentences.append(f"the source is damaged in {len(damage) - MAX_PLACES} more places")
    return sentences


def clock(at_s: Fraction) -> str:
    """A time as people write it: `0:37`, `1:02:05`."""
    minutes, seconds = divmod(int(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _track_name(rung: LadderRung) -> str:
    return f"{rung.id}.mp4"


def _segmented_video(plan: Plan, work: WorkFolder, rung: LadderRung, segmenter: Segmenter) -> MeasuredTrack:
    def make(folder: Path) -> None:
        folder.mkdir()
        track = work.root / _track_name(rung)
        segmenter.segment_video(track, folder, plan.segment_s, 1 / plan.treatment.frame_rate)

    return measure_track(work.made(f"video-{rung.id}", make))


def _missing_frames(plan: Plan, frames: int) -> list[str]:
    promised = plan.promised_frames
    if promised is None or frames >= EXPECTED_PART * promised - 1:
        return []
    return [
        f"the source promises {promised} frames, {frames} could be decoded; it is damaged or cut off, "
        "and what there is has been packaged"
    ]


def _segmented_sound(
    plan: Plan, work: WorkFolder, segmenter: Segmenter, video_s: Fraction, warnings: list[str]
) -> tuple[MeasuredSound, ...]:
    source, tracks = plan.request.source, plan.sound.tracks
    clock = plan.treatment.timeline_of(plan.found)
    made = make_soundtracks(source, tracks, plan.info.audio, clock, video_s, work)
    warnings += made.warnings

    def segments(name: str) -> MeasuredTrack:
        def make(folder: Path) -> None:
            folder.mkdir()
            track = work.root / f"{name}.mp4"
            segmenter.segment_audio(track, folder, audio_segment_s(plan.segment_s), AAC_FRAME_S)

        return measure_track(work.made(f"audio-{name}", make))

    # The first that is left is what plays when nobody chooses, even if the source's own default does not decode.
    kept = [track for track in tracks if track.id in made.ids]
    kept = [replace(track, role="main") if number == 0 else track for number, track in enumerate(kept)]
    return tuple(
        MeasuredSound(name, track.language, track.label, track.role, segments(name))
        for track in kept
        for name in track.ids
    )


def _texts(plan: Plan, work: WorkFolder, listener: Listener, warnings: list[str]) -> list[tuple[Subtitles, Path]]:
    """Every track of subtitles as WebVTT, in the times of its file; before the hours that the encoder may take."""
    duration_s = plan.treatment.duration_s
    end_s = plan.zero_in_file_s + duration_s if duration_s else None
    made = []
    for number, subtitles in enumerate(plan.subtitles):

        def make(path: Path, subtitles: Subtitles = subtitles) -> None:
            arguments = [str(find_program("ffmpeg")), *webvtt_arguments(subtitles, end_s)]
            path.write_bytes(run(arguments, deadline_s=PASS_DEADLINE_S))

        listener.step("subtitles")
        try:
            made.append((subtitles, work.made(f"subtitles-{number}.vtt", make)))
        except ProgramFailedError as error:
            if subtitles.sha256:
                raise SubtitlesError(f"{subtitles.name} has no subtitles that ffmpeg can read: {error}") from error
            warnings.append(f"{subtitles.name} could not be kept: {error}")
    return made


def _in_time(
    plan: Plan, texts: list[tuple[Subtitles, Path]], duration_s: Fraction, warnings: list[str]
) -> Iterator[Text]:
    """Yields every track that has cues in this part of the film."""
    shift_s = plan.zero_in_file_s
    spoken = []
    for subtitles, path in texts:
        webvtt = in_period(path.read_text("utf-8", "replace"), shift_s, duration_s)
        if webvtt is None:
            warnings.append(f"{subtitles.name} has no cues in this time range; skipped")
        else:
            spoken.append((subtitles, webvtt))
    labels = unique_labels([(label_of(s.title, bcp47(s.language)), s.role) for s, _ in spoken], "Subtitles")
    for (subtitles, webvtt), label in zip(spoken, labels, strict=True):
        yield Text(webvtt, bcp47(subtitles.language), label, subtitles.role)


def _poster(plan: Plan, work: WorkFolder, video_s: Fraction) -> bytes:
    top = max(plan.rungs, key=lambda rung: rung.size.height)
    last_frame_s = video_s - 1 / plan.treatment.frame_rate
    arguments = poster_arguments(work.root / _track_name(top), min(video_s * POSTER_AT, last_frame_s))
    poster = run([str(find_program("ffmpeg")), *arguments], deadline_s=POSTER_DEADLINE_S)
    if not poster:  # for ffmpeg that is a success
        raise ProgramFailedError(f"ffmpeg found no picture in {_track_name(top)} to make the poster of")
    return poster
