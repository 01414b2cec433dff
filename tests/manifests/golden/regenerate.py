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
    AudioRepresentation,
    ModelFile,
    ModelTrack,
    Presentation,
    SideFile,
    TextTrack,
    VideoFormat,
    VideoRepresentation,
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
from tests.support.presentations import rung_of, sound_of  # noqa: E402


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


def rung(rung_id: str, width: int, height: int, bandwidth_bps: int) -> VideoRepresentation:
    return rung_of(rung_id, VideoFormat(width, height, Fraction(30)), [30720] * 5, 15360, bandwidth_bps=bandwidth_bps)


def sound(name: str = "a128") -> AudioRepresentation:
    return sound_of(name, [96256] * 4 + [95232])


def many_tracks() -> Presentation:
    """Pictures in SDR and HDR, sound in two languages and two layouts, a commentary and a description, subtitles."""
    hdr = replace(
        rung("v720-hdr", 1280, 720, 1800000),
        codecs="hvc1.2.4.L93.90",
        video=VideoFormat(1280, 720, Fraction(30), dynamic_range="pq"),
    )
    surround = replace(sound("a384-en"), bandwidth_bps=384000, audio=AudioFormat(48000, 6))
    sets = (
        AdaptationSet("1", "video", "video/mp4", (rung("v360", 640, 360, 493825), rung("v720", 1280, 720, 1520000))),
        AdaptationSet("2", "video", "video/mp4", (hdr,)),
        AdaptationSet("3", "audio", "audio/mp4", (sound("a128-en"),), "en", "English", "main"),
        AdaptationSet("4", "audio", "audio/mp4", (surround,), "en", "English", "main"),
        AdaptationSet("5", "audio", "audio/mp4", (sound("a128-fr"),), "fr", "Français", "dub"),
        AdaptationSet("6", "audio", "audio/mp4", (sound("a128-de"),), "de", None, "description"),
        AdaptationSet("7", "audio", "audio/mp4", (sound("a128-c"),), "en", 'The "cut"', "commentary"),
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
    rate, durations = Fraction(30000, 1001), [60060, 60060, 13013]
    ntsc = rung_of("v240", VideoFormat(426, 240, rate, Fraction(640, 639)), durations, 30000, bandwidth_bps=300000)
    tripled = [3 * duration for duration in durations]
    other = rung_of("v360", VideoFormat(640, 360, rate), tripled, 90000, bandwidth_bps=300000)
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


def sizes_bytes() -> dict[str, list[int]]:
    return {
        "v360": [120000, 130000, 90000, 125000, 110000],
        "v720": [380000] * 5,
        "v720-hdr": [450000] * 5,
        "a384-en": [96000] * 5,
    } | {name: [32000, 32500, 32000, 31900, 32100] for name in ("a128", "a128-en", "a128-fr", "a128-de", "a128-c")}


def quality_table() -> bytes:
    """Writes a quality table of both video rungs; of v720 nothing but the sizes is known."""
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
