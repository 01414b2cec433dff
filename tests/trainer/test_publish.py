"""Publishing of trained models in the manifest: sizes, costs, and where each is from."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from manifests.model import VideoFormat
from manifests.networks import NetworkSpec
from tests.support.presentations import rung_of
from trainer.choice.judge import SegmentScore
from trainer.choice.networks import SizedNetwork
from trainer.choice.results import NetworkOutcome, RungOutcome, TrainedModel, dominated, load_outcome, save_outcome
from trainer.publish import model_track

if TYPE_CHECKING:
    from pathlib import Path

RUNG = rung_of("v480", VideoFormat(854, 480, Fraction(24), Fraction(1280, 1281)), [96, 96], 24)
FOLDED = SizedNetwork(NetworkSpec(1, 16, 2, fold=2), (1280, 720))
DOUBLING = SizedNetwork(NetworkSpec(2, 16, 2), (854, 480))
SCORES = (SegmentScore(100, 1000, (900, 800)), SegmentScore(100, 1000, (900, 1100)))


def test_a_track_says_what_goes_in_where_that_is_not_the_rung() -> None:
    models = (TrainedModel(b"full", None), TrainedModel(b"own", frozenset([0]), base=0))
    track = model_track(RUNG, NetworkOutcome(FOLDED, models, (1, 0), SCORES))
    assert (track.id, track.input_size, track.macs_per_pixel) == ("v480-c16d2f2", (1280, 720), 3238)
    assert track.uses == (2, 1)
    doubled = model_track(RUNG, NetworkOutcome(DOUBLING, models, (1, 0), SCORES))
    assert (doubled.input_size, doubled.macs_per_pixel) == (None, 5328)


def test_a_finished_outcome_comes_back_from_disk(tmp_path: Path) -> None:
    models = (
        TrainedModel(b"full", None, file="v480.title.ndm"),
        TrainedModel(b"own", frozenset([0]), 0, "v480.segment-0.ndm"),
    )
    for model in models:
        (tmp_path / model.file).write_bytes(model.data)
    tried = NetworkOutcome(FOLDED, models, (1, None), SCORES, spoilt=(1,))
    outcome = RungOutcome(0.2, (tried, NetworkOutcome(DOUBLING, (), (None, None), ())), (0,), (("c24d3f4", "why"),))
    save_outcome(tmp_path / "v480.json", outcome)
    assert load_outcome(tmp_path / "v480.json") == outcome
    assert load_outcome(tmp_path / "v720.json") is None
    (tmp_path / models[1].file).unlink()
    assert load_outcome(tmp_path / "v480.json") is None, "an outcome without its models is trained again"


def test_a_wider_network_that_gained_less_is_outdone() -> None:
    def tried(network: SizedNetwork, *errors: int | None) -> NetworkOutcome:
        scores = tuple(SegmentScore(100, 1000, (error,)) for error in errors)
        return NetworkOutcome(network, (TrainedModel(b"x", None),), (0, 0), scores)

    wide = SizedNetwork(NetworkSpec(1, 24, 3, fold=4), (1280, 720))
    assert dominated([tried(DOUBLING, 800, 900), tried(wide, 850, 870)]) == {wide.spec: "c16d2"}
    assert dominated([tried(DOUBLING, 800, 900), tried(wide, 850, 840)]) == {}
    assert dominated([tried(DOUBLING, 800, None), tried(wide, 790, 1000)]) == {}, "compared where both were judged"
