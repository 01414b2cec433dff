"""One small input for each kind of fault that the field showed, and what is right for it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from tests.field.expected import DAMAGE, FIELDS, FILM, MIDDLE_OF_WIDE, NOT_ACCEPTED, held, hidden, unreadable
from tests.field.inputs import (
    AAC,
    BT709_TAGS,
    GOP,
    H264,
    HEIGHT,
    LENGTH_S,
    TO_BT709,
    WIDTH,
    Maker,
    clicks,
    picture,
    with_clap,
)
from tests.field.judge import WIDE, Expectation, Right, Track

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FRAMES = 48

PLAIN = Right(codes=range(FRAMES), flashes_s=(0, 1), clicks_s=(0, 1))
SILENT = replace(PLAIN, clicks_s=None)
TWICE = replace(PLAIN, codes=(*range(FRAMES), *range(FRAMES)), flashes_s=(0, 1, 2, 3), clicks_s=(0, 1, 2, 3))
FROM_HALF = replace(PLAIN, codes=range(12, FRAMES), flashes_s=(0.5,), clicks_s=(0.5,))
"""The plain expectation, but everything begins at half a second."""


_FROM_HALF_S = (0.5, 1.5, 2.5)


@dataclass(frozen=True)
class Kind:
    """One input."""

    make: Callable[[Maker, str], Path]
    """Makes the input of that name."""
    right: Expectation
    options: tuple[str, ...] = ()
    """Options of `neudash package`, besides those for speed."""


def _ts(make: Maker, name: str, *arguments: str) -> Path:
    return make(name, *arguments, "-f", "mpegts")


def _one_after_the_other(make: Maker, name: str, first: tuple[str, ...], second: tuple[str, ...]) -> Path:
    """Two parts as `cat` joins them, the second with stamps that begin where the first one's pictures end."""
    one = _ts(make, f"first-{name}", *first)
    # Below zero the muxer moves stamps by itself, so the trial is far above.
    trial = _ts(make, f"trial-{name}", *second, "-output_ts_offset", "100")
    offset_s = 100 + _pictures_s(one)[1] - _pictures_s(trial)[0]
    return make.joined(name, one, _ts(make, f"second-{name}", *second, "-output_ts_offset", f"{float(offset_s):.6f}"))


def _pictures_s(path: Path) -> tuple[Fraction, Fraction]:
    """Returns the begin of the first picture and the end of the last one, at a constant rate."""
    with av.open(str(path)) as container:
        stamps = [(one.pts, one.time_base) for one in container.demux(video=0)]
    times_s = sorted(pts * Fraction(base) for pts, base in stamps if pts is not None and base is not None)
    return times_s[0], times_s[-1] + (times_s[-1] - times_s[0]) / (len(times_s) - 1)


def _size_changes(make: Maker, name: str) -> Path:
    smaller = f"scale=144:108,{TO_BT709},setsar=1"
    return _one_after_the_other(
        make, name, ("-i", make.base, "-c", "copy"), ("-i", make.master, "-vf", smaller, *H264, *AAC)
    )


def _sample_shape_changes(make: Maker, name: str) -> Path:
    anamorphic = f"scale=144:108,{TO_BT709},setsar=4/3"
    return _one_after_the_other(
        make, name, ("-i", make.base, "-c", "copy"), ("-i", make.master, "-vf", anamorphic, *H264, *AAC)
    )


def _layout_changes(make: Maker, name: str) -> Path:
    surround = ("-i", make.base, "-c:v", "copy", "-af", "pan=5.1|FC=c0|FL=0.1*c0|FR=0.1*c0", "-c:a", "ac3")
    stereo = ("-i", make.base, "-c:v", "copy", "-af", "pan=stereo|FL=c0|FR=c0", "-c:a", "ac3")
    return _one_after_the_other(make, name, surround, stereo)


