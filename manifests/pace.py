"""Durations of frames and sound samples, checked against the manifest: otherwise pictures stall and sound drifts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from manifests.measure import MeasuredMedia, MeasuredSegment
from manifests.model import AudioRepresentation, Presentation, VideoRepresentation

_SAMPLES_OF_A_FRAME = {"mp4a.40.2": 1024, "mp4a.40.5": 2048, "mp4a.40.29": 2048, "ac-3": 1536, "ec-3": 1536}
"""Samples in a frame of each codec: AAC-LC, HE-AAC, its second version, Dolby."""
_LONGEST_FRAME = 2048
"""Taken for codecs that are not in the table."""


def pace_problems(p: Presentation, media: Mapping[str, MeasuredMedia]) -> Iterator[str]:
    """Yields one sentence for each fault: frames that do not last as the frame rate demands, sound without whole
    frames."""
    found: dict[str, list[str]] = {}
    problems = [(r, _video_problem(r, media[r.id])) for r in p.all_video]
    for r, problem in [*problems, *((r, _sound_problem(r, media[r.id])) for r in p.audio)]:
        if problem is not None:
            found.setdefault(problem, []).append(r.id)
    for problem, ids in found.items():  # the rungs of a title share their faults
        yield f"{', '.join(ids)}: {problem}"


def coverage_problems(p: Presentation) -> Iterator[str]:
    """Sound that starts or ends more than one of its frames away from the picture."""
    pictures = (*p.video, *p.hdr_video)
    if not pictures:
        return
    end_s = pictures[0].segments[-1].end_s
    for r in p.audio:
        frame_s = Fraction(_SAMPLES_OF_A_FRAME.get(r.codecs, _LONGEST_FRAME), r.audio.sample_rate_hz)
        start_s, late_s = r.segments[0].start_s, r.segments[-1].end_s - end_s
        if start_s > frame_s:
            yield f"{r.id}: the sound starts {float(start_s):.3f} s after the picture"
        if abs(late_s) > frame_s:
            where = "after" if late_s > 0 else "before"
            yield f"{r.id}: the sound ends {float(abs(late_s)):.3f} s {where} the picture, more than one frame of sound"


def _video_problem(r: VideoRepresentation, measured: MeasuredMedia) -> str | None:
    rate = r.video.frame_rate
    frame_ticks = r.timescale / rate
    for s in measured.segments:
        if _strays(s, frame_ticks):
            wanted_ticks = f"each lasts {_ticks(frame_ticks)} at {rate} fps"
            return f"{_lasting('frames', s)}, {wanted_ticks}: the picture would stall or jump"
        wanted = round(s.fragment.duration_ticks / frame_ticks)
        if s.fragment.sample_count != wanted:
            return (
                f"segment {s.segment.number} has {s.fragment.sample_count} frames, "
                f"at {rate} fps {wanted} fit into its duration"
            )
    return None


def _sound_problem(r: AudioRepresentation, measured: MeasuredMedia) -> str | None:
    samples = _SAMPLES_OF_A_FRAME.get(r.codecs)
    if samples is None:
        return None
    frame_ticks = Fraction(samples * r.timescale, r.audio.sample_rate_hz)
    for s in measured.segments:
        ends_early = s.segment is r.segments[-1] and _only_the_last_is_shorter(s, frame_ticks)
        if _strays(s, frame_ticks) and not ends_early:
            wanted = f"a frame of {r.codecs} lasts {_ticks(frame_ticks)}"
            return f"{_lasting('sound samples', s)}, {wanted}: the sound would break off or drift"
    return None


def _strays(s: MeasuredSegment, frame_ticks: Fraction) -> bool:
    """Returns True if a sample's duration differs from the nominal one by more than rounding to ticks."""
    found = (s.fragment.shortest_sample_ticks, s.fragment.longest_sample_ticks)
    return any(abs(ticks - frame_ticks) >= 1 for ticks in found)


def _only_the_last_is_shorter(s: MeasuredSegment, frame_ticks: Fraction) -> bool:
    """Returns True if only the last sample is short: an encoder marked the end of its last frame as padding."""
    f = s.fragment
    # Where none is longer than a frame, only whole ones add up to this.
    whole_ticks = f.duration_ticks - f.last_sample_ticks
    return f.longest_sample_ticks < frame_ticks + 1 and whole_ticks >= (f.sample_count - 1) * (frame_ticks // 1)


def _lasting(what: str, s: MeasuredSegment) -> str:
    shortest, longest = s.fragment.shortest_sample_ticks, s.fragment.longest_sample_ticks
    span = f"{longest}" if shortest == longest else f"from {shortest} to {longest}"
    return f"{what} of segment {s.segment.number} last {span} ticks"


def _ticks(value: Fraction) -> str:
    return f"{float(value):.6g}"
