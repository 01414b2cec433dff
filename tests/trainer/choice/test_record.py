"""The choice on a rung, as a person reads it."""

from __future__ import annotations

from manifests.networks import NetworkSpec
from manifests.provenance import UntrainedNetwork
from trainer.choice.judge import SegmentScore
from trainer.choice.networks import SizedNetwork
from trainer.choice.record import choice_record
from trainer.choice.results import NetworkOutcome, RungOutcome, TrainedModel

WIDE = SizedNetwork(NetworkSpec(1, 24, 3, fold=4), (1280, 720))
NARROW = SizedNetwork(NetworkSpec(2, 16, 2), (640, 360))


def scored(*gains_db: float | None) -> SegmentScore:
    return SegmentScore(100, 10**6, tuple(None if g is None else round(10 ** (6 - g / 10)) for g in gains_db))


def test_every_kind_of_model_is_told_with_its_worth_and_its_fate() -> None:
    title = TrainedModel(b"x" * 4000, None)
    own = TrainedModel(b"x" * 1500, frozenset([1]), base=0)
    narrow = NetworkOutcome(NARROW, (title, own), (0, 0), (scored(0.8, None), scored(0.6, 0.65)))
    wide = NetworkOutcome(WIDE, (TrainedModel(b"x" * 17_000, None),), (None, None), (scored(0.9), scored(0.9)))
    outcome = RungOutcome(0.2, (narrow, wide), (0,), (("c8d2", "too small to matter"),))
    record = choice_record(outcome, [20_000, 30_000])
    assert record.networks == ("c16d2",)
    told = {(row.network, row.what): row for row in record.tried}
    whole, parts = (told["c16d2", what] for what in ("title model", "models for parts of the title"))
    assert (whole.worth_bytes, whole.used, whole.why) == (6800, 2, "saves most bytes")
    assert (whole.gain_db, whole.models, whole.size_bytes) == (0.7, 1, 4000)
    assert (parts.models, parts.gain_db, parts.used) == (1, 0.65, 0)
    assert told["c24d3f4", "title model"].why == "costs more bytes than it saves"
    assert record.not_trained == (UntrainedNetwork("c8d2", "too small to matter"),)


def test_a_second_network_is_for_slow_players_and_spoilt_segments_are_told() -> None:
    wide = NetworkOutcome(WIDE, (TrainedModel(b"x" * 900, None),), (0,), (scored(0.9),))
    narrow = NetworkOutcome(NARROW, (TrainedModel(b"x" * 100, None),), (0,), (scored(0.5),))
    record = choice_record(RungOutcome(0.2, (narrow, wide), (1, 0)), [100_000])
    assert record.networks == ("c24d3f4", "c16d2")
    assert [row.why for row in record.tried] == ["for players too slow for the first", "saves most bytes"]

    spoilt = NetworkOutcome(NARROW, (TrainedModel(b"x", None),), (None,), (scored(0.9).barred(),), spoilt=(0,))
    (row,) = choice_record(RungOutcome(0.2, (spoilt,), ()), [100_000]).tried
    assert (row.why, row.used) == ("VMAF-NEG falls in 1 segments", 0)
