"""A sample video of our own, for whoever has none at hand: a boat trip through a canal town at dusk.

Rendered from a seed, so nobody's rights are touched, and rich in what enlarging loses: bricks, leaves, lettering.
"""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from media.programs import feed_program, file_url, find_ffmpeg
from neudash.sample import scene
from neudash.sample.scene import Picture

Number = TypeVar("Number", np.uint8, np.float32)

WIDTH, HEIGHT, FRAME_RATE = 1280, 720, 24
DURATION_S, MAX_DURATION_S = 10.0, 20.0
SEED = 2026

_WATERLINE = 540
_QUAY_ROWS = 96
_PAN_PX_PER_S = 46.0
_SOUND_RATE_HZ = 48_000


def render_sample(path: Path, duration_s: float = DURATION_S, on_frame: Callable[[int], None] | None = None) -> None:
    """Writes the video, visually lossless H.264 with stereo AAC. The same seed gives the same pictures.

    `on_frame` receives the number of finished frames. Raises ProgramFailedError, ProgramNotFoundError, OSError.
    """
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        _write_sound(sound, duration_s)
        with feed_program(_encoder(sound, path), deadline_s=60) as write:
            for number, frame in enumerate(sample_frames(duration_s), 1):
                write(frame.tobytes())
                if on_frame:
                    on_frame(number)


def frame_count(duration_s: float) -> int:
    """Frames of a sample of that duration."""
    return max(1, round(duration_s * FRAME_RATE))


def sample_frames(duration_s: float = DURATION_S) -> Iterator[Picture]:
    """The pictures, BGR (HEIGHT, WIDTH, 3). A shorter sample is the beginning of a longer one.

    The town ends after MAX_DURATION_S.
    """
    town = _Scene(np.random.default_rng(SEED))
    for number in range(frame_count(duration_s)):
        yield town.at(number / FRAME_RATE)


