"""The HDR ladder beside the SDR one, and sources whose colours decide what is made of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from manifests.bundle import open_bundle
from manifests.verify import verify_bundle
from media.colour.dolby_vision import DolbyVision, dolby_vision
from media.colour.mastering import MasteringDisplay
from media.source.probe import VideoInfo, probe
from packager.cli import main
from packager.hdr import HdrSettings, hdr_rungs, svtav1_parameters, x265_parameters
from packager.ladder.sizes import LadderRung, Size
from packager.rungs import Bitrate, Crf

if TYPE_CHECKING:
    from tests.support.media import MakeVideo

pytestmark = pytest.mark.slow

Package = Callable[..., Path]

DISPLAY = MasteringDisplay((34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450), 10_000_000, 50)
DISPLAY_TEXT = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
WHITE_CODE = {"pq": 573, "hlg": 721}
"""10-bit luma of diffuse white (203 nits), ITU-R BT.2408."""
TRANSFERS = {"pq": ("smpte2084", 16), "hlg": ("arib-std-b67", 18)}


def hdr_video(make_video: MakeVideo, path: Path, kind: str, extra: str = "") -> Path:
    """One second of diffuse white, 256x144, 24 frames a second, HEVC Main 10, the second half of it darker."""
    transfer = TRANSFERS[kind][0]
    white = f"geq=lum='if(lt(N,12),{WHITE_CODE[kind]},300)':cb=512:cr=512"
    return make_video(
        path,
        *("-f", "lavfi", "-i", f"color=gray:size=256x144:rate=24:duration=1,format=yuv420p10le,{white}"),
        *("-c:v", "libx265", "-preset", "ultrafast", "-crf", "8", "-tag:v", "hvc1", "-color_range", "tv"),
        *("-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", "-x265-params"),
        f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:range=limited{extra}",
    )


def joined(bundle: Path, rung: str, path: Path) -> Path:
    """A rung of a bundle as one file."""
    opened = open_bundle(bundle)
    [r] = [r for r in opened.presentation.representations if r.id == rung]
    hrefs = [r.init_href, *(segment.href for segment in r.segments)]
    path.write_bytes(b"".join(opened.read(href) for href in hrefs))
    return path


def luma_of(path: Path) -> list[float]:
    """The mean luma of each frame, as the file's own bits have it."""
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray()[: frame.height].mean()) for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("kind", "codec", "extra"),
    [
        ("pq", "h264", f":hdr10=1:master-display={DISPLAY_TEXT}:max-cll=1000,400"),
        ("hlg", "h264", ""),
        ("pq", "av1", f":hdr10=1:master-display={DISPLAY_TEXT}:max-cll=1000,400"),
    ],
)
def test_an_hdr_ladder_stands_beside_the_sdr_one(
    make_video: MakeVideo, tmp_path: Path, package: Package, kind: str, codec: str, extra: str
) -> None:
    source = hdr_video(make_video, tmp_path / "source.mp4", kind, extra)
    bundle = package(source, "--hdr", "--codec", codec, "--rungs", "72@crf20,144@crf20", "--segment-seconds", "0.5")
    assert not verify_bundle(bundle).problems
    presentation = open_bundle(bundle).presentation
    rungs = {r.id: r for r in presentation.representations}
    assert {r.id for r in presentation.video} == {"v72", "v144"}
    assert {r.id for r in presentation.hdr_video} == {"v72-hdr", "v144-hdr"}
    for sdr, hdr in ((rungs["v72"], rungs["v72-hdr"]), (rungs["v144"], rungs["v144-hdr"])):
        assert (sdr.video.dynamic_range, hdr.video.dynamic_range) == ("sdr", kind)
        assert (hdr.video.width, hdr.video.height) == (sdr.video.width, sdr.video.height)
        assert hdr.segments == sdr.segments

    made = joined(bundle, "v72-hdr", tmp_path / "hdr.mp4")
    video: VideoInfo = probe(made).video
    assert video.codec.startswith(("libdav1d", "av1") if codec == "av1" else "hevc")
    assert (video.pixel_format, video.matrix, video.full_range) == ("yuv420p10le", "bt2020", False)
    assert (video.primaries, video.transfer) == (9, TRANSFERS[kind][1])
    assert video.mastering == (DISPLAY if extra else None)
    assert video.content_light == ((1000, 400) if extra else None)
    hdr_luma, sdr_luma = luma_of(made), luma_of(joined(bundle, "v72", tmp_path / "sdr.mp4"))
    assert np.abs(np.array(hdr_luma[:12]) - WHITE_CODE[kind]).max() <= 4
    assert np.abs(np.array(hdr_luma[12:]) - 300).max() <= 4
    assert min(sdr_luma[:12]) >= 213
    assert max(sdr_luma[:12]) <= 230


