"""Reads from a bundle's pictures and sound, as a viewer would, the marks that the inputs carry.

The marks are those of the test picture (`tests.field.inputs`): ten boxes at the bottom are the frame's number in
binary, four coloured corners tell orientation and colour, the box in the middle is white while the sound clicks at
each whole second. Nothing here asks the packager what it did.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import numpy as np

from manifests.bundle import Bundle, open_bundle
from manifests.mp4.fragments import read_fragment, read_init
from manifests.names import MASTER_PLAYLIST
from manifests.verify import verify_bundle
from media.frames import Frame, Plane, decode_segment
from media.segments import audio_of_segment, video_of_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from manifests.model import AdaptationSet, Representation

Point = tuple[float, float]
"""A place in the test picture: 0 to 1 from the left, 0 to 1 from the top."""

Rgb = tuple[int, int, int]

MAX_LENGTH_S = 120
"""A longer bundle is not looked at: no input is, so its length is what is wrong."""

BITS = 10
"""Boxes of a frame's number."""

CORNERS: dict[Point, Rgb] = {
    (1 / 16, 1 / 12): (192, 32, 32),
    (15 / 16, 1 / 12): (32, 192, 32),
    (1 / 16, 25 / 36): (32, 32, 192),
    (15 / 16, 25 / 36): (192, 192, 32),
}
MIDDLE: Point = (1 / 2, 17 / 36)

TURNS: dict[str, Callable[[float, float], Point]] = {
    "upright": lambda x, y: (x, y),
    "clockwise": lambda x, y: (1 - y, x),
    "upside down": lambda x, y: (1 - x, 1 - y),
    "anticlockwise": lambda x, y: (y, 1 - x),
    "mirrored": lambda x, y: (1 - x, y),
    "flipped": lambda x, y: (x, 1 - y),
    "transposed": lambda x, y: (y, x),
    "antitransposed": lambda x, y: (1 - y, 1 - x),
}
"""Maps each turn of a picture to the place that a point of the test picture gets by it."""

RADIUS = (0.014, 0.018)
"""Half the width and half the height of the patch that is averaged."""

SOUND_RATE_HZ = 48000
SILENT = 0.02
"""A peak below this is silence: codecs leave a little noise."""
QUIET_BETWEEN_CLICKS_S = 0.3
PITCH_SAMPLES = 4 * SOUND_RATE_HZ
"""The part of a sound whose pitch is looked for."""
JUMP_S = 0.002
"""Two blocks of decoded sound that are farther apart than this have a hole between them, or overlap."""


@dataclass(frozen=True)
class Window:
    """The part of a picture that the test picture fills: bars around it, or a part of it cut off."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    """Width of the whole test picture, in widths of the picture that is looked at; above 1 if it has been cropped."""
    height: float = 1.0

    def place(self, point: Point) -> Point:
        """Returns the place of a point of the test picture in the picture that is looked at."""
        return self.left + self.width * point[0], self.top + self.height * point[1]

    def holds(self, point: Point) -> bool:
        """True if the patch around this point of the test picture is wholly inside."""
        x, y = self.place(point)
        return RADIUS[0] <= x <= 1 - RADIUS[0] and RADIUS[1] <= y <= 1 - RADIUS[1]

    @property
    def visible_bits(self) -> int:
        """The bits of the frame's number that can be read."""
        return sum(1 << bit for bit in range(BITS) if self.holds(box_of(bit)))


WHOLE = Window()
PILLARS = Window(left=1 / 8, width=3 / 4)
"""4:3 inside 16:9."""
LETTERBOX = Window(top=1 / 8, height=3 / 4)
"""16:9 inside 4:3."""
GREY_LEVELS = 8
"""A picture whose corners have channels no farther apart than this is without colour."""
BAR_CORNER_LEVELS = 60
"""Corners farther off than this are looked for inside bars."""


