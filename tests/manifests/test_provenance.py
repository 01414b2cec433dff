"""The record in provenance.json: what is written comes back, and what is missing is named."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from manifests.errors import BrokenBundleError
from manifests.provenance import (
    ChoiceRecord,
    PackagingRecord,
    Provenance,
    SourceRecord,
    TrainingRecord,
    TriedModels,
    UntrainedNetwork,
    packaged_provenance,
    publish_provenance,
    read_provenance,
)

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = SourceRecord("film.mp4", "ab" * 32, {"format": "mp4"})
PACKAGING = PackagingRecord(
    {"rungs": [{"id": "v360", "rate": "crf27"}]}, "mp4box", {"ffmpeg": "7"}, {"v360": "cd" * 32}
)
CHOICE = ChoiceRecord(
    0.2,
    ("c16d2",),
    (TriedModels("c16d2", "title model", 1, 4000, 0.8, 7000.0, 5, "saves most bytes"),),
    (UntrainedNetwork("c8d2", "too small"),),
)
TRAINING = TrainingRecord("0123", (0.5, 0.0), CHOICE, {"seed": 0, "network": "auto"})


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    packaged = packaged_provenance("0.1.0", SOURCE, {"frame_rate": "25/1"}, PACKAGING)
    publish_provenance(tmp_path, packaged.with_training({"v360": TRAINING}))
    found = read_provenance(tmp_path)
    assert (found.source, found.packaging, found.treatment) == (SOURCE, PACKAGING, {"frame_rate": "25/1"})
    assert found.training == {"v360": TRAINING}
    assert found.packaging.rates == {"v360": "crf27"}


def test_training_replaces_the_record_of_its_rungs_and_keeps_everything_else() -> None:
    before = Provenance({"source": {"name": "x"}, "of a newer version": [1], "training": {"v180": {"key": "old"}}})
    again = dataclasses.replace(TRAINING, key="4567")
    after = before.with_training({"v360": TRAINING}).with_training({"v360": again})
    assert after.value["of a newer version"] == [1]
    assert after.value["training"]["v180"] == {"key": "old"}
    assert after.training == {"v360": again}


@pytest.mark.parametrize(
    ("value", "member"),
    [
        ({}, "source"),
        ({"source": {"name": "x"}}, "source"),
        ({"source": 7}, "source"),
        ({}, "treatment"),
        ({"packaging": {"settings": {}}}, "packaging"),
        ({"packaging": []}, "packaging"),
    ],
)
def test_a_member_that_is_missing_is_named(value: dict[str, Any], member: str) -> None:
    with pytest.raises(BrokenBundleError, match=f"no (complete )?{member}; package the video again"):
        getattr(Provenance(value), member)


@pytest.mark.parametrize("training", [7, [], {"v360": 7}, {"v360": {}}, {"v360": {"key": "k", "choice": {"tried": 3}}}])
def test_records_of_other_versions_are_left_out(training: object) -> None:
    assert Provenance({"training": training}).training == {}
