"""What the programs at hand can do, asked of them once."""

from __future__ import annotations

from functools import cache

from media.errors import MediaError
from media.programs import find_program, run

ANSWER_S = 30.0


@cache
def _ffmpeg_says(option: str) -> str:
    answer = run([str(find_program("ffmpeg")), "-hide_banner", option], deadline_s=ANSWER_S)
    return answer.decode("utf-8", "replace")


def can_tone_map() -> bool:
    """Whether this ffmpeg was built with zimg, and so has the filter that linearises HDR."""
    return " zscale " in _ffmpeg_says("-filters")


def has_encoder(name: str) -> bool:
    """Whether this ffmpeg has that encoder, such as `libx264`."""
    return f" {name} " in _ffmpeg_says("-encoders")


def tool_versions() -> dict[str, str]:
    """The version line of each program, for provenance.json; a program that is not there is left out."""
    versions = {}
    for program, option in (("ffmpeg", "-version"), ("MP4Box", "-version")):
        try:
            answer = run([str(find_program(program)), option], deadline_s=ANSWER_S)
        except MediaError:
            continue
        lines = answer.decode("utf-8", "replace").splitlines()
        if lines:
            versions[program] = lines[0].strip()
    return versions
