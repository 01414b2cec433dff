"""Sessions of `neudash play` to a lossless output, compared segment by segment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av

from manifests.bundle import open_bundle
from player.cli import main

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 12
"""Frames in each of the four segments."""


@dataclass(frozen=True)
class Played:
    """One session's outcome."""

    code: int
    stats: dict[str, Any]
    frames: list[bytes]
    """Frames of the lossless output, if there was one."""

    def segment(self, number: int) -> list[bytes]:
        return self.frames[(number - 1) * FRAMES : number * FRAMES]

    @property
    def reasons(self) -> list[str | None]:
        return [segment["reason"] for segment in self.stats["segments"]]

    @property
    def enhanced(self) -> list[bool]:
        return [segment["enhanced"] for segment in self.stats["segments"]]


def lossless(path: Path) -> list[bytes]:
    """Luma and chroma of every frame."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="yuv420p").tobytes() for frame in container.decode(video=0)]


def played(address: str, folder: Path, *options: str) -> Played:
    """A session of the low rung with a lossless output."""
    folder.mkdir(exist_ok=True)
    stats, out = folder / "stats.json", folder / "out.mkv"
    code = main([address, "--rung", "90", "--out", str(out), "--stats", str(stats), *options])
    return Played(code, json.loads(stats.read_text()), lossless(out) if out.exists() else [])


def model_hrefs(bundle: Path) -> list[str]:
    """The full model and the update."""
    return [model.href for model in open_bundle(bundle).presentation.video[0].model_tracks[0].models]


def assert_plain(session: Played, numbers: set[int], enhanced: Played, plain: Played) -> None:
    """Exactly these segments are plainly resized, and each says why; all others are as in an unharmed session."""
    assert session.code == 0
    for number in range(1, 5):
        expected = plain if number in numbers else enhanced
        assert session.segment(number) == expected.segment(number)
        assert (session.reasons[number - 1] is None) == session.enhanced[number - 1]
        if number in numbers:
            assert not session.enhanced[number - 1]
