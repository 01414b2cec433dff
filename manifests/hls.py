"""HLS playlists over the same CMAF segments (RFC 8216, and the draft of its second edition)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from manifests.model import AdaptationSet, Presentation, Representation, TextTrack
from manifests.names import MASTER_PLAYLIST, playlist_href
from manifests.template import initialization_href, segment_href

_AUDIO_GROUP = "audio"
_TEXT_GROUP = "text"


def write_playlists(p: Presentation, sizes_bytes: Mapping[str, Sequence[int]]) -> dict[str, bytes]:
    """The playlists by name: the master, and one media playlist for each representation and text track.

    `sizes_bytes` gives, by representation id, the size of each segment in order: HLS states the true rates.
    """
    playlists = {MASTER_PLAYLIST: _master(p, sizes_bytes)}
    for r in (*p.video, *p.audio):
        playlists[playlist_href(r.id)] = _media_playlist(r)
    for track in p.text:
        playlists[playlist_href(track.id)] = _text_playlist(track, p.duration_s)
    return {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in playlists.items()}


def _media_playlist(r: Representation) -> list[str]:
    durations_s = [Fraction(s.duration_ticks, r.timescale) for s in r.segments]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{math.ceil(max(durations_s))}",
        f"#EXT-X-MEDIA-SEQUENCE:{r.segments[0].number}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{initialization_href(r)}"',
    ]
    for segment, duration_s in zip(r.segments, durations_s, strict=True):
        lines += [f"#EXTINF:{_decimal(duration_s, 6)},", segment_href(r, segment)]
    return [*lines, "#EXT-X-ENDLIST"]


def _text_playlist(track: TextTrack, duration_s: Fraction) -> list[str]:
    """The whole file is the one segment (RFC 8216, 3.5); without X-TIMESTAMP-MAP its times are those of the title."""
    return [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{math.ceil(duration_s)}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXTINF:{_decimal(duration_s, 6)},",
        track.href,
        "#EXT-X-ENDLIST",
    ]


def _master(p: Presentation, sizes_bytes: Mapping[str, Sequence[int]]) -> list[str]:
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if not p.video:
        return lines + [line for r in p.audio for line in _variant(r, None, sizes_bytes)]
    audio_sets = [s for s in p.adaptation_sets if s.content_type == "audio"]
    renditions = [(s, r) for s in audio_sets for r in s.representations]
    lines += [_rendition(s, r, first=index == 0) for index, (s, r) in enumerate(renditions)]
    lines += [_subtitles(track) for track in p.text]
    # The rates of a variant include the most expensive rendition it may be played with.
    costliest = max((r for _, r in renditions), key=lambda r: _peak_bps(r, sizes_bytes[r.id]), default=None)
    with_text = bool(p.text)
    return lines + [line for r in p.video for line in _variant(r, costliest, sizes_bytes, with_text=with_text)]


def _rendition(s: AdaptationSet, r: Representation, *, first: bool) -> str:
    assert r.audio is not None, "asked of an audio representation"
    chosen = "YES" if first else "NO"
    attributes = [
        "TYPE=AUDIO",
        f'GROUP-ID="{_AUDIO_GROUP}"',
        f'NAME="{r.id}"',
        *([f'LANGUAGE="{s.language}"'] if s.language else []),
        f"DEFAULT={chosen}",
        "AUTOSELECT=YES",
        f'CHANNELS="{r.audio.channels}"',
        f'URI="{playlist_href(r.id)}"',
    ]
    return "#EXT-X-MEDIA:" + ",".join(attributes)


def _subtitles(track: TextTrack) -> str:
    attributes = [
        "TYPE=SUBTITLES",
        f'GROUP-ID="{_TEXT_GROUP}"',
        f'NAME="{track.id}"',
        *([f'LANGUAGE="{track.language}"'] if track.language else []),
        "DEFAULT=NO",
        "AUTOSELECT=YES",
        f'URI="{playlist_href(track.id)}"',
    ]
    return "#EXT-X-MEDIA:" + ",".join(attributes)


def _variant(
    r: Representation,
    audio: Representation | None,
    sizes_bytes: Mapping[str, Sequence[int]],
    *,
    with_text: bool = False,
) -> list[str]:
    parts = [r] if audio is None else [r, audio]
    attributes = [
        f"BANDWIDTH={sum(_peak_bps(part, sizes_bytes[part.id]) for part in parts)}",
        f"AVERAGE-BANDWIDTH={sum(_mean_bps(part, sizes_bytes[part.id]) for part in parts)}",
        f'CODECS="{",".join(part.codecs for part in parts)}"',
    ]
    if r.video is not None:
        attributes.append(f"RESOLUTION={r.video.width}x{r.video.height}")
        attributes.append(f"FRAME-RATE={_decimal(r.video.frame_rate, 3)}")
    if audio is not None:
        attributes.append(f'AUDIO="{_AUDIO_GROUP}"')
    if with_text:
        attributes.append(f'SUBTITLES="{_TEXT_GROUP}"')
    return ["#EXT-X-STREAM-INF:" + ",".join(attributes), playlist_href(r.id)]


def _peak_bps(r: Representation, sizes_bytes: Sequence[int]) -> int:
    rates = [
        Fraction(8 * size * r.timescale, segment.duration_ticks)
        for size, segment in zip(sizes_bytes, r.segments, strict=True)
    ]
    return math.ceil(max(rates))


def _mean_bps(r: Representation, sizes_bytes: Sequence[int]) -> int:
    return math.ceil(8 * sum(sizes_bytes) / r.duration_s)


def _decimal(value: Fraction, places: int) -> str:
    """`value` to that many decimals, rounded half up, exactly."""
    whole, rest = divmod(math.floor(value * 10**places + Fraction(1, 2)), 10**places)
    return f"{whole}.{rest:0{places}d}"