@dataclass(frozen=True)
class Picture:
    """The marks seen in the frames of one rung."""

    id: str
    width: int
    height: int
    sar: Fraction
    frame_rate: Fraction
    """Frame rate that the manifest states."""
    times_s: tuple[Fraction, ...]
    """Time of each frame, in presentation order within each segment."""
    codes: tuple[int, ...]
    """The number of the source's frame that each frame shows, as far as the window shows it."""
    flashes_s: tuple[float, ...]
    """Times at which the box in the middle turns white."""
    turn: str
    """A key of TURNS."""
    corners: dict[Point, Rgb]
    """The colours of the corners of the first frame, without those that are out of the picture."""
    white: int
    """The brightest that the box in the middle becomes, 0 to 255."""
    tags: tuple[int, int, int, int]
    """Primaries, transfer, matrix and range as the decoder tells them (ITU-T H.273; range 1 is limited)."""

    @property
    def shape(self) -> Fraction:
        """Display aspect ratio."""
        return Fraction(self.width, self.height) * self.sar

    @property
    def distinct(self) -> int:
        return len(set(self.codes))

    @property
    def doubled(self) -> tuple[int, ...]:
        """Numbers that two frames in a row show."""
        return tuple(later for earlier, later in pairwise(self.codes) if earlier == later)

    @property
    def lost(self) -> tuple[int, ...]:
        """Numbers between two that are shown one after the other."""
        return tuple(code for a, b in pairwise(self.codes) for code in range(a + 1, b))


@dataclass(frozen=True)
class Sound:
    """The marks heard in one audio track."""

    id: str
    language: str | None
    label: str | None
    role: str | None
    channels: int
    start_s: float
    length_s: float
    """Time from 0 to the end of the last sample."""
    peak: float
    clicks_s: tuple[float, ...]
    """Times at which sound sets in after at least QUIET_BETWEEN_CLICKS_S of quiet."""
    pitch_hz: int
    """The strongest frequency; 0 for silence."""
    jumps_s: tuple[float, ...]
    """Times at which the time stamps of the decoded sound leave a hole or overlap."""


@dataclass(frozen=True)
class Playlist:
    """Streams that ffmpeg's HLS player finds behind the master playlist."""

    pictures: int
    """Frames of the first video stream."""
    picture_end_s: float
    sound_end_s: float | None
    """None without sound."""
    names: tuple[tuple[str, str | None], ...] = ()
    """NAME and LANGUAGE of each EXT-X-MEDIA, in order."""


@dataclass(frozen=True)
class Seen:
    """A whole bundle."""

    duration_s: Fraction
    picture: Picture
    """The largest rung."""
    rung_frames: dict[str, int]
    """Frames of every rung, as their fragments say."""
    sounds: tuple[Sound, ...]
    texts: tuple[str | None, ...]
    """The language of each subtitle track."""
    playlist: Playlist
    problems: tuple[str, ...] = field(default=())
    """Problems that `neudash verify` finds."""

    @property
    def sync_ms(self) -> tuple[int, ...]:
        """Delay of each click of the first sound after its flash, for those that belong together."""
        clicks_s = self.sounds[0].clicks_s if self.sounds else ()
        offsets = [min((click - flash for click in clicks_s), key=abs) for flash in self.picture.flashes_s if clicks_s]
        return tuple(round(1000 * offset) for offset in offsets if abs(offset) < 0.5)


def look(folder: Path, window: Window | None = None) -> Seen:
    """Looks at the bundle in `folder`. A window, if given, says which part of the test picture was kept.

    Raises BundleError or MediaError if a player could not play it, ValueError if it is longer than MAX_LENGTH_S.
    """
    bundle = open_bundle(folder)
    p = bundle.presentation
    if p.duration_s > MAX_LENGTH_S:
        raise ValueError(f"it lasts {float(p.duration_s):.0f} s, and no input is longer than {MAX_LENGTH_S} s")
    rungs = p.video
    top = max(rungs, key=lambda r: (r.video.height, r.video.width) if r.video else (0, 0))
    return Seen(
        duration_s=p.duration_s,
        picture=_see(bundle, top, window),
        rung_frames={r.id: _sample_count(bundle, r) for r in rungs},
        sounds=tuple(
            _hear(bundle, s, r) for s in p.adaptation_sets if s.content_type == "audio" for r in s.representations
        ),
        texts=tuple(track.language for track in p.text),
        playlist=_play_hls(folder),
        problems=verify_bundle(folder).problems,
    )


def box_of(bit: int) -> Point:
    """The middle of the box of a bit of the frame's number."""
    return (2 + 6 * bit) / 64 + 2.5 / 64, 8 / 9


