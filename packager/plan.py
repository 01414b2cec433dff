"""What is asked for and what is decided: everything that determines a bundle, before any of the work."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from media.errors import UnreadableSourceError
from media.probe import SourceInfo, probe
from media.source import SourceTreatment, file_sha256
from packager.encode import AUTO_CRF, MAX_CRF, Codec, VideoSettings
from packager.errors import LadderError
from packager.ladder import Rung, auto_ladder, wanted_ladder
from packager.rungs import Crf, WantedRung
from packager.sound import AudioWish, SoundPlan, plan_sound
from packager.subtitles import Subtitles, read_file, tracks_of
from packager.tools import can_tone_map, require_encoder
from packager.treatment import is_constant_rate, plan_treatment, transfer_of


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
    subtitles: tuple[Path, ...] = ()
    """Files beside the source."""
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
    """Of the source."""
    treatment: SourceTreatment
    rungs: tuple[Rung, ...]
    video: VideoSettings
    sound: SoundPlan
    subtitles: tuple[Subtitles, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the content of the bundle, as JSON. (Both segmenters make the same segments.)"""
        return {
            "subtitles": [{"sha256": s.sha256, "language": s.language} for s in self.subtitles if s.sha256],
            "sound": [track.to_json() for track in self.sound.tracks],
            "source_sha256": self.sha256,
            "treatment": self.treatment.to_json(),
            "rungs": [
                {"id": r.id, "width": r.size.width, "height": r.size.height, "rate": str(r.rate)} for r in self.rungs
            ],
            **asdict(self.video),
        }

    @property
    def segment_s(self) -> Fraction:
        """Of all video segments but the last."""
        return self.video.segment_frames / self.treatment.frame_rate

    @property
    def expected_frames(self) -> int | None:
        """As far as the source's header tells; None where it does not."""
        treatment, total_s = self.treatment, self.info.video.duration_s
        if total_s is None:
            return treatment.frame_limit
        left = max(0, round((total_s - treatment.start_s) * treatment.frame_rate))
        return left if treatment.frame_limit is None else min(left, treatment.frame_limit)


def make_plan(request: Request) -> Plan:
    """Probe the source and decide. Raises MediaError, PackagingError."""
    require_encoder(request.codec)
    info = probe(request.source, request.programme)
    treatment = plan_treatment(info, start_s=request.start_s, duration_s=request.duration_s, tone_map=can_tone_map())
    frames = max(1, round(request.segment_s * treatment.frame_rate))
    plan = Plan(
        request=request,
        info=info,
        sha256=file_sha256(request.source),
        treatment=treatment,
        rungs=_rungs(request, info),
        video=VideoSettings(request.codec, request.preset, frames),
        sound=plan_sound(info, request.audio),
        subtitles=(*tracks_of(request.source, info), *map(read_file, request.subtitles)),
    )
    if plan.expected_frames == 0:
        raise no_frames(plan)
    return plan


def no_frames(plan: Plan) -> UnreadableSourceError:
    """What to raise where not one frame comes out."""
    part = f" after {float(plan.request.start_s):g} s" if plan.request.start_s else ""
    return UnreadableSourceError(f"{plan.info.name!r} has no frames{part}; nothing is left to package")


def _rungs(request: Request, info: SourceInfo) -> tuple[Rung, ...]:
    area = info.video.display_size
    if request.wanted is None:
        return auto_ladder(area, Crf(AUTO_CRF[request.codec]))
    for rung in request.wanted:
        if isinstance(rung.rate, Crf) and rung.rate.value > MAX_CRF[request.codec]:
            raise LadderError(
                f"rung {rung} is beyond the scale of {request.codec}, which ends at {MAX_CRF[request.codec]}"
            )
    return wanted_ladder(area, request.wanted)


def plan_warnings(plan: Plan) -> list[str]:
    """What a person should know of how this source is treated."""
    warnings = []
    video, rate = plan.info.video, plan.treatment.frame_rate
    if not is_constant_rate(video) and video.average_rate != rate:
        warnings.append(f"the source's frame rate varies; it becomes {float(rate):.4g} frames a second")
    if transfer_of(video) != plan.treatment.transfer:
        warnings.append("this ffmpeg has no zscale filter, so HDR is not tone-mapped and will look flat")
    if plan.info.others:
        warnings.append(
            "a bundle holds one video track, the sound beside it and subtitles that are text; "
            f"left out: {', '.join(plan.info.others)}"
        )
    if plan.info.programme is not None and plan.request.programme is None:
        others = ", ".join(map(str, plan.info.other_programmes))
        warnings.append(
            f"the source holds several programmes; this is the picture and the sound of {plan.info.programme}, "
            f"--program chooses another: {others}"
        )
    return [*warnings, *plan.sound.warnings]
