"""Mixing to fewer channels: what must be heard where, and that nothing clips."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sound.mixing import MONO, STEREO, SURROUND, has_surround, mix_matrix

LAYOUTS = "mono stereo 2.1 3.0 4.0 quad 5.0 5.0(side) 5.1 5.1(side) 6.1 7.1 7.1(wide) 7.1.4 hexadecagonal 22.2 downmix"
NAMED = [tuple(c.name for c in av.AudioLayout(name).channels) for name in LAYOUTS.split()]
ANY = st.one_of(st.sampled_from(NAMED), st.integers(1, 64).map(lambda count: ("NONE",) * count))


@given(ANY, st.sampled_from([MONO, STEREO, SURROUND]))
def test_full_scale_on_all_channels_never_clips(channels: tuple[str, ...], output: tuple[str, ...]) -> None:
    matrix = mix_matrix(channels, (output,))
    assert matrix.shape == (len(output), len(channels))
    assert np.all(matrix >= 0)
    assert np.abs(matrix).sum(axis=1).max() <= 1 + 1e-6


@given(ANY, st.sampled_from([STEREO, SURROUND]))
def test_every_channel_but_the_subwoofer_is_heard(channels: tuple[str, ...], output: tuple[str, ...]) -> None:
    heard = mix_matrix(channels, (output,)).max(axis=0)
    assert all(share > 0.01 or name.startswith("LFE") for name, share in zip(channels, heard, strict=True))


@given(ANY)
def test_left_and_right_are_treated_alike(channels: tuple[str, ...]) -> None:
    left, right = mix_matrix(channels, (STEREO,))
    if "NONE" not in channels:
        assert np.allclose(np.sort(left), np.sort(right))


def test_centre_and_surrounds_of_5_1_are_3_db_below_the_front() -> None:
    left, right = mix_matrix(SURROUND, (STEREO,))
    assert np.allclose(left / left[0], [1, 0, 0.5**0.5, 0, 0.5**0.5, 0])
    assert np.allclose(right / right[1], [0, 1, 0.5**0.5, 0, 0, 0.5**0.5])


@pytest.mark.parametrize("channels", [("FC",), ("NONE",), ("FL",)])
def test_one_microphone_is_as_loud_on_both_sides(channels: tuple[str, ...]) -> None:
    assert mix_matrix(channels, (STEREO,)).tolist() == [[1], [1]]


def test_5_1_stays_as_it_is() -> None:
    side = tuple(channel.name for channel in av.AudioLayout("5.1(side)").channels)
    for channels in (SURROUND, side):
        assert np.array_equal(mix_matrix(channels, (SURROUND,)), np.eye(6))


def test_outputs_stand_one_beside_the_other() -> None:
    both = mix_matrix(SURROUND, (STEREO, SURROUND))
    assert np.array_equal(both, np.concatenate([mix_matrix(SURROUND, (one,)) for one in (STEREO, SURROUND)]))


def test_unnamed_channels_have_no_surround() -> None:
    assert has_surround(SURROUND) and not has_surround(STEREO)
    assert not has_surround(("NONE",) * 6)
