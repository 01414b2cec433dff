"""Writes the golden files beside it: `python tests/manifests/golden/regenerate.py` (read the difference).

The goldens pin the bytes of what other programs read (tolerance: none): a manifest with models, one with a quality
table, one without either, one of sound alone, one with many tracks and HDR; the playlists of the first, the table of
the second, the master playlist of the last.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[2]))

from manifests.hls.write import write_playlists  # noqa: E402
from manifests.model import (  # noqa: E402
    AdaptationSet,
    AudioFormat,
    ModelFile,
    ModelTrack,
    Presentation,
    Representation,
    Segment,
    SideFile,
    TextTrack,
    VideoFormat,
)
from manifests.mp4.fragments import ByteRange  # noqa: E402 - the path above makes the script run by itself
from manifests.mpd.write import write_mpd  # noqa: E402
from manifests.names import MASTER_PLAYLIST, quality_href  # noqa: E402
from manifests.quality_table import (  # noqa: E402
    QualityTable,
    RungQuality,
    SegmentQuality,
    encode_quality,
    models_digest,
)


def segments(count: int, duration_ticks: int) -> tuple[Segment, ...]:
    return tuple(Segment(i + 1, i * duration_ticks, duration_ticks) for i in range(count))


def track() -> ModelTrack:
    return ModelTrack(
        id="v360-c16d2",
        network="c16d2",
        scale=2,
        macs_per_pixel=5328,
        rank=1,
        bandwidth_bps=3614,
        format="ndm/1",
        models=(
            ModelFile(1, "models/6350208d24224b31.ndm", 3908, "6350208d24224b31" + "0" * 48, None, 0.94),
            ModelFile(2, "models/cb5b99c5b0f58664.ndm", 610, "cb5b99c5b0f58664" + "0" * 48, 1, 1.08),
        ),
        uses=(1, 1, None, 1, 2),
    )


def rung(rung_id: str, width: int, height: int, bandwidth_bps: int) -> Representation:
    return Representation(
        id=rung_id,
        codecs="avc1.64001E",
        bandwidth_bps=bandwidth_bps,
        timescale=15360,
        initialization="video/$RepresentationID$/init.mp4",
        media="video/$RepresentationID$/$Number%05d$.m4s",
        segments=segments(5, 30720),
        video=VideoFormat(width, height, Fraction(30)),
    )


def sound() -> Representation:
    return Representation(
        id="a128",
        codecs="mp4a.40.2",
        bandwidth_bps=128000,
        timescale=48000,
        initialization="audio/$RepresentationID$/init.mp4",
        media="audio/$RepresentationID$/$Number%05d$.m4s",
        segments=(*segments(4, 96256), Segment(5, 385024, 95232)),
        audio=AudioFormat(48000, 2),
    )


def many_tracks() -> Presentation:
    """Pictures in SDR and HDR, sound in two languages and two layouts, a commentary and a description, subtitles."""
    hdr = replace(
        rung("v720-hdr", 1280, 720, 1800000),
        codecs="hvc1.2.4.L93.90",
        video=VideoFormat(1280, 720, Fraction(30), dynamic_range="pq"),
    )
    surround = replace(sound(), id="a384-en", bandwidth_bps=384000, audio=AudioFormat(48000, 6))
    sets = (
        AdaptationSet("1", "video", "video/mp4", (rung("v360", 640, 360, 493825), rung("v720", 1280, 720, 1520000))),
        AdaptationSet("2", "video", "video/mp4", (hdr,)),
        AdaptationSet("3", "audio", "audio/mp4", (replace(sound(), id="a128-en"),), "en", "English", "main"),
        AdaptationSet("4", "audio", "audio/mp4", (surround,), "en", "English", "main"),
        AdaptationSet("5", "audio", "audio/mp4", (replace(sound(), id="a128-fr"),), "fr", "Français", "dub"),
        AdaptationSet("6", "audio", "audio/mp4", (replace(sound(), id="a128-de"),), "de", None, "description"),
        AdaptationSet("7", "audio", "audio/mp4", (replace(sound(), id="a128-c"),), "en", 'The "cut"', "commentary"),
    )
    text = (
        TextTrack("t1", "text/0123456789abcdef.vtt", 180, "en", "English"),
        TextTrack("t2", "text/1123456789abcdef.vtt", 210, "en", None, "caption"),
        TextTrack("t3", "text/2123456789abcdef.vtt", 20, "fr", None, "forced-subtitle"),
    )
    return Presentation(Fraction(10), sets, text=text)


def first_samples() -> dict[str, list[ByteRange]]:
    return {name: [ByteRange(64, size // 8) for size in sizes] for name, sizes in sizes_bytes().items()}


def presentations() -> dict[str, Presentation]:
    enhanced = replace(rung("v360", 640, 360, 493825), model_tracks=(track(),))
    video = AdaptationSet("1", "video", "video/mp4", (enhanced, rung("v720", 1280, 720, 1520000)))
    table = quality_table()
    side_file = SideFile(quality_href(table), len(table), hashlib.sha256(table).hexdigest())
    audio = AdaptationSet("2", "audio", "audio/mp4", (sound(),), language="en")
    ntsc = replace(
        rung("v240", 426, 240, 300000),
        timescale=30000,
        segments=(*segments(2, 60060), Segment(3, 120120, 13013)),
        video=VideoFormat(426, 240, Fraction(30000, 1001), Fraction(640, 639)),
    )
    other = replace(ntsc, id="v360", timescale=90000, segments=tuple(map(_threefold, ntsc.segments)), video=None)
    other = replace(other, video=VideoFormat(640, 360, Fraction(30000, 1001)))
    return {
        "models.mpd": Presentation(
            Fraction(10),
            (video, audio),
            base_urls=("https://mirror.example/title/",),
            title="Sonnenuntergang über dem Meer & <mehr>",
            text=(TextTrack("t1", "text/0123456789abcdef.vtt", 180, "en"),),
        ),
        "measured.mpd": Presentation(Fraction(10), (replace(video, quality=side_file), audio)),
        "plain.mpd": Presentation(Fraction(133133, 30000), (AdaptationSet("1", "video", "video/mp4", (ntsc, other)),)),
        "tracks.mpd": many_tracks(),
        "sound.mpd": Presentation(Fraction(10), (replace(audio, id="1"),), min_buffer_s=Fraction(5, 2)),
    }


def _threefold(segment: Segment) -> Segment:
    return Segment(segment.number, segment.start_ticks * 3, segment.duration_ticks * 3)


def sizes_bytes() -> dict[str, list[int]]:
    return {
        "v360": [120000, 130000, 90000, 125000, 110000],
        "v720": [380000] * 5,
        "v720-hdr": [450000] * 5,
        "a384-en": [96000] * 5,
    } | {name: [32000, 32500, 32000, 31900, 32100] for name in ("a128", "a128-en", "a128-fr", "a128-de", "a128-c")}


def quality_table() -> bytes:
    """Of both video rungs; of v720 nothing but the sizes is known."""
    sizes = sizes_bytes()
    plain = [(80.5, 79.0), (82.0, 80.5), (90.0, 88.5), (81.0, 79.5), (79.5, 78.0)]
    known = (
        SegmentQuality(size, vmaf, neg, *((None, None) if use is None else (vmaf + 4, neg + 2.5)))
        for size, (vmaf, neg), use in zip(sizes["v360"], plain, track().uses, strict=True)
    )
    digest = models_digest([() if n is None else track().chain(n) for n in track().uses])
    rungs = {
        "v360": RungQuality(tuple(known), digest),
        "v720": RungQuality(tuple(map(SegmentQuality, sizes["v720"])), models_digest([()] * 5)),
    }
    return encode_quality(QualityTable(rungs))


def goldens() -> dict[str, bytes]:
    """Every golden file by name, as the code of today writes it."""
    files = {name: write_mpd(p) for name, p in presentations().items()}
    files["measured.ndq"] = quality_table()
    files["tracks.m3u8"] = write_playlists(many_tracks(), sizes_bytes(), first_samples())[MASTER_PLAYLIST]
    return files | write_playlists(presentations()["models.mpd"], sizes_bytes(), first_samples())


if __name__ == "__main__":
    for name, data in goldens().items():
        (FOLDER / name).write_bytes(data)
