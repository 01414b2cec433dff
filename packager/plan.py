"""The request and the plan: everything that determines a bundle, before any of the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests.ladder_record import LadderRecord
from media.colour.conversion import BLACK
from media.colour.tags import colour_of, colour_warnings, without_zscale
from media.errors import UnreadableSourceError
from media.source.grid import Grid, choose_grid
from media.source.interlacing import judge_fields
from media.source.probe import SourceInfo, probe
from media.source.reading import Damage, Schedule
from media.source.scan import Scan, scan
from media.source.shape import common_shape
from media.source.treatment import SourceTreatment, file_sha256
from packager.encode import VideoSettings
from packager.encoders import DEFAULT_CODEC, DEFAULT_TUNE, ENCODERS, hdr_encoder
from packager.errors import HdrError, LadderError
from packager.hdr import HdrSettings, hdr_rungs
from packager.ladder.choice import LadderBounds
from packager.ladder.sizes import LadderRung, auto_ladder, wanted_ladder
from packager.rungs import Crf, WantedRung
from packager.sound.choice import AudioWish, SoundPlan, plan_sound
from packager.subtitles import Subtitles, read_file, tracks_of
from packager.tools import can_convert_colours, require_encoder
from packager.treatment import plan_treatment

PICTURE_FORMATS = frozenset({"jpeg_pipe", "mjpeg", "apng", "gif"})
"""Formats that hold single pictures as well as videos."""


REPEATING_FORMATS = frozenset({"avi"})
"""Formats in which a place without a frame means that the frame before is shown again, and is not a loss."""


@dataclass(frozen=True)
class Request:
    """Request of the command line."""

    source: Path
    bundle: Path
    wanted: tuple[WantedRung, ...] | None = None
    """None: the fixed ladder, or a measured one."""
    bounds: LadderBounds | None = None
    """Bounds of a measured ladder; None for the rungs of `wanted`, or the fixed ladder."""
    segment_s: Fraction = Fraction(4)
    codec: str = DEFAULT_CODEC
    preset: str = "medium"
    tune: str = DEFAULT_TUNE
    segmenter: str = "auto"
    start_s: Fraction = Fraction(0)
    duration_s: Fraction | None = None
    subtitles: tuple[Path, ...] = ()
    """Subtitle files next to the source."""
    hdr: bool = False
    """True to make an HDR ladder in addition to the SDR one."""
    background: str = BLACK
    """`#rrggbb` behind transparent parts."""
    audio: AudioWish = "all"
    programme: int | None = None
    """Number of one of several programmes in a transport stream; None: that of the picture."""
    force: bool = False


@dataclass(frozen=True)
class Plan:
    """All decisions, none of the work."""

    request: Request
    info: SourceInfo
    sha256: str
    """SHA-256 of the source."""
    treatment: SourceTreatment
    rungs: tuple[LadderRung, ...]
    """The fixed ladder until a measured one is there."""
    video: VideoSettings
    found: Scan
    """The packets of the source and what its key frames look like."""
    grid: Grid
    """The grid of the source's own frames."""
    source_frames: int
    """Frames on that grid."""
    absent: tuple[Damage, ...]
    """Places at which a source of constant rate has no frames."""
    sound: SoundPlan
    subtitles: tuple[Subtitles, ...] = ()
    hdr: HdrSettings | None = None
    hdr_rungs: tuple[LadderRung, ...] = ()
    """HDR rungs of the same sizes as the others; none without `hdr`."""
    ladder: LadderRecord | None = None
    """Record of the measured ladder, for provenance.json."""

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that determine the content of the bundle, as JSON. (Both segmenters make the same segments.)

        The rungs of a measured ladder follow from them.
        """
        bounds = self.request.bounds
        return {
            "subtitles": [{"sha256": s.sha256, "language": s.language} for s in self.subtitles if s.sha256],
            "sound": [track.to_json() for track in self.sound.tracks],
            "source_sha256": self.sha256,
            "treatment": self.treatment.to_json(),
            **({"rungs": _described(self.rungs)} if bounds is None else {"ladder": bounds.to_json()}),
            **asdict(self.video),
            **({"hdr": {"codec": self.hdr.codec, **self._hdr_rungs_asked}} if self.hdr else {}),
        }

    @property
    def _hdr_rungs_asked(self) -> dict[str, Any]:
        return {"rungs": _described(self.hdr_rungs)} if self.request.bounds is None else {}

    @property
    def made(self) -> dict[str, Any]:
        """The settings and the rungs that were made, as JSON for provenance.json."""
        hdr = {"hdr": {"codec": self.hdr.codec, "rungs": _described(self.hdr_rungs)}} if self.hdr else {}
        return {**self.settings, "rungs": _described(self.rungs), **hdr}

    def with_ladder(self, rungs: tuple[LadderRung, ...], record: LadderRecord) -> Plan:
        """Returns the plan with a measured ladder."""
        hdr = _hdr_rungs(self.request, rungs, self.hdr) if self.hdr else ()
        return replace(self, rungs=rungs, hdr_rungs=hdr, ladder=record)

    @property
    def segment_s(self) -> Fraction:
        """Duration of all video segments except the last."""
        return self.video.segment_frames / self.treatment.frame_rate

    @property
    def expected_frames(self) -> int:
        """Frames that every rung will have."""
        return self.treatment.output_range(self.source_frames)[1]

    @property
    def zero_s(self) -> Fraction:
        """The time of the source at which the bundle begins."""
        return self.treatment.timeline_of(self.found).origin_s

    @property
    def zero_in_file_s(self) -> Fraction:
        """The same, counted from what players take for the start of the file."""
        return self.zero_s - self.info.start_s

    @property
    def promised_frames(self) -> int | None:
        """Frames that the source's header promises; None if it promises none."""
        video = self.info.video
        if video.duration_s is None or not video.duration_known or self.found.joins:
            return None
        return self.treatment.output_range(round(video.duration_s * self.treatment.source_rate))[1]


