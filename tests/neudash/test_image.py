"""`neudash image`: one picture through one segment's model, as a frame of that segment would go."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from manifests.bundle import open_bundle
from manifests.weights import decode_model
from media.colour.bgr import planes_of_bgr
from neudash.image import enhanced_picture, main
from player.superres.engines import open_engine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.faulty_server import FaultyServer


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """A picture of no particular size, with colours; its name is not ASCII."""
    random = np.random.default_rng(3)
    picture = cv2.resize(random.integers(40, 220, (9, 13, 3), np.uint8), (101, 67), interpolation=cv2.INTER_CUBIC)
    path = tmp_path / "stïll.png"
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return path


def picture_in(path: Path) -> Any:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)


def test_the_picture_goes_through_the_model_of_the_segment(
    play_bundle_master: Path, still: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "deep" / "out.png"
    assert main([str(play_bundle_master), "--segment", "1", str(still), str(out)]) == 0
    href = open_bundle(play_bundle_master).presentation.video[0].model_tracks[0].models[0].href
    weights = decode_model((play_bundle_master / href).read_bytes())
    upscaler = open_engine().upscaler(weights, 101, 67)
    assert np.array_equal(picture_in(out), enhanced_picture(picture_in(still), upscaler, (101, 67)))
    assert picture_in(out).shape == (134, 202, 3)
    assert "202x134, c4d1 of v90" in capsys.readouterr().out
    luma = planes_of_bgr(picture_in(out))[0].astype(int)
    assert np.abs(luma - upscaler.upscale([planes_of_bgr(picture_in(still))[0]])).mean() < 1.5


def test_segments_have_models_of_their_own(play_bundle_master: Path, still: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / f"{number}.png" for number in (1, 2, 4)]
    for out in outputs:
        assert main([str(play_bundle_master), "--segment", out.stem, "--rung", "90", str(still), str(out)]) == 0
    first, second, fourth = map(picture_in, outputs)
    assert np.array_equal(first, fourth)
    assert not np.array_equal(first, second)


def test_a_server_serves_as_well(faulty_server: FaultyServer, still: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert main([faulty_server.url, "--segment", "1", str(still), str(out)]) == 0
    assert faulty_server.count(".m4s") == 0


@pytest.mark.parametrize(
    ("segment", "rung", "said"),
    [
        ("3", "90", "plain is best here; segments with a model: 1, 2, 4"),
        ("9", "90", "there is no segment 9; v90 has 1 to 4"),
        ("1", "180", "this rung has no models; segments with a model: none"),
        ("1", "77", "there is no rung '77'"),
    ],
)
def test_without_a_model_one_line_says_why(
    play_bundle_master: Path, still: Path, tmp_path: Path, capsys: Any, segment: str, rung: str, said: str
) -> None:
    out = tmp_path / "out.png"
    assert main([str(play_bundle_master), "--segment", segment, "--rung", rung, str(still), str(out)]) == 1
    err = capsys.readouterr().err
    assert said in err and err.startswith("neudash image: ") and err.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("content", [None, b"", b"not a picture"])
def test_a_picture_that_cannot_be_read_is_said(
    play_bundle_master: Path, tmp_path: Path, capsys: Any, content: bytes | None
) -> None:
    path = tmp_path / "in.png"
    if content is not None:
        path.write_bytes(content)
    assert main([str(play_bundle_master), "--segment", "1", str(path), str(tmp_path / "out.png")]) == 1
    assert "in.png" in capsys.readouterr().err


def test_a_link_and_a_pipe_get_the_picture(play_bundle_master: Path, still: Path, tmp_path: Path) -> None:
    link, pipe, plain = tmp_path / "link.png", tmp_path / "pipe", tmp_path / "plain.png"
    link.symlink_to(tmp_path / "target.png")
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    for out in (plain, link, pipe):
        assert main([str(play_bundle_master), "--segment", "1", str(still), str(out)]) == 0
    reader.join(30)
    assert link.is_symlink() and pipe.is_fifo()
    assert got == [plain.read_bytes()] == [(tmp_path / "target.png").read_bytes()]
