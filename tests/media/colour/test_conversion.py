"""Colours of odd sources: right values in BT.709, computed here from the standards and not by ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from media.colour.conversion import BLACK, Colour, parse_background, sdr_filters, sdr_size_filters
from media.colour.mastering import MasteringDisplay
from media.colour.tags import colour_of, without_zscale
from media.errors import UnreadableSourceError
from media.frames import Frame, frame_from_i420
from media.programs import find_program
from media.source.probe import probe
from media.source.reference import reference_frames
from media.source.treatment import apply_filters
from packager.plan import Request, make_plan

if TYPE_CHECKING:
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Array = NDArray[np.float64]
Patches = Callable[..., Path]

PATCH = 16
"""Columns and rows of one patch of colour; all of them lie side by side."""

CHROMATICITIES = {
    "bt709": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290)),
    "smpte432": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)),
    "bt470m": ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
}
LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "bt2020nc": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
    "fcc": (0.30, 0.11),
}
"""Weights of red and blue."""

CORNERS = np.array([(192, 32, 32), (32, 192, 32), (32, 32, 192), (192, 192, 32), (120, 120, 120)]) / 255
"""R'G'B' as BT.709 has them."""


def to_xyz(primaries: str) -> Array:
    xy = np.array(CHROMATICITIES[primaries])
    xyz = np.stack([xy[:, 0], xy[:, 1], 1 - xy.sum(1)]) / xy[:, 1]
    return np.asarray(xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3]))


def converted(light: Array, source: str, target: str) -> Array:
    """Linear light (n, 3) in other primaries of the same white."""
    return np.asarray(light @ (np.linalg.inv(to_xyz(target)) @ to_xyz(source)).T)


BRADFORD = np.array([(0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)])


def adapted(light: Array, source: str, target: str) -> Array:
    """Linear light (n, 3) in primaries of another white; greys stay grey."""
    one, other = (BRADFORD @ to_xyz(primaries).sum(1) for primaries in (source, target))
    adaptation = np.linalg.inv(BRADFORD) @ np.diag(other / one) @ BRADFORD
    return np.asarray(light @ (np.linalg.inv(to_xyz(target)) @ adaptation @ to_xyz(source)).T)


def pq(nits: Array) -> Array:
    """SMPTE ST 2084."""
    y = np.clip(nits / 10_000, 0, 1) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def hlg(nits: Array) -> Array:
    """ITU-R BT.2100: inverse OOTF of a display of 1000 nits, then the OETF; BT.2020 light (n, 3)."""
    display = nits / 1000
    luma = np.maximum(display @ np.array((0.2627, 0.6780, 0.0593)), 1e-9)[:, None]
    scene = display * luma ** (1 / 1.2 - 1)
    root = np.sqrt(3 * np.minimum(scene, 1 / 12))
    log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.asarray(np.where(scene <= 1 / 12, root, log))


def coded(rgb: Array, matrix: str, *, full: bool = False) -> NDArray[np.uint16]:
    """10-bit Y'CbCr (n, 3) of R'G'B'."""
    red, blue = LUMA_WEIGHTS[matrix]
    luma = rgb @ np.array((red, 1 - red - blue, blue))
    cb, cr = (rgb[:, 2] - luma) / (2 - 2 * blue), (rgb[:, 0] - luma) / (2 - 2 * red)
    if full:
        return np.round(np.stack([1023 * luma, 512 + 1023 * cb, 512 + 1023 * cr], 1)).astype(np.uint16)
    return np.round(np.stack([64 + 876 * luma, 512 + 896 * cb, 512 + 896 * cr], 1)).astype(np.uint16)


@pytest.fixture
def patches(make_video: MakeVideo, tmp_path: Path) -> Patches:
    """Makes a lossless video of two frames from planes of numbers (n, 3) and tags in ffmpeg's words."""

    def make(numbers: NDArray[np.uint16], pixels: str = "yuv444p10le", **tags: str) -> Path:
        rows = np.repeat(np.repeat(numbers.T[:, None, :], PATCH, axis=2), PATCH, axis=1)
        raw = tmp_path / "planes.raw"
        raw.write_bytes(np.stack([rows, rows]).astype("<u2").tobytes())
        size = f"{PATCH * len(numbers)}x{PATCH}"
        return make_video(
            tmp_path / "patches.mkv",
            *("-f", "rawvideo", "-pix_fmt", pixels, "-video_size", size, "-framerate", "10", "-i", str(raw)),
            *("-vf", "setparams=" + ":".join(f"{name}={value}" for name, value in tags.items()), "-c:v", "ffv1"),
            *(part for name, value in tags.items() for part in (f"-{_OPTIONS.get(name, name)}", value)),
        )

    return make