def _see(bundle: Bundle, r: Representation, window: Window | None) -> Picture:
    times_s: list[Fraction] = []
    codes: list[int] = []
    whites: list[float] = []
    turn, corners = "upright", dict[Point, Rgb]()
    for frame in _frames(bundle, r):
        if not times_s:
            turn = turn_of(frame) if window is None else "upright"
            corners = _corners(frame, turn, window or WHOLE)
        marks = _Marks(frame, turn, window or _bars_of(frame, turn))
        times_s.append(frame.pts_s)
        codes.append(marks.code)
        whites.append(marks.light(MIDDLE))
    flashes = [time for time, before, now in zip(times_s, [0.0, *whites], whites, strict=False) if before <= 128 < now]
    return Picture(
        id=r.id,
        width=r.video.width,
        height=r.video.height,
        sar=r.video.sar,
        frame_rate=r.video.frame_rate,
        times_s=tuple(times_s),
        codes=tuple(codes),
        flashes_s=tuple(float(time) for time in flashes),
        turn=turn,
        corners=corners,
        white=round(max(whites, default=0)),
        tags=_tags(bundle, r),
    )


def _frames(bundle: Bundle, r: Representation) -> Iterator[Frame]:
    """Each segment decoded by itself, as after a seek: they are closed."""
    init = bundle.read(r.init_href)
    for segment in r.segments:
        yield from decode_segment(init, bundle.read(segment.href))


def _tags(bundle: Bundle, r: Representation) -> tuple[int, int, int, int]:
    data = bundle.read(r.init_href) + bundle.read(r.segments[0].href)
    with video_of_segment(data) as (container, stream):
        frame = next(container.decode(stream))
        return int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace), int(frame.color_range)


def _sample_count(bundle: Bundle, r: Representation) -> int:
    init = read_init(bundle.read(r.init_href))
    return sum(read_fragment(bundle.read(segment.href), init).sample_count for segment in r.segments)


@dataclass(frozen=True)
class _Marks:
    """The marks of one frame."""

    frame: Frame
    turn: str
    window: Window

    @property
    def code(self) -> int:
        visible = self.window.visible_bits
        return sum(1 << bit for bit in range(BITS) if visible >> bit & 1 and self.light(box_of(bit)) > 110)

    def light(self, point: Point) -> float:
        """The mean luma around a point of the test picture, black 0 and white 255."""
        return (self._mean(self.frame.y, point) - 16) * 255 / 219

    def colour(self, point: Point) -> Rgb:
        """The mean colour around a point of the test picture, by BT.709."""
        y = self.light(point)
        u, v = ((self._mean(plane, point) - 128) * 255 / 224 for plane in (self.frame.u, self.frame.v))
        red, green, blue = y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u
        return _level(red), _level(green), _level(blue)

    def _mean(self, plane: Plane, point: Point) -> float:
        x, y = TURNS[self.turn](*self.window.place(point))
        height, width = plane.shape
        rows, columns = _span(y, RADIUS[1], height), _span(x, RADIUS[0], width)
        return float(plane[rows, columns].mean())


def _span(middle: float, radius: float, length: int) -> slice:
    """The samples around a place, at least one of them, all inside the picture."""
    first = min(max(int((middle - radius) * length), 0), length - 1)
    return slice(first, max(int((middle + radius) * length), first) + 1)


def _level(value: float) -> int:
    return round(min(max(value, 0), 255))


def corner_error(corners: dict[Point, Rgb]) -> int:
    """Returns the worst error of a corner's channel, in levels; of a grey picture, the worst error of lightness."""
    is_grey = all(max(colour) - min(colour) < GREY_LEVELS for colour in corners.values())
    wanted = {point: grey_of(CORNERS[point]) if is_grey else CORNERS[point] for point in corners}
    return max(abs(a - b) for point, colour in corners.items() for a, b in zip(colour, wanted[point], strict=True))


def grey_of(colour: Rgb) -> Rgb:
    """The grey that ffmpeg makes of a colour, by BT.601."""
    grey = round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])
    return grey, grey, grey


def _corners(frame: Frame, turn: str, window: Window) -> dict[Point, Rgb]:
    marks = _Marks(frame, turn, window)
    return {point: marks.colour(point) for point in CORNERS if window.holds(point)}


def turn_of(frame: Frame) -> str:
    """The orientation in which the corners fit best."""
    return min(TURNS, key=lambda turn: corner_error(_corners(frame, turn, WHOLE)))


