"""Choice of the networks that are tried for a rung."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.networks import NetworkSpec, Size
from manifests.weights import ModelWeights, encode_model, full_model_bytes
from trainer.choice.networks import (
    CPU_MACS_PER_S,
    MACS_PER_PICTURE_PIXEL,
    Dominated,
    SizeClass,
    class_networks,
    largest_picture,
    scene_could_pay,
    trained_network,
    update_could_pay,
    without_dominated,
    worth_training,
)
from trainer.fitting.fit import initial_weights
from trainer.fitting.quantise import quantise, quantise_update

HD = Size(1280, 720)


def names(size_class: SizeClass, rung: Size, picture: Size = HD) -> list[tuple[str, int, Size]]:
    networks = class_networks(size_class, rung, picture, Fraction(30), 10**7)
    return [(network.spec.name, network.spec.scale, network.input_size) for network in networks]


def test_half_the_picture_is_doubled_and_all_else_is_corrected_at_its_size() -> None:
    assert names("cpu", Size(640, 360)) == [("c16d2", 2, Size(640, 360)), ("c24d3f4", 1, HD)]
    assert names("cpu", Size(854, 480)) == [("c16d2f2", 1, HD), ("c24d3f4", 1, HD)]
    assert names("cpu", HD) == [("c16d2f2", 1, HD), ("c24d3f4", 1, HD)]


def test_what_two_cores_cannot_play_has_a_smaller_network_beside_it() -> None:
    assert names("cpu", Size(960, 540), Size(1920, 1080))[0] == ("c8d2", 2, Size(960, 540))
    assert [name for name, _, _ in names("gpu", HD)] == ["c16d2f2", "c24d3f4", "c32d3f2"]


rungs = st.tuples(st.integers(16, 640), st.integers(16, 360)).map(lambda half: Size(*half).times(2))


@given(st.sampled_from(("cpu", "gpu")), rungs, st.sampled_from((24, 30, 60)))
def test_no_network_takes_more_operations_than_its_class_has(size_class: SizeClass, rung: Size, fps: int) -> None:
    networks = class_networks(size_class, rung, HD, Fraction(fps), 10**7)
    most = MACS_PER_PICTURE_PIXEL[size_class] * HD[0] * HD[1]
    assert all(network.macs_per_frame <= most for network in networks)
    assert all(network.enhanced_size == HD for network in networks)
    assert any(network.macs_per_frame * fps <= CPU_MACS_PER_S for network in networks)


def test_the_budget_of_the_gpu_class_is_a_tflop_per_second_at_1080p30() -> None:
    assert 2 * MACS_PER_PICTURE_PIXEL["gpu"] * 1920 * 1080 * 30 < 1e12


@pytest.mark.parametrize(
    ("media_bytes", "tried"),
    [(3_000, []), (20_000, ["c8d2"]), (60_000, ["c8d2", "c16d2"]), (500_000, ["c16d2", "c24d3f4"])],
)
def test_wider_networks_are_trained_where_there_are_bytes_to_save(media_bytes: int, tried: list[str]) -> None:
    networks = class_networks("cpu", Size(640, 360), HD, Fraction(24), media_bytes)
    trained, rejected = worth_training(networks, Size(640, 360), media_bytes, 0.2)
    assert [network.spec.name for network in trained] == tried
    assert len(rejected) == len(networks) - len(tried)
    assert all(r.reason for r in rejected)


def test_sixteen_pixels_a_position_are_not_for_rungs_near_the_pictures_size() -> None:
    networks = class_networks("cpu", HD, HD, Fraction(24), 10**7)
    trained, rejected = worth_training(networks, HD, 10**7, 0.2)
    assert [network.spec.name for network in trained] == ["c16d2f2"]
    assert "below the picture" in rejected[0].reason


def test_a_network_that_was_outdone_goes_where_the_one_that_did_better_stays() -> None:
    narrow, middle, wide = class_networks("cpu", Size(640, 360), HD, Fraction(24), 60_000)
    outdone = {middle.spec: Dominated("c8d2", "v360-crf31"), wide.spec: Dominated("c16d2", "v360-crf31")}
    kept, rejected = without_dominated([narrow, middle, wide], outdone)
    assert kept == [narrow]
    assert [r.reason for r in rejected] == [
        "gained less than c8d2 on v360-crf31",
        "gained less than c16d2 on v360-crf31",
    ]
    assert without_dominated([middle, wide], outdone)[0] == [middle], "there is no c8d2 here to take its place"
    assert without_dominated([narrow, middle, wide], {}) == ([narrow, middle, wide], [])


def test_parts_of_a_title_are_trained_where_there_are_bytes_to_save() -> None:
    spec = NetworkSpec(2, 16, 2)
    assert not update_could_pay(spec, 60_000, 0.2)
    assert scene_could_pay(spec, 60_000, 0.2)
    assert update_could_pay(spec, 100_000, 0.2)


@pytest.mark.parametrize("name", ["c16d2", "c24d3f4", "c5d0f2"])
@pytest.mark.parametrize("bits", [2, 3, 6])
def test_the_bytes_of_a_file_are_known_before_it_is_made(name: str, bits: int) -> None:
    weights = initial_weights(trained_network(name), 0)
    assert len(encode_model(quantise(weights, bits))) == full_model_bytes(weights.spec, bits)
    base = ModelWeights(weights.spec, 0, tuple(k * 0 for k in weights.kernels), weights.biases, "00" * 32)
    update = quantise_update(weights, base, (bits,) * len(base.kernels))
    assert len(encode_model(update)) == full_model_bytes(weights.spec, bits) + 8


@pytest.mark.parametrize(
    ("rungs", "source", "largest"),
    [
        ([Size(640, 360), Size(1280, 720)], Size(1280, 720), Size(1280, 720)),
        ([Size(640, 360), Size(854, 480)], Size(1280, 720), Size(1280, 720)),
        ([Size(854, 480)], Size(1280, 720), Size(854, 480)),
        ([Size(1920, 1080)], Size(3840, 2160), Size(3840, 2160)),
    ],
)
def test_the_largest_picture_is_what_the_source_and_the_ladder_have(
    rungs: list[tuple[int, int]], source: tuple[int, int], largest: tuple[int, int]
) -> None:
    assert largest_picture(rungs, (Fraction(source[0]), Fraction(source[1]))) == largest