def _sample_rate_changes(make: Maker, name: str) -> Path:
    mono = ("-i", make.base, "-c:v", "copy", "-c:a", "aac", "-ar", "44100", "-ac", "1")
    stereo = ("-i", make.base, "-c:v", "copy", "-c:a", "aac", "-ac", "2")
    return _one_after_the_other(make, name, mono, stereo)


def _joined_back_in_time(make: Maker, name: str) -> Path:
    later = _ts(make, f"later-{name}", "-i", make.base, "-c", "copy", "-output_ts_offset", "5000")
    return make.joined(name, later, _ts(make, f"earlier-{name}", "-i", make.base, "-c", "copy"))


def _begins_in_a_gop(make: Maker, name: str) -> Path:
    """Cut in the middle of a frame of the first group, so that the second key frame is the first picture."""
    whole = _ts(make, f"whole-{name}", "-i", make.base, "-c", "copy")
    with av.open(str(whole)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
    path = make.folder / name
    path.write_bytes(whole.read_bytes()[places[GOP // 2] + 188 :])
    return path


def _one_stamp_off(make: Maker, name: str) -> Path:
    stamps = "setts=pts='if(eq(N\\,25)\\,PTS+3600/TB\\,PTS)'"
    return make(name, "-i", make.master, "-vf", TO_BT709, *H264, "-bf", "0", *AAC, "-bsf:v", stamps)


def _clap(make: Maker, name: str) -> Path:
    path = make.folder / name
    path.write_bytes(with_clap(Path(make.base).read_bytes(), WIDTH * 3 // 4, HEIGHT))
    return path


def _pixel_crop(make: Maker, name: str) -> Path:
    return make(name, "-i", str(_clap(make, f"{name}.mp4")), "-c", "copy")


def _jittering(make: Maker, name: str) -> Path:
    """Each frame up to 24 ms late, the first of them on time."""
    late = f"setpts='PTS+0.006*mod(N*7\\,5)/TB',{TO_BT709}"
    stamps = ("-fps_mode", "passthrough", "-enc_time_base", "1/1000")
    return make(name, "-i", make.master, "-vf", late, *stamps, *H264, "-bf", "0", *AAC)


def _lively(make: Maker, name: str) -> Path:
    """60 frames a second for half a second and at the end, one in 20 between."""
    frames = f"select='lt(t\\,0.5)+gt(t\\,1.5)+not(mod(n\\,20))',{TO_BT709}"
    return make(name, *picture("60"), *clicks(), "-vf", frames, "-fps_mode", "vfr", *H264, *AAC)


_LIVELY = [n for n in range(120) if n < 30 or n > 90 or n % 20 == 0]


def _languages(make: Maker, name: str) -> Path:
    tracks = ("-map", "0:v", "-map", "0:a", "-map", "1:a", "-map", "2:a", "-c:v", "copy", *AAC)
    tags = [("eng", ""), ("fra", ""), ("eng", "Commentary")]
    metadata = [
        word
        for number, (language, title) in enumerate(tags)
        for word in (f"-metadata:s:a:{number}", f"language={language}", f"-metadata:s:a:{number}", f"title={title}")
    ]
    sounds = (*clicks(pitch_hz=500), *clicks(pitch_hz=700))
    return make(name, "-i", make.base, *sounds, *tracks, *metadata, "-disposition:a:2", "comment")


def _surround(make: Maker, name: str) -> Path:
    """5.1 of which the centre alone is heard."""
    return make(name, "-i", make.base, "-c:v", "copy", "-af", "pan=5.1|FC=c0", "-c:a", "flac")


def _mono_tracks(make: Maker, name: str) -> Path:
    """A camera's two microphones, a track each."""
    split = "[0:a]asplit[a][b];[b]volume=0.5[c]"
    tracks = ("-map", "0:v", "-map", "[a]", "-map", "[c]", "-c:v", "copy", "-c:a", "pcm_s16le")
    return make(name, "-i", make.base, "-filter_complex", split, *tracks)


def _programmes(make: Maker, name: str) -> Path:
    """A small picture with a high sound, and a large one with a low sound."""
    small = ("-map", "0:v", "-map", "0:a", "-filter:v:0", f"scale=96:54,{TO_BT709}")
    large = ("-map", "0:v", "-map", "1:a", "-filter:v:1", TO_BT709)
    programs = ("-program", "title=a:st=0:st=1", "-program", "title=b:st=2:st=3")
    return _ts(make, name, "-i", make.master, *clicks(pitch_hz=500), *small, *large, *H264, *AAC, *programs)


def _wide_gamut(make: Maker, name: str) -> Path:
    """P3 primaries, BT.709 for all else, as a Mac records its screen."""
    to_p3 = "zscale=tin=bt709:pin=bt709:min=gbr:rin=full:t=bt709:p=smpte432:m=bt709:r=limited,format=yuv420p"
    tags = ("-color_primaries", "smpte432", "-color_trc", "bt709", "-colorspace", "bt709")
    return make(name, "-i", make.master, "-vf", to_p3, "-c:v", "libx264", "-crf", "12", *tags, *AAC)


def _hdr(make: Maker, name: str) -> Path:
    """PQ whose white is the reference, 203 nits."""
    to_pq = (
        "zscale=tin=bt709:pin=bt709:min=gbr:rin=full:t=smpte2084:p=bt2020:m=bt2020nc:r=limited:npl=203,"
        "format=yuv420p10le"
    )
    parameters = "log-level=none:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    encoder = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", parameters, "-crf", "14", "-tag:v", "hvc1")
    return make(name, "-i", make.master, "-vf", to_pq, *encoder, *AAC)


def _transparent(make: Maker, name: str) -> Path:
    """A hole where the box in the middle is."""
    hole = (
        "format=gbrap,geq=r='r(X\\,Y)':g='g(X\\,Y)':b='b(X\\,Y)'"
        ":a='if(between(X\\,W*11/32\\,W*21/32)*between(Y\\,H/3\\,H*11/18)\\,0\\,255)'"
    )
    return make(name, "-i", make.master, "-vf", hole, "-pix_fmt", "argb", "-c:v", "qtrle", "-c:a", "pcm_s16le")


_FIELDS = f"{TO_BT709},tinterlace=interleave_top,setfield=tff"
_INTERLACED = (*H264, "-flags", "+ilme+ildct", "-x264-params", "tff=1")


def _fields(make: Maker, name: str) -> Path:
    """50 fields a second, each of another moment."""
    return _ts(make, name, *picture("50"), *clicks(), "-vf", _FIELDS, *_INTERLACED, *AAC)


def _progressive_then_fields(make: Maker, name: str) -> Path:
    frames = (*picture("25", 1), *clicks(1), "-vf", TO_BT709, *H264, "-bf", "0", *AAC)
    fields = (*picture("50", 1), *clicks(1), "-vf", _FIELDS, *_INTERLACED, "-bf", "0", *AAC)
    return _one_after_the_other(make, name, frames, fields)


def _telecined(make: Maker, name: str) -> Path:
    pulldown = f"{TO_BT709},telecine=first_field=top:pattern=23,setfield=tff"
    encoder = ("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct", *BT709_TAGS, "-c:a", "ac3")
    return _ts(make, name, *picture("24000/1001"), *clicks(), "-vf", pulldown, *encoder)


def _slow_gif(make: Maker, name: str) -> Path:
    """Three pictures that stay for 0.5, 1 and 0.5 s."""
    three = "[0:v]select='eq(n\\,0)+eq(n\\,12)+eq(n\\,36)',split[a][b];[a]palettegen[p];[b][p]paletteuse"
    return make(name, "-i", make.master, "-filter_complex", three, "-fps_mode", "vfr", "-final_delay", "50")


def _noisy(make: Maker, name: str) -> Path:
    """Packets 14 to 18 are noise, which spoils the picture until the next key frame."""
    return make.copy(name, "-bsf:v", "noise=amount='if(between(n\\,14\\,18)\\,30\\,0)'")


def _holed(make: Maker, name: str) -> Path:
    """Nothing but zeros from 0.6 to 0.75 s, as a bad disk or a lost signal leaves it."""
    whole = _ts(make, f"whole-{name}", "-i", make.base, "-c", "copy").read_bytes()
    packets = len(whole) // 188
    begin, end = (188 * round(packets * at_s / LENGTH_S) for at_s in (0.6, 0.75))
    path = make.folder / name
    path.write_bytes(whole[:begin] + bytes(end - begin) + whole[end:])
    return path


def _one_frame(make: Maker, name: str) -> Path:
    return _ts(make, name, "-i", make.master, "-vf", TO_BT709, *H264, "-frames:v", "1", "-t", "0.04", *AAC)


def _ycgco(make: Maker, name: str) -> Path:
    to_ycgco = "zscale=min=gbr:rin=full:m=ycgco:r=full,format=yuv444p"
    tags = ("-colorspace", "ycgco", "-color_range", "pc")
    return make(name, "-i", make.master, "-vf", to_ycgco, "-c:v", "libx264", "-crf", "10", *tags, *AAC)


def _mxf(make: Maker, name: str) -> Path:
    codecs = ("-c:v", "mpeg2video", "-q:v", "2", *BT709_TAGS, "-c:a", "pcm_s16le")
    return make(name, *picture("25"), *clicks(), "-vf", TO_BT709, *codecs)


def _encoded(*arguments: str) -> Callable[[Maker, str], Path]:
    return lambda make, name: make(name, "-i", make.master, *arguments)


def _avi(*encoder: str) -> Callable[[Maker, str], Path]:
    """Sound that is as late as an AVI makes pictures: it has no place for the times of B-frames."""
    return _encoded(*encoder, "-bf", "2", "-af", "adelay=2000S", "-c:a", "pcm_s16le")


def _copied(*arguments: str) -> Callable[[Maker, str], Path]:
    return lambda make, name: make.copy(name, *arguments)


def _apart(*, picture_s: float = 0, sound_s: float = 0) -> Callable[[Maker, str], Path]:
    return lambda make, name: make.apart(name, picture_s=picture_s, sound_s=sound_s)


def _vob_apart(make: Maker, name: str) -> Path:
    dvd = ("-c:v", "mpeg2video", "-q:v", "2", "-c:a", "mp2", "-f", "vob")
    late = ("-i", make.master, "-itsoffset", "0.5", "-i", make.master, "-map", "0:v", "-map", "1:a")
    return make(name, *late, "-vf", TO_BT709, *dvd)


def _ogg_apart(make: Maker, name: str) -> Path:
    codecs = ("-c:v", "libtheora", "-q:v", "9", "-c:a", "libvorbis")
    together = make.once("together.ogv", "-i", make.master, "-vf", TO_BT709, *codecs)
    return make(name, "-i", together, "-itsoffset", "0.5", "-i", together, "-map", "0:v", "-map", "1:a", "-c", "copy")


_STARTS: Mapping[str, Kind] = {
    "picture-first.ts": Kind(_apart(sound_s=0.5), replace(PLAIN, clicks_s=(0.5, 1.5))),
    "sound-first.ts": Kind(_apart(picture_s=0.5), replace(PLAIN, clicks_s=(0.5,))),
    "picture-first.vob": Kind(_vob_apart, replace(PLAIN, clicks_s=(0.5, 1.5))),
    "picture-first.ogv": Kind(_ogg_apart, replace(PLAIN, clicks_s=(0.5, 1.5), corner_levels=32)),
    "picture-first-from-half.ts": Kind(_apart(sound_s=0.5), replace(FROM_HALF, clicks_s=(0, 1)), ("--start", "0.5")),
    "begins-in-a-gop.ts": Kind(
        _begins_in_a_gop, replace(PLAIN, codes=range(GOP, FRAMES), flashes_s=(0.5,), clicks_s=(0.5,))
    ),
    "joined-back-in-time.ts": Kind(_joined_back_in_time, TWICE),
    "joined-back-in-time-from-half.ts": Kind(
        _joined_back_in_time,
        replace(TWICE, codes=(*range(12, FRAMES), *range(FRAMES)), flashes_s=_FROM_HALF_S, clicks_s=_FROM_HALF_S),
        ("--start", "0.5"),
    ),
    "clock-wraps.ts": Kind(_copied("-output_ts_offset", "95442.7", "-muxdelay", "0"), PLAIN),
    "clock-wraps-from-half.ts": Kind(
        _copied("-output_ts_offset", "95442.7", "-muxdelay", "0"), FROM_HALF, ("--start", "0.5")
    ),
    "one-stamp-off.mp4": Kind(_one_stamp_off, replace(PLAIN, codes=hidden(24, 25, FRAMES), never=())),
    "one-frame.ts": Kind(_one_frame, Right(range(1), flashes_s=(0,), clicks_s=(0,))),
}

_CHANGES: Mapping[str, Kind] = {
    "size-changes.ts": Kind(_size_changes, replace(TWICE, says=(r"size|shape|changes",))),
    "sample-shape-changes.ts": Kind(_sample_shape_changes, TWICE),
    "layout-changes.ts": Kind(_layout_changes, replace(TWICE, says=(r"changes|layout|channels",))),
    "sample-rate-changes.ts": Kind(_sample_rate_changes, TWICE),
}

# Whether a reader makes up for that frame or not, it is right.
_BY_AVI = replace(PLAIN, sound_ms=45)

_GRIDS: Mapping[str, Kind] = {
    "b-frames.avi": Kind(_avi("-c:v", "mpeg4", "-q:v", "2"), _BY_AVI),
    "b-frames-from-half.avi": Kind(
        _avi("-c:v", "mpeg4", "-q:v", "2"), replace(FROM_HALF, sound_ms=45), ("--start", "0.5")
    ),
    "no-stamps.avi": Kind(_avi("-vf", TO_BT709, *H264), _BY_AVI),
    "mpeg2-from-half.mxf": Kind(
        _mxf,
        Right(range(13, 50), Fraction(25), flashes_s=(0.48,), clicks_s=(0.48,)),
        ("--start", "0.52"),
    ),
    "plain-from-half.y4m": Kind(
        _encoded("-an", "-vf", TO_BT709), replace(FROM_HALF, clicks_s=None, corner_levels=32), ("--start", "0.5")
    ),
    "raw.h264": Kind(_encoded("-an", "-vf", TO_BT709, *H264), SILENT),
    "raw.hevc": Kind(
        _encoded("-an", "-vf", TO_BT709, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
        replace(SILENT, corner_levels=32),
    ),
    "raw.m4v": Kind(_encoded("-an", "-c:v", "mpeg4", "-q:v", "2", "-bf", "2"), SILENT),
    "jitter.mkv": Kind(_jittering, PLAIN),
    "lively.mkv": Kind(
        _lively, Right(held(_LIVELY, 120), Fraction(60), 1, flashes_s=(0, 1), clicks_s=(0, 1), never=(DAMAGE,))
    ),
    "fifty-fields.ts": Kind(
        _fields, Right(range(100), Fraction(50), readable=FIELDS, flashes_s=(0, 1), clicks_s=(0, 1))
    ),
    "progressive-then-fields.ts": Kind(
        _progressive_then_fields,
        Right(
            (*(n // 2 for n in range(50)), *range(50)), Fraction(50), readable=FIELDS, flashes_s=(0, 1), clicks_s=(0, 1)
        ),
    ),
    "telecined.ts": Kind(_telecined, Right(range(48), FILM, loose_frames=1, flashes_s=(0, 1), clicks_s=(0, 1))),
    "slow.gif": Kind(
        _slow_gif,
        Right(
            [*[0] * 12, *[12] * 24, *[36] * 12],
            any_rate=True,
            loose_frames=1,
            flashes_s=(0,),
            clicks_s=None,
            never=(DAMAGE,),
        ),
    ),
}

_PICTURES: Mapping[str, Kind] = {
    "clap.mp4": Kind(_clap, replace(PLAIN, shape=Fraction(4, 3), window=MIDDLE_OF_WIDE)),
    "pixel-crop.mkv": Kind(_pixel_crop, replace(PLAIN, shape=Fraction(4, 3), window=MIDDLE_OF_WIDE)),
    "rotated-45.mp4": Kind(
        lambda make, name: make(name, "-display_rotation:v", "45", "-i", make.base, "-c", "copy"),
        replace(PLAIN, codes=unreadable(FRAMES), corners="none", flashes_s=None),
    ),
    "rotated-90.mp4": Kind(
        lambda make, name: make(name, "-display_rotation:v", "90", "-i", make.base, "-c", "copy"),
        replace(PLAIN, shape=1 / WIDE, turn="anticlockwise"),
    ),
    "display-p3.mp4": Kind(_wide_gamut, PLAIN),
    "pq.mp4": Kind(_hdr, replace(PLAIN, corner_levels=40)),
    "ycgco.mkv": Kind(_ycgco, PLAIN),
    "transparent.mov": Kind(_transparent, replace(PLAIN, flashes_s=(), says=(r"alpha|transparen",))),
    "noise.mkv": Kind(_noisy, replace(PLAIN, codes=hidden(12, 23, FRAMES), says=(DAMAGE,))),
    "hole.ts": Kind(_holed, replace(PLAIN, codes=hidden(12, 23, FRAMES), says=(DAMAGE,), stray_clicks=True)),
}

_SOUNDS: Mapping[str, Kind] = {
    "sound-drifts.mkv": Kind(_copied("-bsf:a", "setts=pts=PTS*1.1:dts=DTS*1.1"), replace(PLAIN, clicks_s=(0, 1.1))),
    "hole-in-sound.mkv": Kind(_copied("-bsf:a", "noise=drop='between(n\\,20\\,35)'"), replace(PLAIN, says=(DAMAGE,))),
    "languages.mkv": Kind(
        _languages, replace(PLAIN, tracks=(Track(1, "en"), Track(1, "fr"), Track(1, "en")), pitch_hz=1000)
    ),
    "surround.mkv": Kind(_surround, replace(PLAIN, tracks=(Track(2), Track(6)))),
    "mono-tracks.mov": Kind(_mono_tracks, replace(PLAIN, tracks=(Track(2),))),
    "programmes.ts": Kind(_programmes, replace(PLAIN, pitch_hz=500, says=(r"program",))),
}

_OTHERS: Mapping[str, Kind] = {
    os.fsdecode(b"caf\xe9.mp4"): Kind(_copied(), PLAIN),
    "bare.mjpeg": Kind(
        _encoded("-an", "-vf", "format=yuvj420p", "-c:v", "mjpeg", "-q:v", "2"),
        Right(range(FRAMES), Fraction(25), clicks_s=None, flashes_s=(0, 0.96), or_refused=NOT_ACCEPTED),
    ),
    "animated.png": Kind(_encoded("-f", "apng"), replace(SILENT, or_refused=NOT_ACCEPTED)),
    "animated.webp": Kind(
        _encoded("-an", "-c:v", "libwebp_anim"), replace(SILENT, or_refused=NOT_ACCEPTED, corner_levels=32)
    ),
}

KINDS: Mapping[str, Kind] = {**_STARTS, **_CHANGES, **_GRIDS, **_PICTURES, **_SOUNDS, **_OTHERS}