def _bars_of(frame: Frame, turn: str) -> Window:
    """The window in which the corners fit best; the whole picture if they fit there."""
    if corner_error(_corners(frame, turn, WHOLE)) <= BAR_CORNER_LEVELS:
        return WHOLE
    return min((WHOLE, PILLARS, LETTERBOX), key=lambda window: corner_error(_corners(frame, turn, window)))


def _hear(bundle: Bundle, s: AdaptationSet, r: Representation) -> Sound:
    """The track decoded in one go, as a player does that appends one segment after the other."""
    data = bundle.read(r.init_href) + b"".join(bundle.read(one.href) for one in r.segments)
    blocks: list[NDArray[np.float32]] = []
    start_s: Fraction | None = None
    end_s, jumps_s, channels = Fraction(0), list[float](), 0
    with audio_of_segment(data) as (container, stream):
        resampler = av.AudioResampler(format="fltp", rate=SOUND_RATE_HZ)
        for frame in container.decode(stream):
            channels = frame.layout.nb_channels
            at_s = frame.pts * Fraction(frame.time_base) if frame.pts is not None and frame.time_base else end_s
            if start_s is None:
                start_s = at_s
            elif abs(at_s - end_s) > JUMP_S:
                jumps_s.append(round(float(at_s), 3))
            end_s = at_s + Fraction(frame.samples, frame.sample_rate)
            blocks += [np.abs(block.to_ndarray()).max(0) for block in resampler.resample(frame)]
    loudness = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    peak = float(loudness.max(initial=0))
    return Sound(
        id=r.id,
        language=s.language,
        label=s.label,
        role=s.role,
        channels=channels,
        start_s=float(start_s or 0),
        length_s=float(end_s),
        peak=round(peak, 3),
        clicks_s=tuple(round(float(start_s or 0) + at_s, 4) for at_s in onsets_s(loudness, peak)),
        pitch_hz=pitch_hz(loudness) if peak > SILENT else 0,
        jumps_s=tuple(jumps_s),
    )


def onsets_s(loudness: NDArray[np.float32], peak: float) -> Iterator[float]:
    """Yields each time at which sound sets in after QUIET_BETWEEN_CLICKS_S below a quarter of its peak."""
    loud = np.flatnonzero(loudness > max(peak / 4, SILENT))
    if loud.size:
        apart = np.diff(loud, prepend=-SOUND_RATE_HZ) > QUIET_BETWEEN_CLICKS_S * SOUND_RATE_HZ
        yield from (float(sample) / SOUND_RATE_HZ for sample in loud[apart])


def pitch_hz(loudness: NDArray[np.float32]) -> int:
    """The strongest frequency of a sound of which only the absolute values are given, to about 1 %."""
    loudness = loudness[:PITCH_SAMPLES]
    spectrum = np.abs(np.fft.rfft(loudness - loudness.mean()))
    # |sin| repeats twice in each period; what is below 100 Hz is the rhythm of the clicks.
    hertz = np.fft.rfftfreq(loudness.size, 1 / SOUND_RATE_HZ)
    spectrum[hertz < 100] = 0
    return round(float(hertz[int(spectrum.argmax())]) / 2)


def _play_hls(folder: Path) -> Playlist:
    """Reads the master playlist with ffmpeg's own HLS player, packets alone."""
    options = {"allowed_extensions": "ALL", "extension_picky": "0"}
    master = folder / MASTER_PLAYLIST
    pictures, ends_s = 0, {"video": 0.0, "audio": 0.0}
    with av.open(str(master), options=options) as container:
        streams = [*container.streams.video[:1], *container.streams.audio[:1]]
        for packet in container.demux(streams):
            if packet.pts is None or packet.time_base is None:
                continue  # the empty packet at the end
            kind = packet.stream.type
            pictures += kind == "video"
            end = packet.pts + (packet.duration or 0)
            ends_s[kind] = max(ends_s[kind], float(end * packet.time_base))
        has_sound = bool(container.streams.audio)
    lines = [line for line in master.read_text().splitlines() if line.startswith("#EXT-X-MEDIA:")]
    names = tuple((_attribute(line, "NAME") or "", _attribute(line, "LANGUAGE")) for line in lines)
    return Playlist(pictures, ends_s["video"], ends_s["audio"] if has_sound else None, names)


def _attribute(line: str, name: str) -> str | None:
    match = re.search(rf'[:,]{name}="([^"]*)"', line)
    return match[1] if match else None
