"""Capabilities of ffmpeg and MP4Box, each asked once."""

from __future__ import annotations

from functools import cache

from media.errors import MediaError, ProgramFailedError
from media.programs import HOW_TO_GET, find_program, run
from packager.encoders import Encoder
from packager.errors import PackagingError
from packager.segmenters.mp4box import run_mp4box

ANSWER_S = 60.0


@cache
def _ffmpeg_says(option: str) -> str:
    program = find_program("ffmpeg")
    try:
        answer = run([str(program), "-hide_banner", option], deadline_s=ANSWER_S).decode("utf-8", "replace")
    except ProgramFailedError as error:
        raise PackagingError(f"{program} is not an ffmpeg that runs ({error}); {HOW_TO_GET['ffmpeg']}") from error
    if option == "-encoders" and "Encoders:" not in answer:
        raise PackagingError(f"{program} does not answer as ffmpeg does; {HOW_TO_GET['ffmpeg']}")
    return answer


def can_convert_colours() -> bool:
    """Returns True if this ffmpeg was built with zimg, and so has the filter that converts HDR and wide gamuts."""
    return " zscale " in _ffmpeg_says("-filters")


def require_encoder(encoder: Encoder) -> None:
    """Raises PackagingError where this ffmpeg was built without the codec's encoder."""
    if f" {encoder.program} " not in _ffmpeg_says("-encoders"):
        raise PackagingError(
            f"{find_program('ffmpeg')} has no encoder {encoder.program}, which {encoder.codec} needs; "
            "set NEUDASH_FFMPEG to one that has, or choose another --codec"
        )


def tool_versions() -> dict[str, str]:
    """The version line of each program, for provenance.json; one that is not there is left out."""
    versions = {}
    for program in ("ffmpeg", "MP4Box"):
        try:
            path = find_program(program)
            if program == "MP4Box":
                answer = run_mp4box(path, "-version", deadline_s=ANSWER_S)
            else:
                answer = run([str(path), "-version"], deadline_s=ANSWER_S, with_stderr=True)
        except MediaError:
            continue
        versions[program] = answer.decode("utf-8", "replace").splitlines()[0].strip() if answer else ""
    return versions
