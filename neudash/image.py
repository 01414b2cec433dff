"""`neudash image`: one picture through the model of one segment."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from console.command import command, command_parser
from console.options import whole_number
from console.outputs import check_outputs, output_ending_in, results_to
from manifests.model import ModelTrack, Presentation, VideoRepresentation
from manifests.mpd.read import read_mpd
from manifests.networks import Size
from manifests.weights import ModelWeights
from media.colour.bgr import Picture, bgr_of_planes, planes_of_bgr
from media.resize import resize
from player.errors import UnplayableError
from player.fetching.model_store import ModelStore
from player.fetching.presentation_files import PresentationFiles
from player.fetching.transport import Transport, open_transport
from player.frames.upscalers import ModelEnhancer
from player.sinks.pictures import write_png
from player.superres.engines import BACKENDS, ENGINES, Upscaler
from player.superres.model_choice import Unavailable, model_for_segment
from player.superres.output import fixed_rung

MAX_PICTURE_BYTES = 256 << 20

_EXAMPLE = """\
example:
  neudash image demo-out/canal-10s/bundle --segment 3 still.png enhanced.png
"""


@command("neudash image")
def main(argv: list[str]) -> int:
    """Runs the command. Returns 0 if the picture was enhanced; 1 if not, and stderr has the reason."""
    arguments = _parser().parse_args(argv)
    check_outputs([arguments.output], [arguments.input])
    picture = read_picture(arguments.input)
    model = asyncio.run(_model(arguments.bundle, arguments.rung, arguments.segment))
    size = model.input_size(picture)
    upscaler = ModelEnhancer(arguments.engine, arguments.backend).prepare(model.weights, *size)
    if isinstance(upscaler, Unavailable):
        raise UnplayableError(upscaler.reason)
    enlarged = enhanced_picture(picture, upscaler, size)
    write_png(arguments.output, enlarged)
    height, width = enlarged.shape[:2]
    told = results_to([arguments.output])
    print(f"{arguments.output}: {width}x{height}, {upscaler.name} of {model.rung.id}", file=told)
    if (height, width) == picture.shape[:2]:
        print("neudash image: the models of this rung sharpen at the same size", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("neudash image", "Enhance one picture by the model of one segment.", _EXAMPLE)
    parser.add_argument("bundle", metavar="BUNDLE", help="bundle folder, manifest, or address of a manifest")
    parser.add_argument("input", type=Path, metavar="IN.png", help="picture to enhance; any kind that OpenCV reads")
    parser.add_argument("output", type=output_ending_in(".png"), metavar="OUT.png", help="the enhanced picture")
    parser.add_argument("--segment", type=whole_number(1), required=True, metavar="N", help="number of the segment")
    parser.add_argument(
        "--rung",
        metavar="HEIGHT",
        help="rung by height or id; by default the largest one that is enhanced to a larger size",
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto", help="what runs the network (default: %(default)s)"
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, help="of the engine keras (default: KERAS_BACKEND, else tensorflow)"
    )
    return parser


def read_picture(path: Path) -> Picture:
    """Reads an 8-bit BGR picture, (rows, columns, 3). Raises UnplayableError for a file that is not a picture,
    OSError."""
    with path.open("rb") as file:
        # From memory, because OpenCV opens no file whose path has characters outside the Windows code page.
        data = np.frombuffer(file.read(MAX_PICTURE_BYTES), np.uint8)
    try:
        picture: Picture | None = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error as error:
        raise UnplayableError(f"{path} cannot be read as a picture: {error.err}") from error
    if picture is None:
        raise UnplayableError(f"{path} is not a picture that OpenCV reads")
    return picture


@dataclass(frozen=True)
class _Model:
    """The model of one segment, with its rung and track."""

    rung: VideoRepresentation
    track: ModelTrack
    weights: ModelWeights

    def input_size(self, picture: Picture) -> Size:
        """Returns the size to which a picture is resized for the network, in proportion as the rung's frames are."""
        video = self.rung.video
        (width, height), (input_width, input_height) = picture.shape[1::-1], self.track.input_size_of(video)
        return Size(round(width * input_width / video.width), round(height * input_height / video.height))


def enhanced_picture(picture: Picture, upscaler: Upscaler, input_size: Size) -> Picture:
    """Enhances luma by the network, made for `input_size`, and resizes chroma, here at full resolution."""
    y, cb, cr = planes_of_bgr(picture)
    luma = upscaler.upscale([resize(y, *input_size)])
    height, width = luma.shape
    return bgr_of_planes(luma, resize(cb, width, height), resize(cr, width, height))


async def _model(address: str, wish: str | None, number: int) -> _Model:
    """Returns the model of the segment `number`. Raises UnplayableError, MalformedManifestError."""
    fetcher = open_transport(address)
    try:
        presentation = read_mpd(await fetcher.manifest())
        rung = _rung(presentation, wish)
        return await _model_of(fetcher, presentation, rung, number)
    finally:
        await fetcher.close()


def _rung(presentation: Presentation, wish: str | None) -> VideoRepresentation:
    if wish is not None:
        return fixed_rung(presentation.video, wish)
    with_models = [rung for rung in presentation.video if rung.model_tracks]
    if not with_models:
        raise UnplayableError("no rung of the bundle has models: train it first")
    larger = [rung for rung in with_models if rung.video and rung.target_size[1] > rung.video.height]
    return (larger or with_models)[-1]


async def _model_of(fetcher: Transport, presentation: Presentation, rung: VideoRepresentation, number: int) -> _Model:
    indices = [index for index, segment in enumerate(rung.segments) if segment.number == number]
    if not indices:
        numbers = f"{rung.segments[0].number} to {rung.segments[-1].number}"
        raise UnplayableError(f"there is no segment {number}; {rung.id} has {numbers}")
    model = model_for_segment(rung, indices[0])
    store = ModelStore(PresentationFiles(fetcher, presentation, None).model)
    store.request(model, lambda _: None)
    # The fetcher's own deadlines and attempts bound this.
    weights = await store.weights(model, patience_s=None)
    if isinstance(weights, Unavailable):
        with_models = [s.number for index, s in enumerate(rung.segments) if model_for_segment(rung, index).files]
        hint = f"; segments with a model: {', '.join(map(str, with_models[:20])) or 'none'}"
        raise UnplayableError(f"segment {number} of {rung.id}: {weights.reason}{hint}")
    assert model.track is not None, "weights belong to a track"
    return _Model(rung, model.track, weights)