def make_plan(request: Request, step: Callable[[str], None] = lambda what: None) -> Plan:
    """Probes and scans the source, and decides. `step` receives the name of each step that takes long.

    Raises MediaError, PackagingError.
    """
    # Refuse what cannot be done before the source is read to its end, which may take minutes.
    require_encoder(ENCODERS[request.codec])
    info = probe(request.source, request.programme)
    colour = colour_of(info.video, request.background)
    if not can_convert_colours():
        colour = without_zscale(colour)
    sounds = tuple(audio.index for audio in info.audio)
    # One pass over all packets gives every time and key frame; the grid and the treatment follow from it.
    step("look through the source")
    found = scan(request.source, info.video.index, sounds)
    grid = choose_grid([time_s for time_s, _ in found.shown()], named_rates(info, found))
    schedule = Schedule.of(found, grid)
    refuse_still_picture(info, schedule.count)
    treatment = plan_treatment(
        info,
        grid,
        judge_fields(request.source, found, schedule),
        common_shape(found.looks),
        start_s=request.start_s,
        duration_s=request.duration_s,
        sound_indices=sounds,
        colour=colour,
    )
    hdr = hdr_settings(info, treatment, request.codec) if request.hdr else None
    rungs = _rungs(request, treatment)
    # A segment is a whole number of frames, so that all rungs can be cut at the same places.
    frames = max(1, round(request.segment_s * treatment.frame_rate))
    plan = Plan(
        request=request,
        info=info,
        sha256=file_sha256(request.source),
        treatment=treatment,
        rungs=rungs,
        video=VideoSettings(request.codec, request.preset, frames, request.tune),
        found=found,
        grid=grid,
        source_frames=schedule.count,
        absent=tuple(schedule.absent(treatment)) if grid.constant and info.format not in REPEATING_FORMATS else (),
        sound=plan_sound(info, request.audio),
        subtitles=(*tracks_of(request.source, info), *map(read_file, request.subtitles)),
        hdr=hdr,
        hdr_rungs=_hdr_rungs(request, rungs, hdr) if hdr else (),
    )
    if plan.expected_frames == 0:
        raise no_frames(plan)
    return plan


def no_frames(plan: Plan) -> UnreadableSourceError:
    """Returns the error for a source without a single frame."""
    part = f" after {float(plan.request.start_s):g} s" if plan.request.start_s else ""
    return UnreadableSourceError(f"{plan.info.name!r} has no frames{part}; nothing is left to package")


def named_rates(info: SourceInfo, found: Scan) -> list[Fraction]:
    """The rates that the header states, and that of the packets' durations if they all last alike."""
    durations = set(found.picture.durations) - {0}
    by_duration = [1 / (durations.pop() * found.picture.time_base)] if len(durations) == 1 else []
    return [*info.video.named_rates, *by_duration]


