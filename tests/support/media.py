"""Makes small videos by ffmpeg."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Protocol

from media.programs import find_program

if TYPE_CHECKING:
    from pathlib import Path


class MakeVideo(Protocol):
    """Runs ffmpeg with these arguments and `path` as its output, and returns the path."""

    def __call__(self, path: Path, *arguments: str) -> Path: ...


def make_video_file(path: Path, *arguments: str) -> Path:
    command = [str(find_program("ffmpeg")), "-nostdin", "-v", "error", "-y", *arguments, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=120)
    return path
