"""VMAF, VMAF-NEG and SSIM by the libvmaf filter of an ffmpeg, fed pair by pair as frames are made.

Reference and distorted picture go down one pipe, one above the other, and are parted again by `crop`: no
second pipe, which Windows has no name for, and no file of raw video. Both are sent as yuv420p: ffmpeg changes
the range of `gray` on the way, which caps VMAF near 66.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imageio_ffmpeg

from media.errors import MediaError, ProgramFailedError, ProgramNotFoundError
from media.frames import Frame
from media.programs import feed_program, find_program, run

THREADS = 2
DEADLINE_S = 120.0
LOG = "vmaf.json"

MODELS = {"vmaf": "vmaf_v0.6.1", "vmaf_neg": "vmaf_v0.6.1neg"}
"""Names of the scores in the log, and the models that give them (1080p seen from three times its height)."""


@dataclass(frozen=True)
class VmafScore:
    """Scores of one frame from libvmaf."""

    vmaf_neg: float
    """0 to 100."""
    vmaf: float | None
    """0 to 100; None if only VMAF-NEG was asked for."""
    ssim: float | None
    """SSIM up to 1, on the picture reduced to about 256 rows, as its authors advise; None likewise."""


@cache
def vmaf_program() -> Path | None:
    """Returns an ffmpeg with the filter libvmaf: the one in use, else that of imageio-ffmpeg; None if neither does."""
    candidates = []
    # Distributions build ffmpeg without libvmaf, and either of the two may be missing.
    with suppress(ProgramNotFoundError):
        candidates.append(find_program("ffmpeg"))
    with suppress(RuntimeError):
        candidates.append(Path(imageio_ffmpeg.get_ffmpeg_exe()))
    return next((program for program in candidates if _has_libvmaf(program)), None)


def _has_libvmaf(program: Path) -> bool:
    try:
        return b" libvmaf " in run([str(program), "-hide_banner", "-filters"], deadline_s=DEADLINE_S)
    except MediaError:
        return False


def arguments(width: int, height: int, *, every: int, neg_only: bool = False) -> list[str]:
    """Returns arguments of an ffmpeg that reads stacked pairs of such frames from stdin and writes LOG.

    `neg_only` leaves VMAF and SSIM out, which takes less than half of the time.
    """
    wanted = {"vmaf_neg": MODELS["vmaf_neg"]} if neg_only else MODELS
    models = "|".join(f"version={version}\\\\:name={name}" for name, version in wanted.items())
    options = [
        f"log_path={LOG}:log_fmt=json",
        f"n_threads={THREADS}",
        # Skips VIF, ADM and SSIM of the frames between, yet not the motion, which needs its neighbours.
        f"n_subsample={every}",
        f"model={models}",
        *([] if neg_only else ["feature=name=float_ssim"]),
    ]
    graph = (
        "split[both][again];"
        f"[both]crop={width}:{height}:0:0[reference];"
        f"[again]crop={width}:{height}:0:{height}[distorted];"
        f"[distorted][reference]libvmaf={':'.join(options)}"
    )
    picture = [
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "-video_size",
        f"{width}x{2 * height}",
        "-i",
        "pipe:0",
    ]
    return ["-hide_banner", "-loglevel", "error", *picture, "-filter_complex", graph, "-f", "null", "-"]


class VmafMeter:
    """One running libvmaf; made by `vmaf_meter`."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.scores: dict[int, VmafScore] = {}
        """Scores by frame index; filled when the block of `vmaf_meter` has been left."""

    def add(self, reference: Frame, distorted: Frame) -> None:
        """The next pair of frames. Raises ProgramFailedError."""
        planes = ((reference.y, distorted.y), (reference.u, distorted.u), (reference.v, distorted.v))
        self._write(b"".join(plane.tobytes() for pair in planes for plane in pair))


@contextmanager
def vmaf_meter(
    program: Path, width: int, height: int, *, every: int = 1, neg_only: bool = False
) -> Iterator[VmafMeter]:
    """Starts libvmaf for pairs of such frames; leaving the block waits for its scores.

    Leaving it by an exception ends libvmaf. Raises ProgramFailedError.
    """
    with tempfile.TemporaryDirectory(prefix="neudash-vmaf-") as name:
        folder, command = Path(name), [str(program), *arguments(width, height, every=every, neg_only=neg_only)]
        # It runs in that folder, so that the log has no path whose colon and backslashes a filter misreads.
        with feed_program(command, deadline_s=DEADLINE_S, cwd=folder) as write:
            meter = VmafMeter(write)
            yield meter
        meter.scores.update(_read_log(folder / LOG))


def _read_log(path: Path) -> dict[int, VmafScore]:
    """Scores of the frames that libvmaf looked at."""
    try:
        frames = json.loads(path.read_bytes())["frames"]
        return {
            frame["frameNum"]: VmafScore(
                vmaf_neg=frame["metrics"]["vmaf_neg"],
                vmaf=frame["metrics"].get("vmaf"),
                ssim=frame["metrics"].get("float_ssim"),
            )
            for frame in frames
            # The log also lists frames between, with their motion alone.
            if "vmaf_neg" in frame["metrics"]
        }
    except (OSError, ValueError, LookupError) as error:
        raise ProgramFailedError(f"libvmaf left no readable log: {error}") from error
