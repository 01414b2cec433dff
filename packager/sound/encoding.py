"""The sound tracks of a bundle, encoded: one pass over the source for all of them, an ffmpeg for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np

from media.programs import feed_program, find_program
from media.sound.mixing import MONO, mix_matrix
from media.sound.placement import SOUND_RATE_HZ, Samples
from media.sound.reading import Clock, SoundLog, SoundReader, SoundStream
from media.source.probe import AudioInfo
from packager.encode import AAC_FRAME, audio_arguments
from packager.sound.choice import STEREO_BPS, SURROUND_BPS, SoundTrack, described
from packager.workfolder import WorkFolder

ENCODER_DEADLINE_S = 600.0
"""The longest wait for an encoder to take a second of sound, or to end."""
CHUNK = SOUND_RATE_HZ
"""Samples that are handed to an encoder at once."""
MAX_AHEAD = 60 * SOUND_RATE_HZ
"""Samples that are held for a stream whose partner comes later in the file; one further behind is silent."""
LEAST_MISSING = SOUND_RATE_HZ // 50
"""Holes of 20 ms in all are worth a warning."""

_DONE = "sound.json"


@dataclass(frozen=True)
class Soundtracks:
    """The sound tracks that were made."""

    ids: tuple[str, ...]
    """Ids of the representations that hold sound; each lies in the work folder as `<id>.mp4`."""
    warnings: tuple[str, ...]


def make_soundtracks(
    source: Path,
    tracks: Sequence[SoundTrack],
    streams: Sequence[AudioInfo],
    clock: Clock,
    video_s: Fraction,
    work: WorkFolder,
) -> Soundtracks:
    """Encodes all tracks, or finds them finished by an earlier run.

    A track without sound is left out, with a warning. Raises MediaError, ProgramFailedError if an encoder cannot
    continue.
    """
    if tracks and not work.has(_DONE):
        soundtracks = _encode(source, tracks, streams, clock, video_s, work)
        path = work.unfinished(_DONE)
        path.write_text(json.dumps({"ids": soundtracks.ids, "warnings": soundtracks.warnings}))
        work.finish(_DONE, path)
    if not tracks:
        return Soundtracks((), ())
    done = json.loads((work.root / _DONE).read_text())
    return Soundtracks(tuple(done["ids"]), tuple(done["warnings"]))


def _encode(
    source: Path,
    tracks: Sequence[SoundTrack],
    streams: Sequence[AudioInfo],
    clock: Clock,
    video_s: Fraction,
    work: WorkFolder,
) -> Soundtracks:
    frames = max(2, ceil(video_s * SOUND_RATE_HZ / AAC_FRAME))
    wanted = [SoundStream(index, (MONO,) if t.joined else t.outputs) for t in tracks for index in t.streams]
    # The encoder's first 1024 samples take the place of as many at the beginning: see `audio_arguments`.
    reader = SoundReader(source, wanted, clock, begin=AAC_FRAME, end=frames * AAC_FRAME)
    paths = {name: work.unfinished(f"{name}.mp4") for track in tracks for name in track.ids}
    # All encoders run at once, so that the source is read only once.
    with ExitStack() as stack:
        mixers = [_Mixer(track, _encoders(stack, track, paths)) for track in tracks]
        owners = [(mixer, place) for mixer in mixers for place in range(len(mixer.track.streams))]
        for number, block in reader.blocks():
            mixer, place = owners[number]
            mixer.add(place, block)
        for mixer in mixers:
            mixer.finish()
    # Only now is it known which tracks contain any sound at all.
    logs = {stream.index: log for stream, log in zip(wanted, reader.logs, strict=True)}
    by_index = {stream.index: stream for stream in streams}
    kept = [track for track in tracks if any(logs[index].samples for index in track.streams)]
    for track in kept:
        for name in track.ids:
            work.finish(f"{name}.mp4", paths[name])
    is_silent = not kept
    warnings = [
        line
        for index, log in logs.items()
        for line in (*_warnings(by_index[index], log, is_silent=is_silent), *_changes(by_index[index], log))
    ]
    return Soundtracks(tuple(name for track in kept for name in track.ids), tuple(warnings))


def _encoders(stack: ExitStack, track: SoundTrack, paths: Mapping[str, Path]) -> list[_Encoder]:
    program = str(find_program("ffmpeg"))
    encoders = []
    for name, channels, bps in zip(track.ids, track.outputs, (STEREO_BPS, SURROUND_BPS), strict=False):
        arguments = [program, *audio_arguments(len(channels), bps, paths[name])]
        encoders.append(
            _Encoder(stack.enter_context(feed_program(arguments, deadline_s=ENCODER_DEADLINE_S)), len(channels))
        )
    return encoders


def _warnings(stream: AudioInfo, log: SoundLog, *, is_silent: bool) -> Iterator[str]:
    if not log.samples:
        reason = "has no sound in this part" if not log.failed else "not one of its packets decodes"
        name, end = ("the audio", "the bundle is silent") if is_silent else (f"audio {stream.index}", "it is left out")
        yield f"{name} could not be kept ({stream.codec}: {reason}); {end}"
    elif log.missing >= LEAST_MISSING and log.first_hole is not None:
        places = "one place" if log.holes == 1 else f"{log.holes} places"
        yield (
            f"{described(stream)}: {log.missing / SOUND_RATE_HZ:.2f} s of sound are missing or do not decode, in "
            f"{places}, first at {log.first_hole / SOUND_RATE_HZ:.2f} s; silence stands there"
        )


def _changes(stream: AudioInfo, log: SoundLog) -> Iterator[str]:
    if len(log.layouts) > 1:
        first, *others = log.layouts
        yield (
            f"{described(stream)}: the sound changes its channels or rate on the way, from {first} to "
            f"{', '.join(others)}; all of it has one layout in the bundle"
        )


class _Encoder:
    """An ffmpeg that is fed a second at a time."""

    def __init__(self, write: Callable[[bytes], None], channels: int) -> None:
        self._write, self.channels = write, channels
        self._held: list[Samples] = []
        self._count = 0

    def add(self, block: Samples) -> None:
        self._held.append(block)
        self._count += len(block)
        if self._count >= CHUNK:
            self.finish()

    def finish(self) -> None:
        """Hand over what is held."""
        if self._held:
            self._write(np.concatenate(self._held).astype("<f4").tobytes())
        self._held, self._count = [], 0


class _Mixer:
    """The streams of one track on their way to its encoders."""

    def __init__(self, track: SoundTrack, encoders: Sequence[_Encoder]) -> None:
        self.track, self._encoders = track, encoders
        self._joiner = Joiner(len(track.streams)) if track.joined else None

    def add(self, place: int, block: Samples) -> None:
        """The next samples of one of the streams."""
        if self._joiner is None:
            self._encode(block)
        else:
            self._encode_joined(self._joiner.add(place, block))

    def finish(self) -> None:
        if self._joiner is not None:
            self._encode_joined(self._joiner.rest())
        for encoder in self._encoders:
            encoder.finish()

    def _encode_joined(self, block: Samples) -> None:
        self._encode(block @ mix_matrix(self.track.joined, self.track.outputs).T)

    def _encode(self, block: Samples) -> None:
        at = 0
        for encoder in self._encoders:
            encoder.add(block[:, at : at + encoder.channels])
            at += encoder.channels


class Joiner:
    """Puts mono streams side by side, however far apart their samples come. Memory is bounded."""

    def __init__(self, count: int) -> None:
        self._held: list[list[Samples]] = [[] for _ in range(count)]
        self._lengths = [0] * count
        self._owed = [0] * count
        """Samples that were given as silence because they came too late."""

    def add(self, place: int, block: Samples) -> Samples:
        """The next samples, (n, 1), of a stream; returns those that are complete, (n, count), at times none."""
        late = min(self._owed[place], len(block))
        self._owed[place] -= late
        self._held[place].append(block[late:])
        self._lengths[place] += len(block) - late
        complete, ahead = min(self._lengths), max(self._lengths) - MAX_AHEAD
        return self._take(max(complete, ahead) if complete >= CHUNK or ahead > 0 else 0)

    def rest(self) -> Samples:
        """All that is held."""
        return self._take(max(self._lengths))

    def _take(self, count: int) -> Samples:
        columns: list[Samples] = []
        for place, blocks in enumerate(self._held if count else []):
            line = np.concatenate([*blocks, np.zeros((max(0, count - self._lengths[place]), 1), np.float32)])
            self._owed[place] += max(0, count - self._lengths[place])
            self._held[place], self._lengths[place] = [line[count:]], max(0, self._lengths[place] - count)
            columns.append(line[:count])
        return np.concatenate(columns, axis=1) if columns else np.zeros((0, len(self._held)), np.float32)
