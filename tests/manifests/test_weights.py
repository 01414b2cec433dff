"""The model format: golden files, round trips, and every way in which a file can lie."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import BundleError, MalformedModelError, UnknownNetworkError
from manifests.networks import NetworkSpec, macs_per_rung_pixel, parse_network
from manifests.weights import MAX_MODEL_BYTES, ModelWeights, decode_model, encode_model, parse_model
from tests.support.models import random_model
from tests.support.paths import GOLDEN

specs = st.builds(NetworkSpec, st.integers(2, 4), st.integers(1, 20), st.integers(0, 4)) | st.builds(
    NetworkSpec, st.integers(1, 4), st.integers(1, 20), st.integers(0, 4), st.sampled_from([2, 4])
)


@given(specs, st.integers(0, 2**32 - 1), st.sampled_from([0, 2, 3, 4, 5, 6, 7, 8]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_parsed_again(spec: NetworkSpec, seed: int, bits: int, update: bool) -> None:
    model = random_model(spec, seed, bits, "ab" * 32 if update else None)
    data = encode_model(model)
    parsed = parse_model(data)
    assert (parsed.spec, parsed.input_mean) == (spec, 117)
    assert parsed.base_sha256 == ("ab" * 8 if update else None)
    assert parsed.sha256 == hashlib.sha256(data).hexdigest()
    for ours, theirs in zip(model.layers, parsed.layers, strict=True):
        assert ours.bits == theirs.bits
        np.testing.assert_array_equal(ours.codes, theirs.codes)
        np.testing.assert_array_equal(ours.scales, theirs.scales)
        np.testing.assert_array_equal(ours.biases, theirs.biases)
    assert encode_model(replace(parsed, base_sha256=model.base_sha256)) == data


GOLDEN_MODELS = ["c8d2-x2-full", "c8d2-x2-update", "c4d0-x3-full", "c4d1f2-x1-full", "c2d0f4-x2-full"]


@pytest.mark.parametrize("name", GOLDEN_MODELS)
def test_golden_files_decode_to_the_same_numbers_for_ever(name: str) -> None:
    """Another implementation can check itself against these: the bytes, and what they mean."""
    base = decode_model((GOLDEN / "c8d2-x2-full.ndm").read_bytes()) if name.endswith("update") else None
    weights = decode_model((GOLDEN / f"{name}.ndm").read_bytes(), base)
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as expected:
        assert int(expected["input_mean"]) == weights.input_mean
        for index, (kernel, bias) in enumerate(zip(weights.kernels, weights.biases, strict=True)):
            np.testing.assert_array_equal(kernel, expected[f"kernel{index}"])
            np.testing.assert_array_equal(bias, expected[f"bias{index}"])


def test_an_update_adds_to_its_base() -> None:
    spec = NetworkSpec(2, 4, 1)
    base = decode_model(encode_model(random_model(spec, 1)))
    update = random_model(spec, 2, bits=3, base=base.sha256)
    tuned = decode_model(encode_model(update), base)
    for old, new, layer in zip(base.kernels, tuned.kernels, update.layers, strict=True):
        np.testing.assert_array_equal(new, old + layer.kernel())
    assert tuned.sha256 != base.sha256


def test_an_update_needs_the_base_it_was_made_for() -> None:
    spec = NetworkSpec(2, 4, 1)
    data = encode_model(random_model(spec, 2, base="12" * 32))
    with pytest.raises(MalformedModelError, match="cannot be used without"):
        decode_model(data)
    other = decode_model(encode_model(random_model(spec, 3)))
    with pytest.raises(MalformedModelError, match="another model"):
        decode_model(data, other)
    another_kind = decode_model(encode_model(random_model(NetworkSpec(2, 5, 1), 3)))
    with pytest.raises(MalformedModelError, match="another kind"):
        decode_model(data, another_kind)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_bytes_end_in_a_typed_error_or_finite_weights(data: st.DataObject) -> None:
    good = bytearray(encode_model(random_model(NetworkSpec(2, 4, 1))))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, min(60, len(good) - 1)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(good)), st.integers(0, len(good))))
    try:
        weights = decode_model(bytes(good[:cut]))
    except BundleError:
        return
    assert all(np.isfinite(array).all() for array in (*weights.kernels, *weights.biases))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_a_typed_error(data: bytes) -> None:
    with pytest.raises(BundleError):
        parse_model(data)


def test_truncated_at_every_byte_and_with_a_byte_too_many() -> None:
    data = encode_model(random_model(NetworkSpec(2, 2, 0)))
    for length in range(len(data)):
        with pytest.raises(MalformedModelError):
            parse_model(data[:length])
    with pytest.raises(MalformedModelError):
        parse_model(data + b"\0")


def test_a_header_that_claims_much_takes_no_memory() -> None:
    """Width 128 and depth 16 in a file of 40 bytes is refused by its length alone."""
    data = bytearray(encode_model(random_model(NetworkSpec(2, 2, 0))))
    data[7], data[8] = 128, 16
    with pytest.raises(MalformedModelError):
        parse_model(bytes(data))
    with pytest.raises(MalformedModelError, match="the most is"):
        parse_model(b"NDM1" + bytes(MAX_MODEL_BYTES))


@pytest.mark.parametrize(("offset", "value"), [(4, 2), (5, 9), (6, 1), (6, 9), (7, 0), (7, 200), (8, 99), (9, 7)])
def test_what_a_newer_version_wrote_is_unknown_rather_than_malformed(offset: int, value: int) -> None:
    data = bytearray(encode_model(random_model(NetworkSpec(2, 4, 1))))
    data[offset] = value
    with pytest.raises(UnknownNetworkError):
        parse_model(bytes(data))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 6e4])
def test_weights_that_are_not_finite_or_absurd_are_refused(poison: float) -> None:
    model = random_model(NetworkSpec(2, 4, 1))
    layer = replace(model.layers[0], biases=np.full(4, poison, np.float16))
    with pytest.raises(MalformedModelError):
        decode_model(encode_model(replace(model, layers=(layer, *model.layers[1:]))))


@pytest.mark.parametrize(
    "container", [b"PK\x03\x04" + bytes(200), b"\x89HDF\r\n\x1a\n" + bytes(200), b"\x80\x04" + bytes(200)]
)
def test_archives_and_pickles_are_no_models(container: bytes) -> None:
    with pytest.raises(MalformedModelError, match="NDM1"):
        parse_model(container)


def test_a_padding_bit_cannot_hide_a_second_spelling() -> None:
    model = random_model(NetworkSpec(3, 1, 0), bits=5)  # 9 codes of 5 bits, 81 of 5: both leave bits over
    data = bytearray(encode_model(model))
    data[-1] |= 1
    with pytest.raises(MalformedModelError, match="padding"):
        parse_model(bytes(data))


def test_arrays_that_do_not_fit_are_refused_by_the_writer() -> None:
    model = random_model(NetworkSpec(2, 4, 1))
    wide = replace(model.layers[0], codes=model.layers[0].codes + np.int8(40))
    with pytest.raises(ValueError, match="6 bits"):
        encode_model(replace(model, layers=(wide, *model.layers[1:])))
    with pytest.raises(ValueError, match="shape"):
        encode_model(replace(model, layers=model.layers[::-1]))


@pytest.mark.parametrize(
    ("name", "width", "depth", "fold"),
    [
        *(("c16d2", 16, 2, 1), ("c4d1", 4, 1, 1), ("c128d16", 128, 16, 1), ("c8d0", 8, 0, 1)),
        *(("c16d2f2", 16, 2, 2), ("c24d3f4", 24, 3, 4)),
    ],
)
def test_networks_by_name(name: str, width: int, depth: int, fold: int) -> None:
    spec = parse_network(name, 2)
    assert (spec.width, spec.depth, spec.fold, spec.name) == (width, depth, fold, name)


def test_a_picture_that_is_neither_folded_nor_enlarged_is_no_network() -> None:
    assert parse_network("c16d2f2", 1).scale == 1
    with pytest.raises(UnknownNetworkError, match="c16d2 at x1"):
        parse_network("c16d2", 1)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "c16",
        "C16D2",
        "c016d2",
        "c16d2 ",
        "c0d1",
        "c129d2",
        "c16d17",
        "c16d2f1",
        "c16d2f3",
        "c16d2f8",
        "c16d2f",
        "edsr",
        "c" * 10_000,
    ],
)
def test_unknown_networks(name: str) -> None:
    with pytest.raises(UnknownNetworkError):
        parse_network(name, 2)


def test_multiply_adds_of_the_networks_that_were_measured() -> None:
    assert [parse_network(n, 2).macs_per_pixel for n in ("c4d1", "c8d2", "c16d2", "c32d2")] == [324, 1512, 5328, 19872]


def test_multiply_adds_of_folded_networks_are_per_pixel_of_the_picture_that_goes_in() -> None:
    """c16d2f2 on 1280x720 costs what c16d2 does on 640x360; fractions are rounded up."""
    spec = parse_network("c16d2f2", 1)
    assert spec.layers == ((4, 16), (16, 16), (16, 16), (16, 4))
    assert spec.macs_per_pixel == 9 * (4 * 16 + 2 * 16 * 16 + 16 * 4) // 4 == 1440
    assert parse_network("c1d0f4", 1).macs_per_pixel == 18
    assert parse_network("c3d1f4", 1).macs_per_pixel == 60  # 59.06
    assert macs_per_rung_pixel(spec, (1280, 720), (1280, 720)) == 1440
    assert macs_per_rung_pixel(spec, (1280, 720), (640, 360)) == 4 * 1440
    assert macs_per_rung_pixel(spec, (1280, 720), (854, 480)) == 3238  # 3237.47


def test_bytes_of_the_default_network() -> None:
    """Six bits a weight, four bytes a channel, sixteen of header: the model that a title pays for."""
    assert len(encode_model(random_model(NetworkSpec(2, 16, 2)))) == 5328 * 6 // 8 + 52 * 4 + 11 + 4


def test_weights_are_compared_by_identity() -> None:
    first = decode_model(encode_model(random_model(NetworkSpec(2, 1, 0))))
    assert isinstance(first, ModelWeights)
    assert first != decode_model(encode_model(random_model(NetworkSpec(2, 1, 0))))
