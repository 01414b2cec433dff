"""The sound of generated media, whose clicks of 50 ms say where each second of it is."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from media.errors import UnreadableSourceError
from media.sound.mixing import MONO, STEREO, SURROUND
from media.sound.reading import SoundLog, SoundReader, SoundStream

if TYPE_CHECKING:
    from pathlib import Path

    from media.sound.placement import Samples
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

RATE = 48_000
END = 4 * RATE
CLICKS = "0.7*sin(2*PI*1000*t)*lt(mod(t,1),0.05)"


class Shifted:
    """A clock by which all packets are earlier by as many seconds, and some have no time at all."""

    def __init__(self, by_s: Fraction | int = 0, untimed: range = range(0)) -> None:
        self._by_s, self._untimed = by_s, untimed

    def shift_s(self, stream_index: int, packet_number: int) -> Fraction | None:
        return None if packet_number in self._untimed else Fraction(-self._by_s)


def clicks(expression: str = CLICKS, *, rate: int = RATE, duration_s: float = 4) -> list[str]:
    return ["-f", "lavfi", "-i", f"aevalsrc='{expression}':s={rate}:d={duration_s}"]


def heard(
    path: Path,
    clock: Shifted | None = None,
    *,
    outputs: tuple[tuple[str, ...], ...] = (STEREO,),
    begin: int = 0,
    end: int = END,
) -> tuple[Samples, SoundLog]:
    """All samples of the first stream, and what became of it."""
    reader = SoundReader(path, [SoundStream(0, outputs)], clock or Shifted(), begin, end)
    samples = np.concatenate([block for _, block in reader.blocks()])
    assert samples.dtype == np.float32
    assert len(samples) == end - begin
    return samples, reader.logs[0]


def clicks_s(samples: Samples) -> list[float]:
    """Finds the time at which each click begins."""
    loud = np.flatnonzero(np.abs(samples[:, 0]) > 0.25 * np.abs(samples).max())
    first = np.concatenate([[True], np.diff(loud) > RATE // 4])
    return [float(at) / RATE for at in loud[first]]


def test_a_plain_stream_is_heard_to_the_sample(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", *clicks(), "-c:a", "pcm_f32le")
    samples, log = heard(path, outputs=(MONO,))
    t = np.arange(END) / RATE
    wanted = 0.7 * np.sin(2 * np.pi * 1000 * t) * (t % 1 < 0.05)
    assert np.allclose(samples[:, 0], wanted, atol=1e-5)
    assert (log.samples, log.holes, log.failed) == (END, 0, 0)


def test_only_the_samples_that_are_wanted_come(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mov", *clicks(), "-c:a", "pcm_f32le")
    samples, _ = heard(path)
    part, _ = heard(path, Shifted(Fraction(3, 2)), begin=1024, end=RATE)
    assert np.array_equal(part, samples[RATE * 3 // 2 + 1024 : RATE * 5 // 2])


@pytest.mark.parametrize(
    ("suffix", "codec", "rate"),
    [
        ("mp4", "aac", 48_000),
        ("mp4", "aac", 44_100),
        ("mkv", "flac", 192_000),
        ("webm", "libopus", 48_000),
        ("avi", "pcm_mulaw", 8_000),
        ("flv", "libmp3lame", 22_050),
        ("mkv", "truehd", 48_000),
        ("ogg", "libvorbis", 44_100),
        ("mov", "pcm_u8", 11_025),
    ],
)
def test_every_codec_and_rate_is_in_time(
    make_video: MakeVideo, tmp_path: Path, suffix: str, codec: str, rate: int
) -> None:
    path = make_video(tmp_path / f"a.{suffix}", *clicks(rate=rate), "-c:a", codec, "-strict", "-2", "-ac", "2")
    found, log = heard(path)
    delay_s = 0.06 if suffix == "flv" else 0.003  # FLV cannot say that its encoder puts silence first
    assert np.allclose(clicks_s(found), [0, 1, 2, 3], atol=delay_s)
    assert log.holes == 0


@pytest.mark.parametrize("by_s", [Fraction(-3, 5), Fraction(3, 5)])
def test_sound_that_begins_early_or_late_keeps_its_place(make_video: MakeVideo, tmp_path: Path, by_s: Fraction) -> None:
    path = make_video(tmp_path / "a.mkv", *clicks(), "-c:a", "aac")
    samples, log = heard(path, Shifted(by_s))
    wanted = [second - float(by_s) for second in range(4) if 0 < second - by_s < 4]
    assert np.allclose(clicks_s(samples), wanted, atol=0.003)
    assert log.holes == 0, "what comes before the first sound, and after the last, is not lost"


def test_lost_packets_leave_silence_and_are_counted(make_video: MakeVideo, tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mkv", *clicks(), "-c:a", "aac")
    path = make_video(tmp_path / "a.mkv", "-i", str(whole), "-c", "copy", "-bsf:a", "noise=drop='between(n,55,80)'")
    samples, log = heard(path)
    assert np.allclose(clicks_s(samples), [0, 1, 2, 3], atol=0.003)
    assert log.holes == 1
    assert abs(log.missing - 26 * 1024) <= 48
    assert log.first_hole is not None and abs(log.first_hole - 54 * 1024) <= 48


def test_packets_that_do_not_decode_leave_silence_and_are_counted(make_video: MakeVideo, tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mkv", *clicks(), "-c:a", "flac")
    noise = "noise=amount='if(between(n,12,14),1,0)'"
    path = make_video(tmp_path / "a.mkv", "-i", str(whole), "-c", "copy", "-bsf:a", noise)
    samples, log = heard(path)
    assert np.allclose(clicks_s(samples)[-2:], [2, 3], atol=0.003)
    assert log.failed and log.missing


def test_a_stream_of_noise_has_no_sound(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", *clicks(), "-c:a", "flac")
    path.write_bytes(path.read_bytes().replace(b"A_FLAC", b"A_DTS\0"))
    samples, log = heard(path)
    assert not samples.any()
    assert log.samples == 0 and log.failed > 0


@pytest.mark.parametrize(
    ("codec", "pace"), [("aac", "11/10"), ("flac", "11/10"), ("aac", "19/20"), ("ac3", "1001/1000")]
)
def test_drifting_stamps_are_followed(make_video: MakeVideo, tmp_path: Path, codec: str, pace: str) -> None:
    whole = make_video(tmp_path / "whole.mkv", *clicks(), "-c:a", codec)
    setts = f"setts=pts=PTS*{pace}:dts=DTS*{pace}"
    path = make_video(tmp_path / "a.mkv", "-i", str(whole), "-c", "copy", "-bsf:a", setts)
    samples, log = heard(path, end=5 * RATE)
    wanted = [second * float(Fraction(pace)) for second in range(4)]
    assert np.allclose(clicks_s(samples), wanted, atol=0.02)
    assert log.holes == 0


def test_a_step_below_the_old_tenth_of_a_second_is_put_right(make_video: MakeVideo, tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mkv", *clicks(), "-c:a", "aac")
    setts = "setts=pts='PTS+if(gte(N,60),0.045/TB,0)':dts='DTS+if(gte(N,60),0.045/TB,0)'"
    path = make_video(tmp_path / "a.mkv", "-i", str(whole), "-c", "copy", "-bsf:a", setts)
    assert np.allclose(clicks_s(heard(path)[0]), [0, 1, 2.045, 3.045], atol=0.003)


def parts(make_video: MakeVideo, tmp_path: Path, *options: list[str]) -> Path:
    """Transport streams of 2 s, one after the other, each encoded by its own options."""
    joined = tmp_path / "joined.ts"
    with joined.open("wb") as file:
        for number, part in enumerate(options):
            path = make_video(
                tmp_path / f"{number}.ts", *clicks(duration_s=2), *part, "-output_ts_offset", str(2 * number)
            )
            file.write(path.read_bytes())
    return joined


def test_rate_and_channels_may_change_in_mid_stream(make_video: MakeVideo, tmp_path: Path) -> None:
    mono = ["-c:a", "aac", "-ar", "44100"]
    stereo = ["-c:a", "aac", "-ar", "48000", "-af", "pan=stereo|FL=c0|FR=c0"]
    path = parts(make_video, tmp_path, mono, stereo)
    samples, _ = heard(path, Shifted(Fraction(7, 5)))
    # The first part has 1024 samples of its encoder before it, and its end covers the beginning of the other.
    [first, second, _, last] = clicks_s(samples)
    assert np.allclose([first, second, last], [1024 / 44_100, 1 + 1024 / 44_100, 3], atol=0.001)
    peaks = np.abs(samples[:, 0]).reshape(4, RATE).max(axis=1)
    assert np.allclose(peaks, 0.7, atol=0.2), "a microphone alone is as loud as it was"


def test_5_1_may_become_stereo_in_mid_stream(make_video: MakeVideo, tmp_path: Path) -> None:
    surround = ["-af", "pan=5.1|FC=c0", "-c:a", "ac3"]
    path = parts(make_video, tmp_path, surround, ["-af", "pan=stereo|FL=c0|FR=c0", "-c:a", "ac3"])
    samples, _ = heard(path, Shifted(Fraction(7, 5)), outputs=(STEREO, SURROUND))
    assert samples.shape[1] == 8
    [first, second, _, last] = clicks_s(samples)
    assert np.allclose([first, second, last], [256 / RATE, 1 + 256 / RATE, 3], atol=0.001)
    peaks = np.abs(samples).reshape(4, RATE, 8).max(axis=1)
    assert np.all(peaks[:, :2] > 0.15), "the centre is heard in stereo"
    assert np.all(peaks[:2, 4] > 0.6) and np.all(peaks[:2, 2:4] < 0.05)
    assert np.all(peaks[2:, 2:4] > 0.6) and np.all(peaks[2:, 4] < 0.05)


def test_packets_without_a_trusted_time_follow(make_video: MakeVideo, tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mkv", *clicks(), "-c:a", "aac")
    setts = "setts=pts='PTS-if(between(N,60,70),0.5/TB,0)':dts='DTS-if(between(N,60,70),0.5/TB,0)'"
    path = make_video(tmp_path / "a.mkv", "-i", str(whole), "-c", "copy", "-bsf:a", setts)
    samples, log = heard(path, Shifted(untimed=range(60, 71)))
    assert np.allclose(clicks_s(samples), [0, 1, 2, 3], atol=0.003)
    assert log.holes == 0


def test_not_a_number_and_infinity_are_no_sound(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", *clicks("if(gt(t,1),1/0,if(gt(t,0.5),0/0,0.1))"), "-c:a", "pcm_f32le")
    samples, _ = heard(path)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 4


def test_several_streams_come_in_one_pass(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.mkv",
        *clicks(),
        *("-f", "lavfi", "-i", "sine=440:d=2"),
        *("-map", "0", "-map", "1", "-map", "0", "-c:a", "flac"),
    )
    wanted = [SoundStream(2, (MONO,)), SoundStream(1, (STEREO, SURROUND))]
    reader = SoundReader(path, wanted, Shifted(), 1024, END)
    found: dict[int, list[Samples]] = {0: [], 1: []}
    for number, block in reader.blocks():
        found[number].append(block)
    clicking, tone = (np.concatenate(blocks) for blocks in found.values())
    assert clicking.shape == (END - 1024, 1)
    assert tone.shape == (END - 1024, 8)
    assert np.allclose(clicks_s(clicking)[1:], [at - 1024 / RATE for at in (1, 2, 3)], atol=0.001)
    assert not tone[2 * RATE :].any()


def test_a_source_that_is_gone_is_said(tmp_path: Path) -> None:
    reader = SoundReader(tmp_path / "gone.mp4", [SoundStream(0, (STEREO,))], Shifted(), 0, END)
    with pytest.raises(UnreadableSourceError, match=r"gone\.mp4"):
        next(reader.blocks())
