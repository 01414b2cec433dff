"""Networks for rungs of any size, at the size that is shown; models that players bring with them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from manifests.bundle import open_bundle
from manifests.files import publish_file
from manifests.model import ModelFile, ModelTrack, Presentation
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST, model_href
from manifests.networks import NetworkSpec, macs_per_rung_pixel
from manifests.weights import CodedLayer, CodedModel, encode_model
from media.resize import resize
from neudash.image import enhanced_picture
from neudash.image import main as image
from player.cli import main
from player.superres.engines import open_engine
from tests.support.models import coded_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = (216, 122)
"""Size of the enhanced picture of the 160x90 rung: 1.35 times as wide, 1.36 times as high."""
FOLDED = NetworkSpec(scale=1, width=4, depth=1, fold=2)


def played(address: str, folder: Path, *options: str) -> tuple[dict[str, Any], list[NDArray[np.uint8]]]:
    """The stats of a session of the low rung, and luma and chroma of its frames."""
    stats, out = folder / "stats.json", folder / "out.mkv"
    assert main([address, "--rung", "90", "--out", str(out), "--stats", str(stats), *options]) == 0
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    return json.loads(stats.read_text()), frames


def silent_model() -> bytes:
    layers = tuple(
        CodedLayer(0, np.zeros((3, 3, i, o), np.int8), np.zeros(o, np.float16), np.zeros(o, np.float16))
        for i, o in FOLDED.layers
    )
    return encode_model(CodedModel(FOLDED, 110, layers))


def folded(bundle: Path, data: bytes) -> Presentation:
    """The low rung alone, with `data` for every segment, at SIZE."""
    model = ModelFile(1, model_href(data), len(data), hashlib.sha256(data).hexdigest())
    publish_file(bundle / model_href(data), data)
    first, *rest = open_bundle(bundle).presentation.adaptation_sets
    macs = macs_per_rung_pixel(FOLDED, SIZE, (160, 90))
    track = ModelTrack("t", FOLDED.name, 1, macs, 1, 1000, "ndm/1", (model,), (1, 1, 1, 1), SIZE)
    low = dataclasses.replace(first.representations[0], model_tracks=(track,))
    return Presentation(
        open_bundle(bundle).presentation.duration_s,
        (dataclasses.replace(first, representations=(low,)), *rest),
    )


def test_a_silent_network_at_another_size_plays_what_plays_without_it(play_bundle: Path, tmp_path: Path) -> None:
    publish_file(play_bundle / MANIFEST, write_mpd(folded(play_bundle, silent_model())))
    stats, frames = played(str(play_bundle), tmp_path)
    assert [segment["enhanced"] for segment in stats["segments"]] == [True] * 4
    _, plain = played(str(play_bundle), tmp_path, "--no-enhance")
    assert frames[0].shape == (SIZE[1] * 3 // 2, SIZE[0])
    np.testing.assert_array_equal(np.stack(frames), np.stack(plain))


def test_a_folded_network_changes_luma_alone(play_bundle: Path, tmp_path: Path) -> None:
    data = coded_model(3, FOLDED)
    publish_file(play_bundle / MANIFEST, write_mpd(folded(play_bundle, data)))
    _, frames = played(str(play_bundle), tmp_path)
    _, plain = played(str(play_bundle), tmp_path, "--no-enhance")
    enhanced, floor = np.stack(frames), np.stack(plain)
    np.testing.assert_array_equal(enhanced[:, SIZE[1] :], floor[:, SIZE[1] :])
    assert (enhanced[:, : SIZE[1]] != floor[:, : SIZE[1]]).mean() > 0.1


def test_a_still_is_enlarged_as_the_rungs_frames_are(play_bundle: Path, tmp_path: Path) -> None:
    publish_file(play_bundle / MANIFEST, write_mpd(folded(play_bundle, silent_model())))
    still = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "in.png"), still)
    assert image([str(play_bundle), "--segment", "1", str(tmp_path / "in.png"), str(tmp_path / "out.png")]) == 0
    assert cv2.imread(str(tmp_path / "out.png")).shape == (244, 432, 3)


def test_a_picture_is_enlarged_plane_by_plane() -> None:
    class Untouched:
        name, scale = "untouched", 1

        def upscale(self, frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
            (luma,) = frames
            return luma

    flat = np.full((20, 30, 3), (40, 90, 160), np.uint8)
    found = enhanced_picture(flat, Untouched(), (45, 31))
    assert found.shape == (31, 45, 3)
    assert np.abs(found.astype(int) - (40, 90, 160)).max() <= 1


def test_engines_take_a_luma_that_was_resized() -> None:
    """A plane from `resize` is like any other: contiguous or not, an engine reads it right."""
    from manifests.weights import decode_model

    luma = np.random.default_rng(1).integers(0, 256, (90, 160), dtype=np.uint8)
    resized = resize(luma, *SIZE)
    upscaler = open_engine("openvino").upscaler(decode_model(coded_model(3, FOLDED)), *SIZE)
    np.testing.assert_array_equal(upscaler.upscale([resized]), upscaler.upscale([resized.copy()]))
