"""Frames of a segment stand where the manifest says, and none is missing in silence."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from manifests.bundle import open_bundle
from manifests.model import VideoFormat
from media.errors import UndecodableSegmentError
from player.fetching.fetched_segment import FetchedSegment
from player.frames.decode import segment_frames
from player.stats import SegmentStats

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fetched(play_bundle_master: Path) -> FetchedSegment:
    """Segment 2, half a second from 0.5 s on, 12 frames."""
    rung = open_bundle(play_bundle_master).presentation.video[0]
    folder = play_bundle_master / "video" / rung.id
    init, media = ((folder / name).read_bytes() for name in ("init.mp4", "00002.m4s"))
    return FetchedSegment(1, rung, SegmentStats(2), init, media)


def test_frames_fill_the_segments_time(fetched: FetchedSegment) -> None:
    assert [frame.pts_s for frame in segment_frames(fetched)] == [Fraction(12 + n, 24) for n in range(12)]


def test_frames_start_where_the_manifest_says_whatever_their_own_clock(fetched: FetchedSegment) -> None:
    rung = fetched.representation
    later = tuple(dataclasses.replace(s, start_ticks=s.start_ticks + 10 * rung.timescale) for s in rung.segments)
    fetched.representation = dataclasses.replace(rung, segments=later)
    assert next(segment_frames(fetched)).pts_s == Fraction(1, 2) + 10


def test_frames_past_the_segments_end_are_left_out_and_missed(fetched: FetchedSegment) -> None:
    rung = fetched.representation
    shorter = tuple(dataclasses.replace(s, duration_ticks=s.duration_ticks // 2) for s in rung.segments)
    fetched.representation = dataclasses.replace(rung, segments=shorter)
    frames = segment_frames(fetched)
    assert len([next(frames) for _ in range(6)]) == 6
    with pytest.raises(UndecodableSegmentError, match="6 of 12 frames"):
        next(frames)


@pytest.mark.parametrize("cut", [10, 200, 1000, 5000, -1])
def test_a_segment_cut_anywhere_is_missed(fetched: FetchedSegment, cut: int) -> None:
    assert fetched.media is not None
    fetched.media = fetched.media[:cut]
    with pytest.raises(UndecodableSegmentError):
        list(segment_frames(fetched))


@pytest.mark.parametrize("swap", ["init", "media", "both"])
def test_what_is_no_video_is_undecodable(fetched: FetchedSegment, play_bundle_master: Path, swap: str) -> None:
    audio = play_bundle_master / "audio" / "a1"
    if swap != "media":
        fetched.init = (audio / "init.mp4").read_bytes()
    if swap != "init":
        fetched.media = (audio / "00002.m4s").read_bytes()
    with pytest.raises(UndecodableSegmentError):
        list(segment_frames(fetched))


def test_frames_far_larger_than_the_manifest_says_are_refused(fetched: FetchedSegment) -> None:
    tiny = VideoFormat(64, 36, Fraction(24))
    fetched.representation = dataclasses.replace(fetched.representation, video=tiny)
    with pytest.raises(UndecodableSegmentError, match="160x90 in a rung of 36 rows"):
        next(segment_frames(fetched))
