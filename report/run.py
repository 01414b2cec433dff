"""The run of a report: opens bundle and source, measures what is not known yet, makes the pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from console.progress import progress
from manifests.bundle import open_bundle, publish_json, read_json
from manifests.errors import BrokenBundleError
from manifests.model import VideoRepresentation
from manifests.names import QUALITY
from manifests.provenance import read_provenance
from media.source.original import treatment_of
from player.superres.engines import Engine
from player.superres.output import output_format
from report.measure import Subject, frame_count, measure_rung, rung_key, rung_player
from report.pictures import Shown, clearest_segments, moments, shown
from report.results import RungResult, quality_json, rungs_of_json


def open_subject(root: Path, source: Path) -> Subject:
    """Opens the bundle with the source that its provenance names. Raises BundleError, WrongSourceError."""
    bundle, treatment = open_bundle(root), treatment_of(root, source)
    if not bundle.presentation.video:
        raise BrokenBundleError(f"{root} has no video to report on")
    return Subject(bundle, source, treatment, output_format(bundle.presentation.video))


def measured_rungs(
    subject: Subject, engine: Callable[[], Engine], vmaf_every: int, *, fresh: bool, quiet: bool
) -> list[RungResult]:
    """Returns results of every rung, from quality.json if they are still valid; writes each new one there at once.

    Raises ReportError, BundleError, MediaError, EngineUnavailableError.
    """
    video = subject.bundle.presentation.video
    # `open_subject` has held the file against it.
    source_sha256 = read_provenance(subject.bundle.root).source.sha256
    keys = {r.id: rung_key(subject, r, source_sha256, vmaf_every) for r in video}
    rungs = {} if fresh else _still_true(subject, keys)
    with progress(quiet=quiet) as bars:
        wanted = [r for r in video if r.id not in rungs]
        tasks = {r.id: bars.add_task(f"measure {r.id}", total=frame_count(r), note="") for r in wanted}
        for r in wanted:
            player = rung_player(subject, r, engine)
            rungs[r.id] = measure_rung(player, keys[r.id], vmaf_every, partial(bars.advance, tasks[r.id]))
            _publish(subject, [rungs[r.id] for r in video if r.id in rungs])
    return [rungs[r.id] for r in video]


def _still_true(subject: Subject, keys: dict[str, str]) -> dict[str, RungResult]:
    try:
        content = read_json(subject.bundle.root, QUALITY)
    except BrokenBundleError:
        return {}
    known = rungs_of_json(content, subject.output.width, subject.output.height)
    return {name: rung for name, rung in known.items() if keys.get(name) == rung.key}


def _publish(subject: Subject, rungs: Sequence[RungResult]) -> None:
    content = quality_json(subject.output.width, subject.output.height, rungs)
    publish_json(subject.bundle.root, QUALITY, content)


def clearest_pictures(
    subject: Subject, engine: Callable[[], Engine], rungs: Sequence[RungResult], *, quiet: bool
) -> list[Shown]:
    """Moments of the best enhanced rung, most gain first; none without any. Raises as `measured_rungs` does."""
    enhanced = [rung for rung in rungs if rung.enhanced]
    if not enhanced:
        return []
    best = max(enhanced, key=lambda rung: rung.video_bytes)
    representation = _representation(subject, best.id)
    with progress(quiet=quiet) as bars:
        task = bars.add_task("pictures", total=None, note="")
        player = rung_player(subject, representation, engine)
        found = sorted(moments(player, clearest_segments(best)), key=lambda moment: -moment.gain_db)
        pictures = [shown(moment) for moment in found]
        bars.update(task, total=1, completed=1)
    return pictures


def _representation(subject: Subject, name: str) -> VideoRepresentation:
    return next(r for r in subject.bundle.presentation.video if r.id == name)
