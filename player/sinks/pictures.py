"""Every frame as a numbered PNG file."""

from __future__ import annotations

from pathlib import Path

import cv2

from console.outputs import is_stream, replaced_output, write_output
from manifests.names import MANIFEST
from media.colour.bgr import Picture, bgr_of_frame
from media.frames import Frame
from player.errors import SinkError
from player.superres.output import OutputFormat

# Level 1 of 9: a third of the time of the default for a tenth more bytes.
_PNG_SETTINGS = (cv2.IMWRITE_PNG_COMPRESSION, 1)


class PictureFolder:
    """`frame-000001.png`, `frame-000002.png`, ... in a folder that holds no such files yet, and no bundle. Silent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames = 0

    def open(self, output: OutputFormat, audio_init: bytes | None) -> None:
        try:
            if self._folder.exists() and not self._folder.is_dir():
                raise SinkError(f"--frames {self._folder} is a file: name a folder")
            self._folder.mkdir(parents=True, exist_ok=True)
            occupied = next((path for name in ("frame-*.png", MANIFEST) for path in self._folder.glob(name)), None)
        except OSError as error:
            raise SinkError(f"{self._folder} cannot be used: {error.strerror}") from error
        if occupied is not None:
            raise SinkError(f"{self._folder} already holds {occupied.name}: name an empty folder, or empty this one")

    def write(self, frame: Frame) -> None:
        self._frames += 1
        write_png(self._folder / f"frame-{self._frames:06d}.png", bgr_of_frame(frame))

    def sound(self, init: bytes, media: bytes) -> None:
        """Pictures have none."""

    def close(self) -> None:
        """Each picture was complete when it got its name."""


def write_png(path: Path, picture: Picture) -> None:
    """Raises SinkError."""
    encoded, data = cv2.imencode(".png", picture, _PNG_SETTINGS)
    if not encoded:
        raise SinkError(f"{path}: the picture cannot be coded as PNG")
    try:
        if is_stream(path):
            write_output(path, data.tobytes())
            return
        # Not waiting for the disk, as `write_output` does: after each frame that would take longer than all else.
        with replaced_output(path) as partial:
            partial.write_bytes(data.tobytes())
    except OSError as error:
        raise SinkError(f"{path} cannot be written: {error.strerror}") from error
