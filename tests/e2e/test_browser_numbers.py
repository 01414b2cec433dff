"""The browser player reads models, tables and taps as the Python player does, and chooses by its speed."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from media.resize import resize_taps
from tests.e2e.watching import to_base64
from tests.support.paths import GOLDEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FULL = sorted(path.stem for path in GOLDEN.glob("*-full.ndm"))


DECODE = """([data, hash, base, baseHash]) => {
  const old = base && lab.decodeModel(bytes(base), baseHash);
  try {
    const model = lab.decodeModel(bytes(data), hash, old);
    const flat = (arrays) => arrays.map((array) => text(new Uint8Array(array.buffer)));
    return { spec: model.spec, mean: model.inputMean, kernels: flat(model.kernels), biases: flat(model.biases) };
  } catch (error) { return { problem: error.constructor.name }; }
}"""


def decoded(lab: Any, data: bytes, base: bytes | None = None) -> Any:
    hashes = [hashlib.sha256(part).hexdigest() if part is not None else None for part in (data, base)]
    return lab.evaluate(DECODE, [to_base64(data), hashes[0], None if base is None else to_base64(base), hashes[1]])


def floats(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), np.float32)


@pytest.mark.parametrize("name", [*FULL, "c8d2-x2-update"])
def test_golden_models_decode_to_the_same_numbers(lab: Any, name: str) -> None:
    base = (GOLDEN / "c8d2-x2-full.ndm").read_bytes() if name.endswith("update") else None
    found = decoded(lab, (GOLDEN / f"{name}.ndm").read_bytes(), base)
    golden = np.load(GOLDEN / f"{name}.npz")
    layers = len(found["kernels"])
    assert layers == sum(key.startswith("kernel") for key in golden.files)
    assert found["mean"] == int(golden["input_mean"])
    for index in range(layers):
        assert np.array_equal(floats(found["kernels"][index]), golden[f"kernel{index}"].ravel())
        assert np.array_equal(floats(found["biases"][index]), golden[f"bias{index}"])


def test_what_is_no_model_is_refused_as_python_does(lab: Any) -> None:
    whole = (GOLDEN / "c8d2-x2-full.ndm").read_bytes()
    update = (GOLDEN / "c8d2-x2-update.ndm").read_bytes()
    other = (GOLDEN / "c4d1f2-x1-full.ndm").read_bytes()
    assert decoded(lab, update)["problem"] == "MalformedModelError"
    assert decoded(lab, update, other)["problem"] == "MalformedModelError"
    assert decoded(lab, whole + b"\0")["problem"] == "MalformedModelError"
    for length in (0, 3, 10, 12, len(whole) // 2, len(whole) - 1):
        assert decoded(lab, whole[:length])["problem"] == "MalformedModelError"
    for at, value in ((5, 9), (9, 2), (4, 2), (7, 0), (8, 17)):
        assert decoded(lab, whole[:at] + bytes([value]) + whole[at + 1 :])["problem"] == "UnknownNetworkError"
    assert decoded(lab, whole[:11] + b"\x09" + whole[12:])["problem"] == "MalformedModelError"


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 1000])
def test_its_own_sha256_is_that_of_everyone(lab: Any, length: int) -> None:
    data = bytes(index % 251 for index in range(length))
    assert lab.evaluate("data => text(lab.sha256(bytes(data)))", to_base64(data)) == to_base64(
        hashlib.sha256(data).digest()
    )


def table_of(lab: Any, manifest: str) -> Any:
    return lab.evaluate("text => lab.parseTable(text, 'https://mirror.example/title/manifest.mpd')", manifest)


def test_the_table_of_models_is_read_from_the_manifest(lab: Any) -> None:
    table = table_of(lab, (GOLDEN / "models.mpd").read_text())
    (track,) = next(rung["tracks"] for rung in table["rungs"] if rung["id"] == "v360")
    chains = [[file["url"].rpartition("/")[2] for file in use["chain"]] for use in track["uses"]]
    first, second = "6350208d24224b31.ndm", "cb5b99c5b0f58664.ndm"
    assert chains == [[first], [], [first], [first, second]]
    assert [use["endS"] for use in track["uses"]] == [4, 6, 8, 10]
    assert track["uses"][0]["chain"][0]["sizeBytes"] == 3908


def test_models_are_fetched_from_the_manifests_own_host_though_a_cdn_is_named_before_it(lab: Any) -> None:
    manifest = (GOLDEN / "models.mpd").read_text()
    named = "<BaseURL>https://mirror.example/title/</BaseURL>"
    assert named in manifest
    hosts = "<BaseURL>https://cdn.example/title/</BaseURL><BaseURL>./</BaseURL>"
    table = table_of(lab, manifest.replace(named, hosts))
    (track,) = next(rung["tracks"] for rung in table["rungs"] if rung["id"] == "v360")
    assert track["uses"][0]["chain"][0]["url"] == "https://mirror.example/title/models/6350208d24224b31.ndm"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('href="models/', 'href="../models/'),
        ('href="models/', 'href="https://elsewhere.example/'),
        ('format="ndm/1"', 'format="ndm/9"'),
        ('network="c16d2"', 'network="z9"'),
        ('base="1"', 'base="2"'),
        ('n="2" base', 'n="x" base'),
        ("models:2026", "models:2027"),
        ("mirror.example", "elsewhere.example"),
    ],
)
def test_a_table_against_the_rules_enhances_nothing(lab: Any, old: str, new: str) -> None:
    manifest = (GOLDEN / "models.mpd").read_text()
    assert old in manifest
    table = table_of(lab, manifest.replace(old, new))
    assert [rung["tracks"] for rung in table["rungs"]] == [[], []]


@pytest.mark.parametrize(("size_in", "size_out"), [(90, 180), (90, 270), (45, 180), (90, 90), (180, 333), (7, 56)])
def test_taps_of_the_plain_resize_are_the_same(lab: Any, size_in: int, size_out: int) -> None:
    found = lab.evaluate("sizes => [...lab.resizeTaps(...sizes)]", [size_in, size_out])
    wanted = [resize_taps(size_out, size_in, index) for index in range(size_out)]
    assert found == [number for centre, taps in wanted for number in (centre, *taps)]


CHOOSE = """([frames, laterMs]) => {
  const meter = new lab.EffortMeter();
  const tracks = [{ id: "large" }, { id: "small" }];
  for (const [id, ms] of frames) {
    meter.took(tracks.find((track) => track.id === id), { ms, passedBy: 0 }, 40, 0);
  }
  return meter.choose(tracks, laterMs)?.id ?? null;
}"""
FAST, SLOW, HOPELESS = 33, 35, 137  # ms of 40 between two frames


@pytest.mark.parametrize(
    ("frames", "chosen"),
    [
        ([("large", FAST)] * 9, "large"),
        ([("large", SLOW)] * 3, "large"),
        ([("large", SLOW)] * 3 + [("large", FAST)] + [("large", SLOW)] * 3, "large"),
        ([("large", SLOW)] * 4, "small"),
        ([("large", HOPELESS)], "small"),
        ([("large", SLOW)] * 4 + [("small", SLOW)] * 4, None),
    ],
)
def test_a_network_that_is_too_slow_gives_way_to_a_smaller_one_before_none(
    lab: Any, frames: list[tuple[str, int]], chosen: str | None
) -> None:
    assert lab.evaluate(CHOOSE, [frames, 1000]) == chosen


@pytest.mark.parametrize(("passed_by", "chosen"), [([0, 1], "large"), ([1, 1], "small"), ([0, 0, 9], "small")])
def test_pictures_that_pass_by_tell_of_a_busy_page(lab: Any, passed_by: list[int], chosen: str) -> None:
    script = """(all) => {
      const meter = new lab.EffortMeter();
      const [large, small] = [{ id: "large" }, { id: "small" }];
      for (const passedBy of all) meter.took(large, { ms: 10, passedBy }, 40, 0);
      return meter.choose([large, small], 1000).id;
    }"""
    assert lab.evaluate(script, passed_by * 20) == chosen


def test_after_a_while_the_large_network_is_tried_again(lab: Any) -> None:
    frames = [("large", HOPELESS), ("small", HOPELESS)]
    assert lab.evaluate(CHOOSE, [frames, 29_000]) is None
    assert lab.evaluate(CHOOSE, [frames, 31_000]) == "large"