_OPTIONS = {"range": "color_range"}


def first_frame(path: Path, size: tuple[int, int] | None = None, background: str = BLACK) -> Frame:
    """The first frame that the packager encodes of a source, at its own size or another one."""
    plan = make_plan(Request(path, path.with_suffix(".bundle"), background=background))
    width, height = size or (plan.info.video.width, plan.info.video.height)
    return next(reference_frames(path, plan.treatment, width, height))


def middles(frame: Frame) -> Array:
    """R'G'B' (n, 3) in the middle of every patch, from BT.709 Y'CbCr."""
    at = np.arange(PATCH // 2, frame.width, PATCH)
    y = (frame.y[PATCH // 2, at].astype(float) - 16) / 219
    u, v = ((plane[PATCH // 4, at // 2].astype(float) - 128) / 224 for plane in (frame.u, frame.v))
    return np.stack([y + 1.5748 * v, y - 0.18733 * u - 0.46813 * v, y + 1.8556 * u], 1)


def in_range(frame: Frame) -> bool:
    chroma = np.stack([frame.u, frame.v])
    return bool(frame.y.min() >= 16 and frame.y.max() <= 235 and chroma.min() >= 16 and chroma.max() <= 240)


PQ = {"color_primaries": "bt2020", "color_trc": "smpte2084", "colorspace": "bt2020nc", "range": "tv"}
HLG = PQ | {"color_trc": "arib-std-b67"}
CURVES = {"pq": (pq, PQ), "hlg": (hlg, HLG)}


@pytest.mark.parametrize("kind", CURVES)
def test_hdr_shows_a_ramp_of_light_as_sdr_does_with_white_near_the_top(patches: Patches, kind: str) -> None:
    curve, tags = CURVES[kind]
    nits = np.array([0, 1, 5, 20, 50, 100, 130, 203, 300, 400, 600, 800, 1000.0])
    frame = first_frame(patches(coded(curve(nits[:, None] * np.ones(3)), "bt2020nc"), **tags))
    luma = frame.y[PATCH // 2, PATCH // 2 :: PATCH].astype(int)
    dim = nits <= 130
    assert np.abs(luma[dim] - (16 + 219 * (nits[dim] / 203) ** (1 / 2.4))).max() <= 1.5
    assert 16 + 0.9 * 219 <= luma[nits == 203][0] <= 230
    assert (np.diff(luma) >= 0).all()
    assert luma[nits == 203][0] < luma[nits == 400][0] < luma[-1]
    assert in_range(frame)
    assert (np.abs(frame.u.astype(int) - 128) <= 1).all()
    assert (np.abs(frame.v.astype(int) - 128) <= 1).all()


@pytest.mark.parametrize("kind", CURVES)
def test_colours_below_white_come_back_from_hdr(patches: Patches, kind: str) -> None:
    curve, tags = CURVES[kind]
    light = converted(203 * CORNERS**2.4, "bt709", "bt2020")
    got = middles(first_frame(patches(coded(curve(light), "bt2020nc"), **tags)))
    assert np.abs(255 * (got - CORNERS)).max() <= 4


@pytest.mark.parametrize("kind", CURVES)
def test_highlights_keep_their_hue(patches: Patches, kind: str) -> None:
    curve, tags = CURVES[kind]
    colour = np.array([(1, 0.3, 0.2), (0.3, 1, 0.2), (0.25, 0.3, 1)])
    light = converted(700 * colour, "bt709", "bt2020")
    frame = first_frame(patches(coded(curve(light), "bt2020nc"), **tags))
    got = middles(frame) ** 2.4
    assert np.abs(got / got.max(1, keepdims=True) - colour).max() < 0.03
    assert in_range(frame)


def test_no_code_beyond_the_range_comes_from_the_widest_gamut_and_brightest_light(patches: Patches) -> None:
    extremes = np.array([(r, g, b) for r in (0, 1.0) for g in (0, 1.0) for b in (0, 1.0)])
    path = patches(coded(extremes, "bt2020nc"), **PQ)
    for size in ((128, 16), (50, 6)):
        assert in_range(first_frame(path, size))


@pytest.mark.parametrize("primaries", ["bt2020", "smpte432"])
@pytest.mark.parametrize("full", [False, True])
def test_wide_gamut_sdr_becomes_bt709(patches: Patches, primaries: str, full: bool) -> None:
    light = np.clip(converted(CORNERS**2.4, "bt709", primaries), 0, 1)
    matrix = "bt2020nc" if primaries == "bt2020" else "bt709"
    numbers = coded(light ** (1 / 2.4), matrix, full=full)
    tags = {"color_primaries": primaries, "color_trc": "bt709", "colorspace": matrix, "range": "pc" if full else "tv"}
    got = middles(first_frame(patches(numbers, **tags)))
    assert np.abs(255 * (got - CORNERS)).max() <= 3


def test_primaries_of_another_white_keep_greys_grey(patches: Patches) -> None:
    muted = np.array([(120, 120, 120), (170, 120, 100), (100, 140, 110), (110, 120, 170)]) / 255
    tags = {"color_primaries": "bt470m", "colorspace": "fcc", "range": "tv"}
    got = middles(first_frame(patches(coded(muted, "fcc"), **tags)))
    assert np.abs(255 * (got - adapted(muted**2.4, "bt470m", "bt709") ** (1 / 2.4))).max() <= 5


YCGCO = np.array([(0.25, 0.5, 0.25), (-0.25, 0.5, -0.25), (0.5, 0, -0.5)])
"""Y, Cg, Co of R'G'B' (ITU-T H.273)."""


@pytest.mark.parametrize("matrix", ["smpte240m", "fcc", "ycgco"])
def test_odd_matrices_are_taken_off(patches: Patches, matrix: str) -> None:
    if matrix == "ycgco":
        y, cg, co = YCGCO @ CORNERS.T
        numbers = np.round(1023 * np.stack([y, cg, co], 1) + (0, 512, 512)).astype(np.uint16)
    else:
        numbers = coded(CORNERS, matrix, full=True)
    got = middles(first_frame(patches(numbers, colorspace=matrix, range="pc")))
    assert np.abs(255 * (got - CORNERS)).max() <= 3


def test_rgb_in_the_planes_of_yuv_is_rgb() -> None:
    """No file of ours can claim it: ffmpeg writes none, and turns what it reads into RGB."""
    raw = np.repeat(np.round(65535 * CORNERS[:, [1, 2, 0]]).T[:, None, :], PATCH, 1).repeat(PATCH, 2).astype("<u2")
    chain = [*sdr_filters(Colour("identity", full_range=True)), *sdr_size_filters(Colour("identity"), 80, 16)]
    stream = ffmpeg.input("pipe:0", f="rawvideo", pix_fmt="yuv444p16le", video_size=(PATCH * len(CORNERS), PATCH))
    output = apply_filters(stream, chain).output("pipe:1", f="rawvideo")
    command = [str(find_program("ffmpeg")), "-v", "error", *output.get_args()]
    data = subprocess.run(command, input=raw.tobytes(), capture_output=True, check=True).stdout
    got = middles(frame_from_i420(data, PATCH * len(CORNERS), PATCH, Fraction(0)))
    assert np.abs(255 * (got - CORNERS)).max() <= 3


@pytest.mark.parametrize(
    "made",
    [
        "t=bt2020-10:p=bt2020:m=bt2020c",
        "t=bt709:p=bt2020:m=chroma-derived-nc",
        "t=smpte2084:p=bt2020:m=ictcp:npl=203",
        "t=smpte2084:p=smpte432:m=bt2020nc:npl=203",
        "t=bt470m:p=bt709:m=bt709",
        "t=bt470bg:p=bt709:m=bt709",
        "t=linear:p=bt709:m=bt709",
        "t=log100:p=bt709:m=bt709",
        "t=log316:p=bt2020:m=bt2020nc",
        "t=bt2020-12:p=bt2020:m=bt2020nc",
    ],
)
def test_what_zscale_has_made_comes_back(make_video: MakeVideo, tmp_path: Path, made: str) -> None:
    raw = tmp_path / "planes.raw"
    planes = np.round(65535 * CORNERS[:, [1, 2, 0]]).T[:, None, :]
    raw.write_bytes(np.repeat(np.repeat(planes, PATCH, 1), PATCH, 2).astype("<u2").tobytes())
    path = make_video(
        tmp_path / "made.mkv",
        *("-f", "rawvideo", "-pix_fmt", "gbrp16le", "-video_size", f"{PATCH * len(CORNERS)}x{PATCH}", "-i", str(raw)),
        *("-vf", f"zscale=tin=bt709:pin=bt709:min=gbr:rin=full:r=limited:{made},format=yuv444p12le", "-c:v", "ffv1"),
    )
    got = middles(first_frame(path))
    assert np.abs(255 * (got - CORNERS)).max() <= (10 if "linear" in made or "log" in made else 3)


def test_odd_sizes_and_grey_are_converted(make_video: MakeVideo, tmp_path: Path) -> None:
    for pixels in ("yuv420p", "gray10le", "yuv411p", "gbrp"):
        path = make_video(
            tmp_path / f"{pixels}.mkv",
            *("-f", "lavfi", "-i", f"color=gray:size=33x17:duration=0.2,format={pixels}", "-c:v", "ffv1"),
            *("-vf", "setparams=color_primaries=bt2020:color_trc=smpte2084"),
        )
        assert colour_of(probe(path).video).dynamic_range == "pq"
        frame = first_frame(path, (32, 16))
        assert 150 <= frame.y.mean() <= 215  # PQ's middle code is 92 nits


SEE_THROUGH = np.array([(200, 100, 50, alpha) for alpha in (0, 64, 128, 255)])
"""R'G'B' and alpha of 255."""


@pytest.mark.parametrize("background", ["black", "#336699"])
@pytest.mark.parametrize("kind", ["yuva444p10le", "gbrap10le"])
def test_straight_alpha_is_laid_over_the_background(patches: Patches, kind: str, background: str) -> None:
    rgb, alpha = SEE_THROUGH[:, :3] / 255, SEE_THROUGH[:, 3:] / 255
    planes = coded(rgb, "bt709") if kind.startswith("yuv") else np.round(1023 * rgb[:, [1, 2, 0]])
    numbers = np.concatenate([planes, np.round(1023 * alpha)], 1).astype(np.uint16)
    tags = {"colorspace": "bt709", "range": "tv"} if kind.startswith("yuv") else {"range": "pc"}
    path = patches(numbers, kind, **tags)
    assert probe(path).video.alpha
    got = middles(first_frame(path, background=parse_background(background)))
    behind = np.array([0, 0, 0] if background == "black" else [0x33, 0x66, 0x99]) / 255
    assert np.abs(255 * (got - (alpha * rgb + (1 - alpha) * behind))).max() <= 4


def test_transparent_parts_of_wide_gamut_and_hdr_show_the_background_as_it_is(patches: Patches) -> None:
    numbers = np.full((2, 4), 512, np.uint16)
    numbers[:, 3] = 0
    for tags in (PQ, HLG, PQ | {"color_trc": "bt709"}):
        got = middles(first_frame(patches(numbers, "yuva444p10le", **tags), background="#c0a080"))
        assert np.abs(255 * got - (0xC0, 0xA0, 0x80)).max() <= 4


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.mov", ("-c:v", "prores_ks", "-profile:v", "4", "-pix_fmt", "yuva444p10le")),
        ("a.mov", ("-c:v", "png", "-pix_fmt", "rgba")),
        ("a.gif", ("-filter_complex", "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse")),
    ],
)
def test_files_with_a_hole_show_black_in_it(
    make_video: MakeVideo, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    hole = "format=rgba,geq=r=200:g=200:b=200:a='if(lt(X,32),0,255)'"
    path = make_video(
        tmp_path / name, *("-f", "lavfi", "-i", f"color=white:size=64x64:rate=10:duration=0.3,{hole}"), *arguments
    )
    video = probe(path).video
    assert (video.alpha, video.opaque) == (True, False)
    frame = first_frame(path)
    assert abs(int(frame.y[32, 8]) - 16) <= 1
    assert abs(int(frame.y[32, 56]) - (16 + 219 * 200 / 255)) <= 1


@pytest.mark.parametrize("pixels", ["rgba", "yuva420p", "yuva444p10le", "yuva444p12le", "rgba64le"])
def test_what_is_opaque_loses_nothing_to_its_alpha_plane(make_video: MakeVideo, tmp_path: Path, pixels: str) -> None:
    white = f"color=white:size=32x32:rate=10:duration=0.2,format=rgba,scale=out_range=tv,format={pixels}"
    frame = first_frame(make_video(tmp_path / "white.mkv", "-f", "lavfi", "-i", white, "-c:v", "ffv1"))
    assert probe(tmp_path / "white.mkv").video.alpha
    assert abs(frame.y.mean() - 235) < 0.3  # the scale filter dithers


def test_colours_that_cannot_be_converted_are_refused_in_one_sentence(testsrc_video: Path) -> None:
    video = probe(testsrc_video).video
    for matrix in ("ipt-c2", "ycgco-re", "smpte2085", "ictcp"):
        with pytest.raises(UnreadableSourceError, match=f"coded as {matrix.upper()}, which cannot be converted"):
            colour_of(replace(video, matrix=matrix))
    assert colour_of(replace(video, matrix="ictcp", transfer=18)).needs_zscale
    with pytest.raises(UnreadableSourceError, match="zscale"):
        without_zscale(colour_of(replace(video, matrix="ycgco")))


@pytest.mark.parametrize(
    ("facts", "primaries", "transfer"),
    [
        ({"primaries": 1, "transfer": 1}, "bt709", "bt709"),
        ({"primaries": 6, "transfer": 6}, "bt709", "bt709"),
        ({"primaries": 5, "transfer": 5}, "bt709", "bt709"),  # a PAL DVD
        ({"primaries": 1, "transfer": 13}, "bt709", "bt709"),
        ({"primaries": 1, "transfer": 5}, "bt709", "bt470bg"),
        ({"primaries": 12, "transfer": 13}, "smpte432", "bt709"),
        ({"primaries": 2, "transfer": 16}, "bt2020", "smpte2084"),
        ({"primaries": 2, "transfer": 14}, "bt2020", "bt709"),
        ({"primaries": 2, "transfer": 1, "matrix": "bt2020"}, "bt2020", "bt709"),
    ],
)
def test_primaries_and_transfers_are_read_from_the_tags(
    testsrc_video: Path, facts: dict[str, int], primaries: str, transfer: str
) -> None:
    colour = colour_of(replace(probe(testsrc_video).video, **facts))
    assert (colour.primaries, colour.transfer) == (primaries, transfer)


def test_untagged_video_is_bt709_from_720_rows_on(testsrc_video: Path) -> None:
    video = replace(probe(testsrc_video).video, matrix=None)
    assert colour_of(replace(video, width=1280, height=720)).matrix == "bt709"
    assert colour_of(replace(video, width=720, height=1280)).matrix == "bt709"
    assert colour_of(replace(video, width=720, height=576)).matrix == "bt601"
    assert colour_of(replace(video, width=720, height=576, matrix="bt2020")).matrix == "bt2020"


@pytest.mark.parametrize(("transfer", "expected"), [(16, "pq"), (18, "hlg"), (1, "sdr"), (2, "sdr")])
def test_hdr_is_tone_mapped_where_ffmpeg_can(testsrc_video: Path, transfer: int, expected: str) -> None:
    colour = colour_of(replace(probe(testsrc_video).video, transfer=transfer))
    assert colour.dynamic_range == expected
    assert without_zscale(colour).dynamic_range == "sdr"


def test_ordinary_video_is_not_converted_twice() -> None:
    assert sdr_filters(Colour("bt601", full_range=True)) == []


@pytest.mark.parametrize(("text", "colour"), [("white", "#ffffff"), ("Teal", "#008080"), ("#12aBfF", "#12abff")])
def test_a_background_is_a_name_or_six_digits(text: str, colour: str) -> None:
    assert parse_background(text) == colour


@pytest.mark.parametrize("text", ["", "blurple", "#fff", "0x123456", "#12345g"])
def test_what_is_no_background_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither #rrggbb nor one of black"):
        parse_background(text)


def test_mastering_metadata_is_read_and_sets_the_peak(make_video: MakeVideo, tmp_path: Path) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,50)"
    path = make_video(
        tmp_path / "hdr10.mp4",
        *("-f", "lavfi", "-i", "color=gray:size=64x64:duration=0.2,format=yuv420p10le", "-c:v", "libx265"),
        "-x265-params",
        f"log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:master-display={display}:max-cll=1500,400",
    )
    video = probe(path).video
    assert video.mastering == MasteringDisplay(
        (34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450), 40000000, 50
    )
    assert video.content_light == (1500, 400)
    assert colour_of(video).peak_nits == 1500
    assert colour_of(replace(video, content_light=None)).peak_nits == 4000
    assert colour_of(replace(video, content_light=(0, 0), mastering=None)).peak_nits == 1000