def refuse_still_picture(info: SourceInfo, frames: int) -> None:
    """Raises UnreadableSourceError for a single picture of a format that is made for pictures."""
    if frames == 1 and info.format in PICTURE_FORMATS:
        raise UnreadableSourceError(f"{info.name!r} is a picture, not a video")


def _rungs(request: Request, treatment: SourceTreatment) -> tuple[LadderRung, ...]:
    area = treatment.display_size
    if request.wanted is None:
        return auto_ladder(area, Crf(ENCODERS[request.codec].auto_crf))
    max_crf = ENCODERS[request.codec].max_crf
    for rung in request.wanted:
        if isinstance(rung.rate, Crf) and rung.rate.value > max_crf:
            raise LadderError(f"rung {rung} is beyond the scale of {request.codec}, which ends at {max_crf}")
    return wanted_ladder(area, request.wanted)


def hdr_settings(info: SourceInfo, treatment: SourceTreatment, codec: str) -> HdrSettings:
    """Returns the settings of an HDR ladder next to an SDR one of that codec. Raises HdrError, PackagingError."""
    colour = treatment.colour
    if colour_of(info.video).dynamic_range == "sdr":
        raise HdrError(f"{info.name!r} is not HDR (PQ or HLG), so it has no HDR ladder; leave --hdr out")
    if colour.dynamic_range == "sdr":
        raise HdrError("--hdr needs an ffmpeg with the zscale filter; set NEUDASH_FFMPEG to one that has it")
    if colour.alpha:
        raise HdrError(f"{info.name!r} has an alpha channel, which --hdr does not take; leave --hdr out")
    encoder = hdr_encoder(codec)
    require_encoder(encoder)
    return HdrSettings(encoder.codec, colour.transfer, info.video.mastering, info.video.content_light)


def _hdr_rungs(request: Request, rungs: tuple[LadderRung, ...], hdr: HdrSettings) -> tuple[LadderRung, ...]:
    encoder = ENCODERS[hdr.codec]
    return hdr_rungs(rungs, encoder.auto_crf - ENCODERS[request.codec].auto_crf, encoder.max_crf)


def _described(rungs: tuple[LadderRung, ...]) -> list[dict[str, Any]]:
    return [{"id": r.id, "width": r.size.width, "height": r.size.height, "rate": str(r.rate)} for r in rungs]


def plan_warnings(plan: Plan) -> list[str]:
    """Returns warnings about the treatment of this source."""
    warnings = []
    video, treatment = plan.info.video, plan.treatment
    if not plan.grid.constant:
        warnings.append(f"the source's frame rate varies; it becomes {float(treatment.frame_rate):.4g} frames a second")
    warnings += picture_warnings(plan)
    warnings += colour_warnings(video, treatment.colour)
    if plan.info.others:
        warnings.append(
            "a bundle holds one video track, its sound, and subtitles that are text; "
            f"left out: {', '.join(plan.info.others)}"
        )
    if plan.info.programme is not None and plan.request.programme is None:
        others = ", ".join(map(str, plan.info.other_programmes))
        warnings.append(
            f"the source holds several programmes; this is the picture and the sound of {plan.info.programme}, "
            f"--program chooses another: {others}"
        )
    return [*warnings, *plan.sound.warnings]


def picture_warnings(plan: Plan) -> list[str]:
    """Sentences on what is done to the shape and the fields of the picture."""
    warnings = []
    treatment, rate = plan.treatment, f"{float(plan.treatment.frame_rate):.5g}"
    # Each warning names one thing that was changed, for whoever wonders about the result.
    if treatment.fields == "interlaced":
        each = "one for each field" if treatment.frame_rate != treatment.source_rate else "one for each frame"
        warnings.append(f"the source is interlaced; it becomes {rate} whole frames a second, {each}")
    if treatment.fields == "telecine":
        warnings.append(f"the source is telecined film; the film's own {rate} frames a second are kept")
    if not plan.info.video.turn_is_exact:
        warnings.append(
            "the source asks to be turned by an angle that is not a multiple of 90 degrees; "
            f"it is {'shown as it is stored' if treatment.turn == 'none' else 'turned by the nearest one'}"
        )
    shape = treatment.shape
    assert shape is not None, "the plan decides it"
    sizes = {(look.width, look.height, look.sar) for look in plan.found.looks}
    if len(sizes) > 1:
        columns, rows = (f"{float(side):g}" for side in treatment.display_size)
        warnings.append(
            f"the picture changes its size or shape on the way ({len(sizes)} of them); all of it is brought to "
            f"{columns}x{rows}, with black bars if the shape differs"
        )
    return warnings
