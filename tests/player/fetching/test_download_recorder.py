"""Folders left by `--keep`: bundles of exactly what was downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifests.bundle import open_bundle
from player.fetching.download_recorder import DownloadRecorder, recorded_presentation

if TYPE_CHECKING:
    from pathlib import Path

    from manifests.model import Presentation


def test_whole_rungs_are_preferred(play_bundle_master: Path) -> None:
    presentation = open_bundle(play_bundle_master).presentation
    kept = recorded_presentation(presentation, {"v90": {1, 2, 3, 4}, "v180": {2}, "a1": {1}}, frozenset())
    assert kept is not None
    assert [r.id for r in kept.video] == ["v90"]
    assert [r.id for r in kept.audio] == ["a1"]


def test_switched_rungs_are_all_listed(play_bundle_master: Path) -> None:
    presentation = open_bundle(play_bundle_master).presentation
    kept = recorded_presentation(presentation, {"v90": {1, 3}, "v180": {2, 4}}, frozenset())
    assert kept is not None
    assert {r.id for r in kept.video} == {"v90", "v180"}
    assert kept.audio == ()


def test_without_video_there_is_nothing_to_play(play_bundle_master: Path, tmp_path: Path) -> None:
    presentation = open_bundle(play_bundle_master).presentation
    assert recorded_presentation(presentation, {"a1": {1, 2}}, frozenset()) is None
    DownloadRecorder(tmp_path / "kept").finish(presentation)
    assert not (tmp_path / "kept").exists()


def test_models_are_listed_where_one_was_fetched(play_bundle_master: Path) -> None:
    presentation: Presentation = open_bundle(play_bundle_master).presentation
    href = presentation.video[0].model_tracks[0].models[0].href
    everything = {"v90": {1, 2, 3, 4}}
    with_models = recorded_presentation(presentation, everything, frozenset({href}))
    without = recorded_presentation(presentation, everything, frozenset())
    assert with_models is not None and without is not None
    assert len(with_models.video[0].model_tracks) == 1
    assert without.video[0].model_tracks == ()