def test_the_same_command_finds_its_work_done_and_another_is_told_what_differs(
    make_video: MakeVideo, tmp_path: Path, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    source = hdr_video(make_video, tmp_path / "source.mp4", "hlg")
    bundle = package(source, "--hdr", "--rungs", "72@crf40")
    capsys.readouterr()
    package(source, "--hdr", "--rungs", "72@crf40")
    assert "already packaged" in capsys.readouterr().err
    assert main([str(source), "-o", str(bundle), "--preset", "ultrafast", "-q", "--rungs", "72@crf40"]) == 1
    assert "(--hdr)" in capsys.readouterr().err


def test_a_source_that_is_not_hdr_has_no_hdr_ladder(
    silent_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(silent_video), "-o", str(tmp_path / "b"), "--hdr", "-q"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line == "neudash package: 'silent.mp4' is not HDR (PQ or HLG), so it has no HDR ladder; leave --hdr out"


def test_hdr_rungs_keep_sizes_and_take_the_scale_of_their_codec() -> None:
    size = Size(320, 180, None)  # type: ignore[arg-type]
    rungs = (
        LadderRung("v180", size, Crf(27)),
        LadderRung("v180-crf50", size, Crf(50)),
        LadderRung("v180-800k", size, Bitrate(800_000)),
    )
    made = hdr_rungs(rungs, 3, 51)
    assert [(r.id, str(r.rate)) for r in made] == [
        ("v180-hdr", "crf30"),
        ("v180-crf50-hdr", "crf51"),
        ("v180-800k-hdr", "800k"),
    ]
    assert all(r.size is size for r in made)


def test_mastering_metadata_goes_to_the_encoder_in_its_own_units() -> None:
    settings = HdrSettings("hevc", "smpte2084", DISPLAY, (1000, 400))
    assert f"master-display={DISPLAY_TEXT}" in x265_parameters(settings)
    assert "max-cll=1000,400" in x265_parameters(settings)
    display, light = svtav1_parameters(settings)
    numbers = "G(0.26500,0.69000)B(0.15000,0.06000)R(0.68000,0.32000)WP(0.31270,0.32900)L(1000,0.005)"
    assert (display, light) == (f"mastering-display={numbers}", "content-light=1000,400")
    assert svtav1_parameters(HdrSettings("av1", "arib-std-b67", None, None)) == []


def with_dolby_vision(path: Path, profile: int, compatibility_id: int) -> None:
    """Put a `dvcC` box into the sample entry of an MP4 whose `moov` is at the end."""
    level, flags = 3, 0b101  # RPU and base layer, no enhancement layer
    word = profile << 9 | level << 3 | flags
    box = struct.pack(">I4s2BHB19x", 32, b"dvcC", 1, 0, word, compatibility_id << 4)
    data = bytearray(path.read_bytes())
    at = data.index(b"hvc1", data.index(b"stsd")) - 4
    (size,) = struct.unpack_from(">I", data, at)
    data[at + size : at + size] = box
    parents = [data.rindex(name, 0, at) - 4 for name in (b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov")]
    for parent in (at, *parents):
        struct.pack_into(">I", data, parent, struct.unpack_from(">I", data, parent)[0] + len(box))
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("profile", "compatibility_id", "is_refused"), [(5, 0, True), (8, 1, False), (8, 4, False), (7, 6, False)]
)
def test_dolby_vision_without_a_usual_base_layer_is_refused(
    make_video: MakeVideo,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    profile: int,
    compatibility_id: int,
    is_refused: bool,
) -> None:
    source = hdr_video(make_video, tmp_path / "dolby.mp4", "pq")
    with_dolby_vision(source, profile, compatibility_id)
    assert probe(source).video.dolby_vision == DolbyVision(profile, compatibility_id)
    status = main([str(source), "-o", str(tmp_path / "b"), "--rungs", "72@crf40", "--preset", "ultrafast", "-q"])
    error = capsys.readouterr().err
    assert status == int(is_refused)
    if is_refused:
        [line] = error.splitlines()
        assert line.startswith("neudash package: this source is Dolby Vision of profile 5, whose colours only")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "DOVI configuration record: version: 1.0, profile: 5, level: 6, rpu flag: 1, el flag: 0, bl flag: 1, "
            "compatibility id: 0",
            DolbyVision(5, 0),
        ),
        (
            "DOVI configuration record: version: 1.0, profile: 8, level: 6, rpu flag: 1, el flag: 0, bl flag: 1, "
            "compatibility id: 1, compression: 0",
            DolbyVision(8, 1),
        ),
        ("Mastering Display Metadata, has_primaries:1", None),
    ],
)
def test_the_configuration_is_read_from_what_ffmpeg_says(line: str, expected: DolbyVision | None) -> None:
    assert dolby_vision(f"0:0[0x1](und): Video: hevc (Main 10)\n  Side data:\n      {line}\n") == expected


def test_transparent_parts_show_the_background_and_a_warning_says_so(
    make_video: MakeVideo, tmp_path: Path, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_video(
        tmp_path / "clear.webm",
        *("-f", "lavfi", "-i", "color=white@0:size=64x64:rate=10:duration=0.5,format=yuva420p"),
        *("-c:v", "libvpx-vp9", "-auto-alt-ref", "0"),
    )
    bundle = package(source, "--background", "#808080")
    assert "has an alpha channel; its transparent parts are laid over #808080" in capsys.readouterr().err
    rung = open_bundle(bundle).presentation.video[0].id
    assert np.abs(np.array(luma_of(joined(bundle, rung, tmp_path / "grey.mp4"))) - 126).max() <= 2


def test_a_background_that_is_not_a_colour_is_refused_before_anything(
    silent_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(silent_video), "-o", str(tmp_path / "b"), "--background", "blurple"])
    assert "'blurple' is neither #rrggbb nor one of black" in capsys.readouterr().err
