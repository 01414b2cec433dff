"""The machine's sound output, by miniaudio; a session without one plays on silently."""

from __future__ import annotations

import os
import platform
from collections.abc import Generator
from pathlib import Path
from typing import Any

from player.clock import Clock
from player.sound.decoding import CHANNELS, RATE_HZ, SoundDecoder
from player.sound.queue import SoundQueue

LATENCY_S = 0.06
"""Time before they are heard at which samples are handed over."""


class SpeakerUnavailableError(Exception):
    """This machine has no sound output. `str()` is the reason."""


class Speaker:
    """Plays its samples when its clock reaches their time."""

    def __init__(self, clock: Clock, device: Any) -> None:
        """`device` is a PlaybackDevice of miniaudio, closed at the end."""
        self.queue = SoundQueue()
        self._clock = clock
        self._decoder = SoundDecoder()
        self._device = device
        samples = self._samples()
        next(samples)
        device.start(samples)

    def sound(self, init: bytes, media: bytes) -> None:
        """One audio segment, well before it is due. Raises UndecodableSegmentError."""
        for stretch in self._decoder.decode(init, media):
            self.queue.add(stretch)

    def restart(self) -> None:
        """The next segment may be of any moment."""
        self.queue.clear()
        self._decoder = SoundDecoder()

    def close(self) -> None:
        self._device.close()

    def _samples(self) -> Generator[Any, int, None]:
        """Yields samples to the device, which asks from its own thread."""
        count = yield b""
        while True:
            at_s = self._clock.running_at_s
            count = yield self.queue.take(count, None if at_s is None else at_s + LATENCY_S).tobytes()


def open_speaker(clock: Clock, backends: list[Any] | None = None) -> Speaker:
    """The machine's default output; `backends` of miniaudio, in order of preference, None for all that there are.

    Raises SpeakerUnavailableError.
    """
    try:
        import miniaudio
    except ImportError as error:
        raise SpeakerUnavailableError("sound needs `pip install miniaudio`") from error
    # ALSA fills the terminal with complaints before it gives up.
    if backends is None and platform.system() == "Linux" and not _linux_has_output():
        raise SpeakerUnavailableError("there is no sound output here")
    try:
        device = miniaudio.PlaybackDevice(
            miniaudio.SampleFormat.FLOAT32,
            CHANNELS,
            RATE_HZ,
            buffersize_msec=round(LATENCY_S * 1000),
            backends=backends,
            app_name="neudash",
        )
    except miniaudio.MiniaudioError as error:
        raise SpeakerUnavailableError(f"there is no sound output here ({error})") from error
    return Speaker(clock, device)


def _linux_has_output() -> bool:
    """Returns True if there is a sound card or a sound server (PulseAudio or PipeWire)."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    server = "PULSE_SERVER" in os.environ or (runtime != "" and Path(runtime, "pulse", "native").exists())
    return server or any(Path("/dev/snd").glob("pcm*p"))
