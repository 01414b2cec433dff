"""HLS playlists over the same CMAF segments (RFC 8216, the draft of its second edition, Apple's authoring rules)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from manifests.hls.rates import NOTHING, Rates, measured_rates, most
from manifests.hls.renditions import TEXT_GROUP, AudioGroup, audio_groups, subtitle_lines
from manifests.model import Presentation, Representation, TextTrack, VideoRepresentation
from manifests.mp4.fragments import ByteRange
from manifests.names import MASTER_PLAYLIST, iframe_playlist_href, playlist_href

I_FRAME_STREAM = "#EXT-X-I-FRAME-STREAM-INF:"


def write_playlists(
    p: Presentation,
    sizes_bytes: Mapping[str, Sequence[int]],
    first_samples: Mapping[str, Sequence[ByteRange]] | None = None,
) -> dict[str, bytes]:
    """Returns the playlists by name: the master, and a media playlist for each representation and text track.

    `sizes_bytes` gives the size of each segment, in order, by representation id: HLS states true rates. `first_samples`
    gives the bytes of each segment's first picture (`FragmentInfo.first_sample`), by the id of a video representation;
    these get a playlist of I-frames too.
    """
    target_s = _target_s(p)
    pictures = (*p.video, *p.hdr_video)
    stills = [(r, first_samples[r.id]) for r in pictures if first_samples and r.id in first_samples]
    playlists = {MASTER_PLAYLIST: _master(p, sizes_bytes, stills, target_s)}
    for r in p.representations:
        playlists[playlist_href(r.id)] = _media_playlist(r, target_s)
    for r, ranges in stills:
        playlists[iframe_playlist_href(r.id)] = _iframe_playlist(r, ranges, target_s)
    for track in p.text:
        playlists[playlist_href(track.id)] = _text_playlist(track, p.duration_s)
    return {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in playlists.items()}


_PLAYED = ("#EXTINF:", "#EXT-X-MAP:", "#EXT-X-ENDLIST")
_RENDITION_URI = re.compile(rb'#EXT-X-MEDIA:.*URI="([^"]*)"')


def played(playlist: bytes) -> tuple[frozenset[bytes], list[bytes]]:
    """List what a playlist makes a player fetch: names of playlists, then segments with their times.

    The names are those of a master's variants and renditions, the segments those of a media playlist.
    """
    lines = playlist.splitlines()
    if not any(line.startswith(b"#EXTINF:") for line in lines):
        names = [line for line in lines if not line.startswith(b"#")]
        return frozenset([*names, *_RENDITION_URI.findall(playlist)]), []
    kept = tuple(tag.encode() for tag in _PLAYED)
    return frozenset(), [line for line in lines if not line.startswith(b"#") or line.startswith(kept)]


def _target_s(p: Presentation) -> int:
    """The target duration of all playlists of pictures and sound (rule 8.2): no segment is longer."""
    return math.ceil(max(segment.duration_s for r in p.representations for segment in r.segments))


def _head(r: Representation, target_s: int, kind: str) -> list[str]:
    return [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target_s}",
        f"#EXT-X-MEDIA-SEQUENCE:{r.segments[0].number}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        kind,
        f'#EXT-X-MAP:URI="{r.init_href}"',
    ]


def _media_playlist(r: Representation, target_s: int) -> list[str]:
    lines = _head(r, target_s, "#EXT-X-INDEPENDENT-SEGMENTS")
    for segment in r.segments:
        lines += [f"#EXTINF:{_decimal(segment.duration_s, 6)},", segment.href]
    return [*lines, "#EXT-X-ENDLIST"]


def _iframe_playlist(r: VideoRepresentation, ranges: Sequence[ByteRange], target_s: int) -> list[str]:
    """The first picture of each segment, which stands until that of the next."""
    lines = _head(r, target_s, "#EXT-X-I-FRAMES-ONLY")
    for segment, part in zip(r.segments, ranges, strict=True):
        lines += [
            f"#EXTINF:{_decimal(segment.duration_s, 6)},",
            f"#EXT-X-BYTERANGE:{part.size_bytes}@{part.start}",
            segment.href,
        ]
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


def _master(
    p: Presentation,
    sizes_bytes: Mapping[str, Sequence[int]],
    stills: Sequence[tuple[VideoRepresentation, Sequence[ByteRange]]],
    target_s: int,
) -> list[str]:
    rates = {r.id: measured_rates(r, sizes_bytes[r.id], target_s) for r in p.representations}
    # Renditions come first, because the variants below refer to their groups.
    groups = audio_groups(p)
    text = most([Rates(track.bandwidth_bps, track.bandwidth_bps) for track in p.text]) if p.text else None
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += [line for group in groups for line in group.lines]
    lines += subtitle_lines(p.text)
    # Every rung is listed with every sound format: a player keeps to one of them.
    for pictures in (p.video, p.hdr_video):
        for group in groups or (None,):
            lines += [line for r in pictures for line in _variant(r, group, rates, text)]
    # A title without pictures has variants of sound only.
    if not (p.video or p.hdr_video):
        lines += [line for group in groups for line in _variant(group.representations[0], group, rates, text)]
    for r, ranges in stills:
        lines.append(_iframe_stream(r, measured_rates(r, [part.size_bytes for part in ranges], target_s)))
    return lines


def _variant(r: Representation, group: AudioGroup | None, rates: Mapping[str, Rates], text: Rates | None) -> list[str]:
    """A rung with the sound of a group; its rates include the most expensive track that it may be played with."""
    sound = () if group is None else group.representations
    total = (rates[r.id] if isinstance(r, VideoRepresentation) else NOTHING) + most([rates[part.id] for part in sound])
    total += text or NOTHING
    codecs = dict.fromkeys(part.codecs for part in ((r,) if isinstance(r, VideoRepresentation) else ()) + sound)
    attributes = [*_rates(total), f'CODECS="{",".join(codecs)}"']
    if isinstance(r, VideoRepresentation):
        attributes += [*_picture(r), f"FRAME-RATE={_decimal(r.video.frame_rate, 3)}"]
    if group is not None:
        attributes.append(f'AUDIO="{group.id}"')
    if text is not None:
        attributes.append(f'SUBTITLES="{TEXT_GROUP}"')
    attributes.append("CLOSED-CAPTIONS=NONE")
    return ["#EXT-X-STREAM-INF:" + ",".join(attributes), playlist_href(r.id)]


def _iframe_stream(r: VideoRepresentation, rates: Rates) -> str:
    attributes = [
        *_rates(rates),
        f'CODECS="{r.codecs}"',
        *_picture(r),
        f'URI="{iframe_playlist_href(r.id)}"',
    ]
    return I_FRAME_STREAM + ",".join(attributes)


def _rates(rates: Rates) -> list[str]:
    return [f"BANDWIDTH={rates.peak_bps}", f"AVERAGE-BANDWIDTH={rates.mean_bps}"]


def _picture(r: VideoRepresentation) -> list[str]:
    return [f"RESOLUTION={r.video.width}x{r.video.height}", f"VIDEO-RANGE={r.video.dynamic_range.upper()}"]


def _decimal(value: Fraction, places: int) -> str:
    """`value` to that many decimals, rounded half up, exactly."""
    whole, rest = divmod(math.floor(value * 10**places + Fraction(1, 2)), 10**places)
    return f"{whole}.{rest:0{places}d}"
