"""The right result for each input of `../shared/field/make-inputs.sh`, from the reports behind it (`faults.md`)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.field.eyes import Window
from tests.field.judge import WIDE, Expectation, OneOf, Refused, Right, Track

if TYPE_CHECKING:
    from collections.abc import Sequence

CLICKS_8 = (0, 1, 2, 3, 4, 5, 6, 7)
FILM = Fraction(24000, 1001)
FIELDS = 0x3FE
"""The bits that can be read of a number that changes with every field."""
NTSC_DOUBLE = Fraction(60000, 1001)
TV = Fraction(4, 3)
MIDDLE_OF_WIDE = Window(left=-1 / 6, width=4 / 3)
"""The middle three quarters of 16:9, without its sides."""

PLAIN = Right(codes=range(96))
"""The ordinary input: 4 s of 24 frames, 16:9, mono sound with a click at each whole second."""
SILENT = replace(PLAIN, clicks_s=None)
TWICE = replace(PLAIN, codes=(*range(96), *range(96)), flashes_s=CLICKS_8, clicks_s=CLICKS_8)
"""Two of them one after the other."""
PAL = replace(PLAIN, codes=range(100), rate=Fraction(25))

NOT_ACCEPTED = r"not (one|a kind|accepted|taken|supported|packaged)"
"""The sentence for a format that is refused as such, which must not blame the file for damage."""
DAMAGE = r"damage|lost|missing|could not be decoded|conceal"


def hidden(first: int, last: int, count: int = 96) -> Sequence[int | None]:
    """The numbers of `count` frames, of which those from `first` to `last` may show anything."""
    return [None if first <= number <= last else number for number in range(count)]


def held(shown: Sequence[int], count: int) -> Sequence[int]:
    """Returns the codes that a constant rate shows of a varying one: each frame stays until the next."""
    return [max(number for number in shown if number <= at) for at in range(count)]


def unreadable(count: int) -> Sequence[int | None]:
    """The numbers of a picture that is too small or too damaged to be read."""
    return [None] * count


_SCREEN = [n for n in range(240) if n < 60 or n > 180 or n % 40 == 0]
_SLOWING = [n for n in range(360) if n < 120 or (n < 240 and n % 2 == 0) or n % 4 == 0]
_SMALL = replace(PLAIN, codes=unreadable(96), flashes_s=None, corners="none")
"""A picture of a few pixels, in which nothing can be read."""
_UNTAGGED = replace(PLAIN, corner_levels=32)
"""A small picture by BT.709 that does not say so, and is taken for BT.601."""
_DAMAGED_SOUND = replace(PLAIN, says=(DAMAGE,), stray_clicks=True)
_LAYOUTS = replace(TWICE, says=(r"changes|layout|channels",))
# The second part's stamps begin two frames before the first part ends: by its stamps, two pictures have no place.
_LATER = tuple(at_s if at_s < 4 else at_s - 2 / 24 for at_s in CLICKS_8)
_LAYOUTS_BY_STAMPS = replace(_LAYOUTS, codes=(*range(94), None, None, *range(2, 96)), flashes_s=_LATER, clicks_s=_LATER)

TIME: dict[str, Expectation] = {
    "00-control.mp4": replace(PLAIN, never=("warning",)),
    "01-edit-list-cut.mp4": replace(
        PLAIN, codes=range(32, 96), flashes_s=(2 / 3, 5 / 3), clicks_s=(0.7, 1.7), sound_ms=35
    ),
    "02-negative-start.ts": PLAIN,
    "03-video-1s-late.mp4": replace(PLAIN, clicks_s=(0, 1, 2)),
    "04-audio-2s-late.mkv": replace(PLAIN, clicks_s=(2, 3)),
    "05-audio-longer.mp4": PLAIN,
    "06-audio-shorter.mp4": replace(PLAIN, clicks_s=(0, 1)),
    "07-vfr-screen.mkv": Right(held(_SCREEN, 240), Fraction(60), 1, flashes_s=(0, 2, 181 / 60), never=(DAMAGE,)),
    "08-vfr-60-30-15.mp4": Right(
        held(_SLOWING, 360), Fraction(60), 3, flashes_s=range(6), clicks_s=range(6), never=(DAMAGE,)
    ),
    "09-120fps.mp4": Right(range(360), Fraction(120), flashes_s=range(3), clicks_s=range(3)),
    "10-59.94fps.mp4": Right(range(240), NTSC_DOUBLE),
    "11-240fps.mp4": Right(range(480), Fraction(240), flashes_s=range(2), clicks_s=range(2)),
    "12-1000fps.mp4": Right(range(1000), Fraction(1000), flashes_s=range(1), clicks_s=range(1)),
    # Two frames of these are longer than a second, so the box in the middle stays white.
    "13-1fps.mp4": Right(range(6), Fraction(1), flashes_s=(0,), clicks_s=range(6)),
    "14-23.5fps.mp4": Right(range(94), Fraction(47, 2)),
    "15-0.2fps-timelapse.mp4": Right(range(6), Fraction(1, 5), flashes_s=(0,), clicks_s=range(30)),
    "16-raw.h264": SILENT,
    "19-ts-wraps.ts": PLAIN,
    "21-ts-joined-back-in-time.ts": TWICE,
    # The last packet of the sound that ends early begins before 3 s and holds the first 10 ms of a click.
    "21-ts-joined-sound-ends-early.ts": replace(TWICE, clicks_s=(0, 1, 2, 4, 5, 6, 7), stray_clicks=True, never=()),
    # A pause that sound and picture have in common is kept; the picture stands still meanwhile.
    "22-gap-20s.mkv": replace(
        PLAIN,
        codes=(*range(48), *[47] * 480, *range(48, 96)),
        flashes_s=(0, 1, 22, 23),
        clicks_s=(0, 1, 22, 23),
        stray_clicks=True,
    ),
    "23-one-pts-an-hour-off.mp4": replace(PLAIN, codes=hidden(49, 50), never=()),
    "24-one-frame.mp4": Right(range(1), clicks_s=None, flashes_s=(0,)),
    "25-one-frame.ts": Right(range(1), flashes_s=(0,), clicks_s=(0,)),
    "26-two-frames.mp4": Right(range(2), flashes_s=(0,), clicks_s=(0,)),
    "27-one-keyframe.mp4": PLAIN,
    "29-noise-in-video.mkv": replace(PLAIN, codes=hidden(28, 47), says=(DAMAGE,), corners="none"),
    "30-lost-packets.mkv": replace(PLAIN, codes=hidden(36, 47), says=(DAMAGE,)),
    # Of 47 packets 44 decode, and the last three hang together: they are left out, or shown frozen.
    "32-cut-off.mp4": OneOf(
        tuple(
            Right((*range(44), *[None] * frozen), flashes_s=(0, 1), clicks_s=(0, 1), says=(r"damaged|cut off",))
            for frozen in (0, 2)
        )
    ),
    "33-fragmented.mp4": PLAIN,
    "34-duplicate-frames-vfr.mp4": PLAIN,
    "35-ts-sound-600ms-before.ts": replace(PLAIN, clicks_s=(0.4, 1.4, 2.4)),
    "36-ts-picture-600ms-before.ts": replace(PLAIN, clicks_s=(0.6, 1.6, 2.6, 3.6)),
    "39-mkv-picture-600ms-before.mkv": replace(PLAIN, clicks_s=(0.6, 1.6, 2.6, 3.6)),
    # VP8 at this rate washes the colours out a little.
    "39-mediarecorder.webm": replace(PLAIN, corner_levels=32),
    "39-mp4-starts-at-10s.mp4": PLAIN,
    "39-mkv-starts-at-10s.mkv": PLAIN,
}

PICTURE: dict[str, Expectation] = {
    # The matrix says how the picture is to be turned anticlockwise, in degrees.
    "40-rotated-90.mp4": replace(PLAIN, shape=1 / WIDE, turn="anticlockwise"),
    "40-rotated-180.mp4": replace(PLAIN, turn="upside down"),
    "40-rotated-270.mp4": replace(PLAIN, shape=1 / WIDE, turn="clockwise"),
    "40-rotated-45.mp4": replace(PLAIN, codes=unreadable(96), corners="none", flashes_s=None),
    "41-hflip.mp4": replace(PLAIN, turn="mirrored"),
    "41-hflip-90.mov": replace(PLAIN, shape=1 / WIDE, turn="antitransposed"),
    "42-anamorphic.mp4": PLAIN,
    "43-sar-of-mkv-alone.mkv": replace(PLAIN, shape=TV),
    "44-sar-3201-3200.mp4": PLAIN,
    # The middle 480x360 of 640x360.
    "45-clap.mp4": replace(PLAIN, shape=TV, window=MIDDLE_OF_WIDE),
    "46-pixelcrop.mkv": replace(PLAIN, shape=TV, window=MIDDLE_OF_WIDE),
    # It is tagged BT.709 and made by BT.601.
    "47-odd-321x181.mkv": replace(PLAIN, corner_levels=32),
    "48-1-row.mkv": _SMALL,
    "48-2x2.mkv": replace(_SMALL, shape_tolerance=Fraction(1, 4)),
    "48-square-1-row.mkv": Refused(r"too small"),
    "48-square-2x2.mkv": replace(_SMALL, shape=Fraction(1)),
    "48-square-18x10.mkv": replace(_SMALL, shape=Fraction(9, 5)),
    "48-wide-2000x16.mkv": replace(PLAIN, corners="none"),
    "49-hi10.mp4": PLAIN,
    "50-422-10-prores.mov": PLAIN,
    "51-422-12-hevc.mp4": PLAIN,
    "52-rgb-x264.mkv": PLAIN,
    "53-rgb-qtrle.mov": PLAIN,
    "54-png.mov": PLAIN,
    "55-gray.mkv": replace(PLAIN, corners="grey"),
    "55-gray10.mkv": replace(PLAIN, corners="grey"),
    "55-gbrp16.mkv": PLAIN,
    "56-paletted.avi": PLAIN,
    # The box in the middle is transparent, over black: it never flashes.
    "57-alpha-vp9.webm": replace(PLAIN, flashes_s=(), says=(r"alpha|transparen",)),
    "58-alpha-prores4444.mov": replace(PLAIN, flashes_s=(), says=(r"alpha|transparen",)),
    # White is that of the reference, 203 nits, and the corners keep their hue more than their level.
    "59-hdr10.mp4": replace(PLAIN, corner_levels=40, white=215),
    # White is 100 nits here, half of the reference: 0.74 of the signal with a display's gamma of 2.4.
    "60-hlg.mp4": replace(PLAIN, corners="none", white=175),
    "61-bt2020-sdr.mp4": PLAIN,
    "62-full-range.mp4": PLAIN,
    "63-mjpeg.avi": PLAIN,
    "64-bt601-untagged.mp4": PLAIN,
    "65-ycgco.mkv": PLAIN,
    "66-pal-tff.mpg": Right(range(200), Fraction(50), readable=FIELDS, shape=TV),
    # The fields begin half a frame before the last frame ends.
    "68-progressive-then-50i.ts": OneOf(
        (
            Right((*(n // 2 for n in range(50)), *range(150)), Fraction(50), readable=FIELDS),
            Right((*(n // 2 for n in range(49)), *range(150)), Fraction(50), readable=FIELDS),
        )
    ),
    "69-hard-telecine.ts": Right(range(96), FILM, loose_frames=1),
    "70-size-changes.webm": replace(TWICE, says=(r"size|shape|changes",), corner_levels=32),
    "72-cover-first.mp4": PLAIN,
    "73-cover-without-flag.mkv": replace(PLAIN, says=(r"left out",)),
    "74-two-videos.mkv": replace(PLAIN, says=(r"left out",)),
    "75-timecode.mov": PLAIN,
    "76-two-programs.ts": replace(PLAIN, says=(r"program",), never=(r"left out[^\n]*audio 3",)),
}

SOUND: dict[str, Expectation] = {
    "80-two-languages.mp4": replace(PLAIN, tracks=(Track(1, "en"), Track(1, "fr"))),
    "81-5.1-aac.mp4": replace(PLAIN, tracks=(Track(2), Track(6))),
    "82-7.1-flac.mkv": replace(PLAIN, tracks=(Track(2), Track(6))),
    "83-5-channels-no-layout.mov": replace(PLAIN, tracks=(Track(2), Track(5))),
    "84-three-mono-tracks.mov": replace(PLAIN, tracks=(Track(1),), says=(r"left out[^\n]*mono",)),
    "85-opus.webm": replace(PLAIN, corner_levels=32),
    "85-ac3.ts": PLAIN,
    "85-eac3.mp4": PLAIN,
    "85-dts.mkv": PLAIN,
    "85-truehd.mkv": PLAIN,
    "85-alac.mp4": PLAIN,
    "85-pcm24be.mov": PLAIN,
    "85-8khz-mulaw.avi": PLAIN,
    "85-192khz.mkv": PLAIN,
    "86-5.1-then-stereo.ts": OneOf((_LAYOUTS, _LAYOUTS_BY_STAMPS)),
    "87-noise-in-sound.mkv": _DAMAGED_SOUND,
    "88-hole-in-sound.mkv": replace(PLAIN, says=(DAMAGE,)),
    "89-sound-only.m4a": Refused(r"no video"),
    # Nothing of it can be heard, if any of it decodes at all.
    "89-sound-all-noise.mkv": replace(PLAIN, clicks_s=(), stray_clicks=True, says=(rf"{DAMAGE}|could not be kept",)),
}

CONTAINERS: dict[str, Expectation] = {
    "90-chapters-fonts-ass.mkv": replace(PLAIN, texts=("ja", "en")),
    "90-mov-text.mp4": replace(PLAIN, texts=(None,)),
    "90-latin1-tags.mkv": PLAIN,
    # An AVI does not say that MP3 begins with 23 ms of its encoder's own.
    "91-xvid-bframes.avi": PLAIN,
    "92-h264.m2ts": PLAIN,
    "92-flv.flv": PLAIN,
    "92-h264.flv": PLAIN,
    # WMA loses its first 43 ms.
    "92-wmv.wmv": replace(PLAIN, clicks_s=(0.043, 1, 2, 3)),
    "92-ps.mpg": PAL,
    "92-3gp.3gp": replace(PLAIN, codes=unreadable(96)),
    "92-theora.ogv": _UNTAGGED,
    "92-y4m.y4m": replace(_UNTAGGED, clicks_s=None),
    "92-dv.dv": replace(PAL, shape_tolerance=Fraction(1, 25), or_refused=NOT_ACCEPTED),
    "92-nut.nut": _UNTAGGED,
    "92-ivf.ivf": SILENT,
    "92-av1.mp4": PLAIN,
    "92-vvc.mp4": Right(range(24), flashes_s=(0,), clicks_s=(0,), or_refused=NOT_ACCEPTED),
    "92-wtv.wtv": replace(PAL, or_refused=NOT_ACCEPTED),
    "92-rm.rm": replace(PLAIN, or_refused=NOT_ACCEPTED),
    # Bare pictures carry no rate; ffmpeg's 25 is as good as any.
    "92-mjpeg.mjpeg": Right(
        range(96),
        Fraction(25),
        clicks_s=None,
        flashes_s=(0, 0.96, 1.92, 2.88),
        or_refused=NOT_ACCEPTED,
    ),
    # The delays are 8, 8 and 9 hundredths of a second; which frames lie on them was decided when it was made.
    "93-gif.gif": Right(unreadable(48), Fraction(12), any_rate=True, loose_frames=1, clicks_s=None),
    "93-apng.apng": Right(range(24), clicks_s=None, flashes_s=(0,), or_refused=NOT_ACCEPTED),
    "93-apng.png": Right(range(24), clicks_s=None, flashes_s=(0,), or_refused=NOT_ACCEPTED),
    "93-webp.webp": Right(
        unreadable(12),
        Fraction(12),
        any_rate=True,
        loose_frames=1,
        clicks_s=None,
        flashes_s=(0,),
        or_refused=NOT_ACCEPTED,
    ),
    "93-avif.avif": Right(range(12), clicks_s=None, flashes_s=(0,), or_refused=NOT_ACCEPTED),
    "93-still.jpg": Refused(r"picture"),
    "93-still.png": Refused(r"picture"),
    "93-sequence-001.png": Refused(r"picture"),
    "94-hls.m3u8": Refused(r"playlist"),
    "95-empty.mp4": Refused(r"empty"),
    "95-text.mp4": Refused(r"not a video"),
    "95-mp4-named.avi": PLAIN,
}

NAMES: dict[str, Expectation] = dict.fromkeys(
    (
        "96 a space.mp4",
        "96-100%d done.mp4",
        "96-a:b.mp4",
        "96-it's.mp4",
        "96-ümläut-日本語-🎬.mp4",
        "96-#?&=+.mp4",
        "96-[x]{y}(z)*.mp4",
        "-96-dash.mp4",
        "96-back\\slash.mp4",
        "96-new\nline.mp4",
        "96-latin1-\udce9.mp4",
        '96-"quoted".mp4',
        "96-$HOME`id`.mp4",
        f"96-{'n' * 240}.mp4",
        ".96-hidden.mp4",
        "96-no-extension",
    ),
    PLAIN,
)

RIGHT: dict[str, Expectation] = {**TIME, **PICTURE, **SOUND, **CONTAINERS, **NAMES}

PARTS = frozenset({"93-sequence-002.png", "93-sequence-003.png", "94-hls0.m4s", "94-hls1.m4s", "init.mp4"})
"""Files of the folder that belong to others."""
