"""Sound that is heard: coded audio to samples without a seam, each at its time, to a real (silent) device."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import UndecodableSegmentError
from player.clock import Clock
from player.sound.decoding import CHANNELS, RATE_HZ, Samples, SoundDecoder, Stretch
from player.sound.queue import MAX_DRIFT_S, SoundQueue
from player.sound.speaker import open_speaker

if TYPE_CHECKING:
    from pathlib import Path

BEEP_S = 1.0
"""Time at which the only sound of the tests' bundle begins."""


def segments(bundle: Path) -> list[tuple[bytes, bytes]]:
    folder = bundle / "audio/a1"
    init = (folder / "init.mp4").read_bytes()
    return [(init, path.read_bytes()) for path in sorted(folder.glob("*.m4s"))]


def decoded(bundle: Path) -> list[Stretch]:
    decoder = SoundDecoder()
    return [stretch for segment in segments(bundle) for stretch in decoder.decode(*segment)]


def test_segments_decode_to_one_sound_without_a_seam(play_bundle_master: Path) -> None:
    stretches = decoded(play_bundle_master)
    for before, after in pairwise(stretches):
        assert after.start_s == pytest.approx(before.start_s + len(before.samples) / RATE_HZ, abs=1e-4)
    queue = SoundQueue()
    for stretch in stretches:
        queue.add(stretch)
    sound = np.abs(queue.take(2 * RATE_HZ, 0.0)).max(axis=1)
    beep = np.flatnonzero(sound > 0.3)
    assert beep[0] / RATE_HZ == pytest.approx(BEEP_S, abs=0.01)
    assert beep[-1] / RATE_HZ == pytest.approx(BEEP_S + 0.25, abs=0.01)


def test_a_broken_segment_is_said(play_bundle_master: Path) -> None:
    init, media = segments(play_bundle_master)[0]
    unknown = init.replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz")
    picture = (play_bundle_master / "video/v90/init.mp4").read_bytes()
    for broken in (init[:50], unknown, picture, picture.replace(b"vide", b"soun")):
        with pytest.raises(UndecodableSegmentError):
            list(SoundDecoder().decode(broken, media))


def ramp(first: int, count: int) -> Samples:
    """Samples that say their own index."""
    return np.repeat(np.arange(first, first + count, dtype=np.float32)[:, None], CHANNELS, axis=1)


def filled(count: int, step: int = 1024) -> SoundQueue:
    queue = SoundQueue()
    for first in range(0, count, step):
        queue.add(Stretch(first / RATE_HZ, ramp(first, min(step, count - first))))
    return queue


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=20))
def test_what_is_taken_follows_without_a_gap(counts: list[int]) -> None:
    queue, head = filled(100_000), 0
    for count in counts:
        # The clock is never quite where the samples are.
        taken = queue.take(count, head / RATE_HZ + 0.9 * MAX_DRIFT_S)
        assert np.array_equal(taken, ramp(head, count))
        head += count


@given(st.floats(0.1, 1.5), st.floats(-1, 1))
def test_after_a_jump_of_the_clock_it_is_where_the_clock_is(first_s: float, step_s: float) -> None:
    queue = filled(RATE_HZ)
    queue.take(480, first_s)
    then_s = max(0.0, first_s + step_s)
    taken = queue.take(480, then_s)
    heard = taken[taken > 0]
    if heard.size:
        assert abs(heard[0] / RATE_HZ - then_s) <= MAX_DRIFT_S + 0.011


def test_where_there_is_nothing_there_is_silence() -> None:
    queue = filled(1000)
    taken = queue.take(2000, 0.0)
    assert np.array_equal(taken[:1000], ramp(0, 1000)) and not taken[1000:].any()
    assert not queue.take(100, None).any()


def test_a_standing_clock_takes_nothing() -> None:
    queue = filled(RATE_HZ)
    for _ in range(5):
        assert not queue.take(4800, None).any()
    assert np.array_equal(queue.take(4800, 0.0), ramp(0, 4800))


def test_a_device_takes_samples_while_the_clock_runs(play_bundle_master: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    miniaudio = pytest.importorskip("miniaudio")
    clock = Clock()
    speaker = open_speaker(clock, [miniaudio.Backend.NULL])
    try:
        for segment in segments(play_bundle_master):
            speaker.sound(*segment)
        take, asked = speaker.queue.take, []

        def watched(count: int, at_s: float | None) -> Samples:
            asked.append((count, at_s))
            return take(count, at_s)

        monkeypatch.setattr(speaker.queue, "take", watched)
        time.sleep(0.3)
        assert all(at_s is None for _, at_s in asked), "the clock stands"
        clock.set(0.0)
        clock.run(True)
        deadline_s = time.monotonic() + 10
        while sum(n for n, at_s in asked if at_s is not None) < RATE_HZ / 2:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        assert clock.position_s is not None and clock.position_s > 0.3, "taken as fast as it is heard, not faster"
        speaker.restart()
        assert not take(RATE_HZ, BEEP_S).any()
    finally:
        speaker.close()