class _Scene:
    """The layers of the picture and their places at any time."""

    def __init__(self, random: np.random.Generator) -> None:
        reach = WIDTH + int(_PAN_PX_PER_S * MAX_DURATION_S)
        self._sky = scene.sky(random, WIDTH + 260, _WATERLINE)
        self._houses = scene.houses(random, reach, _WATERLINE - 40)
        self._quay = scene.quay(random, reach, _QUAY_ROWS)
        self._boat = scene.boat(random)
        self._branch = scene.branch(random, 2 * reach, 230)
        self._ripples = [scene.noise(random, HEIGHT - _WATERLINE, WIDTH + 400, cell, 3) for cell in (150.0, 60.0)]

    def at(self, time_s: float) -> Picture:
        pan = _PAN_PX_PER_S * time_s
        town = _shifted(self._sky, 0.08 * pan, 0, (WIDTH, _WATERLINE))
        self._gulls(town, time_s)
        _lay(town, self._houses, pan, 0)
        _lay(town, self._quay, pan, _WATERLINE - _QUAY_ROWS)
        frame = np.vstack([town, self._water(town, time_s)])
        self._sail(frame, time_s)
        _lay(frame, self._branch, 1.7 * pan, -26 + 7 * np.sin(1.3 * time_s))
        return frame

    def _water(self, town: Picture, time_s: float) -> Picture:
        """Town and boat upside down, shaken by waves that are larger the nearer they are."""
        rows = HEIGHT - _WATERLINE
        depth = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        wave_x = _shifted(self._ripples[0], 200 + 9 * time_s, 0, (WIDTH, rows))
        wave_y = _shifted(self._ripples[1], 200 - 9 * time_s, 0, (WIDTH, rows))
        swell = np.sin(55 * depth**0.6 - 3.2 * time_s + 3 * wave_x)
        x = np.arange(WIDTH, dtype=np.float32) + (2 + 12 * depth) * wave_x + 3 * depth * swell
        y = np.arange(rows, dtype=np.float32)[:, None] + (1 + 8 * depth) * (wave_y + 0.5 * swell)
        mirrored = cv2.remap(self._mirrored(town, rows, time_s), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        crest = np.clip(swell * wave_y * 1.4 - 0.25, 0, 1)[..., None] * np.array((70, 80, 96))
        water = mirrored * (0.74 - 0.3 * depth[..., None]) + np.array((34, 26, 16)) * (0.4 + depth[..., None]) + crest
        picture: Picture = np.clip(water, 0, 255).astype(np.uint8)
        return picture

    def _mirrored(self, town: Picture, rows: int, time_s: float) -> Picture:
        """Returns the reflection in flat water: the town pressed to about half its height, and the boat."""
        flat: Picture = cv2.resize(town[::-1][: 2 * rows], (WIDTH, rows), interpolation=cv2.INTER_AREA)
        left, top = self._boat_corner(time_s)
        _lay(flat, self._boat[::-1], -left, top + self._boat.shape[0] - _WATERLINE)
        return flat

    def _boat_corner(self, time_s: float) -> tuple[float, float]:
        """Returns the boat's upper left corner on the frame; it is faster than the camera."""
        return -150 + 62 * time_s, 612 - self._boat.shape[0] + 2.5 * np.sin(1.7 * time_s)

    def _sail(self, frame: Picture, time_s: float) -> None:
        left, top = self._boat_corner(time_s)
        _lay(frame, self._boat, -left, top)
        along = np.linspace(0, 62, 16)
        sway = 5 * np.sin(along / 11 - 6 * time_s) * along / 62
        for stripe, tint in enumerate(((60, 60, 190), (225, 230, 235), (150, 80, 40))):
            upper = np.stack([left + 408 - along, top + 8 + stripe * 12 + sway], axis=1)
            _fill(frame, np.vstack([upper, upper[::-1] + np.array((0, 12))]), tint)

    def _gulls(self, town: Picture, time_s: float) -> None:
        span = np.linspace(-1, 1, 17)
        for bird in range(5):
            x, y = 1100 - 60 * time_s + 130 * bird, 62 + 30 * np.sin(bird * 2.2) + 8 * np.sin(time_s + bird)
            beat = 0.3 + 0.7 * np.sin(7 * time_s + bird * 1.7)
            lower = np.stack([x + 17 * span, y - 9 * beat * np.abs(span) - 4 * np.sin(np.pi * np.abs(span))], axis=1)
            thickness = np.stack([0 * span, 3.2 * (1 - np.abs(span))], axis=1)
            _fill(town, np.vstack([lower, (lower - thickness)[::-1]]), (235, 235, 240))


def _fill(picture: Picture, outline: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    cv2.fillPoly(picture, [np.rint(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, shift=4)


def _shifted(picture: NDArray[Number], x: float, y: float, size: tuple[int, int]) -> NDArray[Number]:
    """The window of `size` (columns, rows) whose corner is at (x, y), between pixels too."""
    window: NDArray[Number] = cv2.warpAffine(
        picture, np.array([[1, 0, -x], [0, 1, -y]]), size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT
    )
    return window


def _lay(frame: Picture, layer: Picture, pan: float, top: float) -> None:
    """Put a layer on the frame, moved `pan` columns to the left, its first row at `top`."""
    first, last = max(0, int(top)), min(frame.shape[0], int(top) + layer.shape[0] + 1)
    cut = _shifted(layer, pan, first - top, (frame.shape[1], last - first))
    shown = 255 - cut[..., 3:].astype(np.uint16)
    under = frame[first:last]
    under[:] = np.minimum(cut[..., :3] + (under * shown + 127) // 255, 255)


def _write_sound(path: Path, duration_s: float) -> None:
    """Two chords in turn, softly, and a bell that walks through them."""
    time_s = np.arange(int(duration_s * _SOUND_RATE_HZ)) / _SOUND_RATE_HZ
    chords = ((220.0, 277.18, 329.63, 415.30), (196.0, 246.94, 293.66, 369.99))
    left, right = np.zeros_like(time_s), np.zeros_like(time_s)
    for index, chord in enumerate(chords):
        share = 0.5 + 0.5 * np.cos(2 * np.pi * time_s / 8 - np.pi * index)
        for note, pitch in enumerate(chord):
            tone = sum(np.sin(2 * np.pi * pitch * k * time_s + note) / k**2.2 for k in range(1, 6))
            left += tone * share * (0.6 + 0.1 * note)
            right += tone * share * (0.9 - 0.1 * note)
    for beat in range(int(duration_s * 2)):
        since_s = np.maximum(time_s - beat / 2, 0)
        pitch = chords[beat // 8 % 2][(beat * 3) % 4] * 2
        bell = np.sin(2 * np.pi * pitch * since_s) * np.exp(-4 * since_s) * (since_s > 0)
        left, right = left + bell * (0.5 + 0.3 * (beat % 2)), right + bell * (0.8 - 0.3 * (beat % 2))
    fade = np.clip(np.minimum(time_s / 0.3, (duration_s - time_s) / 0.5), 0, 1)
    stereo = np.stack([left, right], axis=1) * fade[:, None]
    samples = (stereo / np.abs(stereo).max() * 0.7 * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, _SOUND_RATE_HZ, 0, "NONE", "not compressed"))
        file.writeframes(samples.tobytes())


def _encoder(sound: Path, path: Path) -> list[str]:
    colour = ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    return [
        *(str(find_ffmpeg()), "-v", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FRAME_RATE), "-i", "pipe:0"),
        *("-i", file_url(sound), "-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"),
        *("-c:v", "libx264", "-crf", "12", "-preset", "veryfast", *colour),
        *("-c:a", "aac", "-b:a", "160k", "-shortest", file_url(path)),
    ]
