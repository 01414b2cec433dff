"""Reads fMP4 segments: clock, codec, start, duration, frames (ISO/IEC 14496-12, CMAF).

Enough to write a manifest from files on disk and to check one against them. The bytes may be hostile: all sizes and
counts are compared with the data before they are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from manifests.errors import MalformedFragmentError
from manifests.model import DynamicRange
from manifests.mp4.boxes import Box, boxes
from manifests.mp4.codecs import audio_format, codec_name, dynamic_range

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_SAMPLES = 1_000_000
"""Largest number of samples in one segment; counted, not stored, so that a table of defaults cannot claim 2^32."""

_NON_SYNC = 0x10000  # sample_is_non_sync_sample in the sample flags (8.8.3.1)

# tfhd flags (8.8.7) and the width of their fields, in the order in which they are stored
_TFHD_FIELDS = ((0x1, "Q"), (0x2, "I"), (0x8, "I"), (0x10, "I"), (0x20, "I"))
# trun flags of the per-sample fields (8.8.8): duration, size, flags, composition offset
_TRUN_COLUMNS = (0x100, 0x200, 0x400, 0x800)


@dataclass(frozen=True)
class SampleDefaults:
    """Values that apply to samples without values of their own."""

    duration_ticks: int
    size_bytes: int
    flags: int


@dataclass(frozen=True)
class InitInfo:
    """Facts in an init segment about its one track."""

    timescale: int
    """Ticks per second."""
    handler: str
    """`vide` or `soun`."""
    codecs: str
    """RFC 6381, such as `avc1.64001E`."""
    width: int
    """Luma columns; 0 for audio."""
    height: int
    sample_rate_hz: int
    """0 for video."""
    channels: int
    track_id: int
    defaults: SampleDefaults
    dynamic_range: DynamicRange | None = None
    """None for sound, and for pictures whose sample entry states no transfer."""


@dataclass(frozen=True)
class ByteRange:
    """A part of a file."""

    start: int
    """Offset of its first byte."""
    size_bytes: int


@dataclass(frozen=True)
class FragmentInfo:
    """Facts in a media segment, over all its fragments."""

    start_ticks: int
    """Decode time of the first sample; with the edit list that packagers write, also when it is shown."""
    duration_ticks: int
    sample_count: int
    starts_with_sync: bool
    """True if the first sample can be decoded without any before it."""
    shortest_sample_ticks: int
    longest_sample_ticks: int
    last_sample_ticks: int
    first_sample: ByteRange
    """The first `moof` and the bytes up to the end of the first sample: enough to show that picture only."""


def read_init(data: bytes) -> InitInfo:
    """Reads the init segment `data`. Raises MalformedFragmentError, also if it has no track or several."""
    moov = _top_level(data, b"moov")[0]
    tracks = [box for box in moov.children() if box.type == b"trak"]
    if len(tracks) != 1:
        raise MalformedFragmentError(f"{len(tracks)} tracks in an init segment, where one belongs")
    media = tracks[0].child(b"mdia")
    # Version 1 has 64-bit dates in front of the timescale.
    header = media.child(b"mdhd")
    timescale = header.unpack("I", 20 if header.unpack("B")[0] == 1 else 12)[0]
    if timescale == 0:
        raise MalformedFragmentError("a timescale of 0")
    handler = bytes(media.child(b"hdlr").payload[8:12])
    if handler not in (b"vide", b"soun"):
        raise MalformedFragmentError(f"a track of handler {handler!r}, neither video nor sound")
    # The first sample entry describes the codec; a segment of ours has only one.
    entry = next(media.child(b"minf").child(b"stbl").child(b"stsd").children(8), None)
    if entry is None:
        raise MalformedFragmentError("stsd is empty")
    width, height = entry.unpack("HH", 24) if handler == b"vide" else (0, 0)
    rate, channels = audio_format(entry) if handler == b"soun" else (0, 0)
    track_id, defaults = _defaults(moov)
    return InitInfo(
        timescale=timescale,
        handler=handler.decode(),
        codecs=codec_name(entry),
        width=width,
        height=height,
        sample_rate_hz=rate,
        channels=channels,
        track_id=track_id,
        defaults=defaults,
        dynamic_range=dynamic_range(entry) if handler == b"vide" else None,
    )


def read_fragment(data: bytes, init: InitInfo) -> FragmentInfo:
    """Reads the media segment `data`, which may consist of several fragments (CMAF chunks) that follow each other.

    Raises MalformedFragmentError, also if fragments do not follow each other or samples exceed the media data.
    """
    moofs = _top_level(data, b"moof")
    fragments = [_read_moof(moof, init) for moof in moofs]
    start = fragments[0].start_ticks
    end = start
    # Chunks of a segment have to follow each other without gaps, or players would stall.
    for fragment in fragments:
        if fragment.start_ticks != end:
            raise MalformedFragmentError(f"a fragment starts at {fragment.start_ticks}, the one before ends at {end}")
        end += fragment.duration_ticks
    # Sizes are claims: compare them with the bytes that are there.
    mdats = _top_level(data, b"mdat")
    stored = sum(len(box.payload) for box in mdats)
    claimed = sum(fragment.size_bytes for fragment in fragments)
    if claimed > stored:
        raise MalformedFragmentError(f"samples of {claimed} bytes in {stored} bytes of media data")
    samples = sum(fragment.sample_count for fragment in fragments)
    if samples > MAX_SAMPLES:
        raise MalformedFragmentError(f"{samples} samples in one segment, where at most {MAX_SAMPLES} are read")
    return FragmentInfo(
        start_ticks=start,
        duration_ticks=end - start,
        sample_count=samples,
        starts_with_sync=fragments[0].starts_with_sync,
        shortest_sample_ticks=min(fragment.shortest_sample_ticks for fragment in fragments),
        longest_sample_ticks=max(fragment.longest_sample_ticks for fragment in fragments),
        last_sample_ticks=fragments[-1].last_sample_ticks,
        first_sample=_first_sample(moofs[0], mdats[0], fragments[0], len(data)),
    )


def _first_sample(moof: Box, mdat: Box, fragment: _Fragment, segment_bytes: int) -> ByteRange:
    """See FragmentInfo; up to the end of the segment if the tables do not place the sample in the media data."""
    end = segment_bytes
    if fragment.first_sample_end is not None:
        claimed = moof.start + fragment.first_sample_end
        if mdat.end - len(mdat.payload) <= claimed <= mdat.end:
            end = claimed
    return ByteRange(moof.start, end - moof.start)


def _top_level(data: bytes, box_type: bytes) -> list[Box]:
    found = [box for box in boxes(memoryview(data)) if box.type == box_type]
    if not found:
        raise MalformedFragmentError(f"no {box_type.decode()} box in {len(data)} bytes")
    return found


def _defaults(moov: Box) -> tuple[int, SampleDefaults]:
    _, track_id, _, duration, size, flags = moov.child(b"mvex").child(b"trex").unpack("6I")
    return track_id, SampleDefaults(duration, size, flags)


@dataclass(frozen=True)
class _Fragment:
    start_ticks: int
    duration_ticks: int
    sample_count: int
    size_bytes: int
    starts_with_sync: bool
    shortest_sample_ticks: int
    longest_sample_ticks: int
    last_sample_ticks: int
    first_sample_end: int | None
    """Bytes from the start of the `moof` to the end of the first sample; None if they are counted from elsewhere."""


def _read_moof(moof: Box, init: InitInfo) -> _Fragment:
    tracks = [box for box in moof.children() if box.type == b"traf"]
    if len(tracks) != 1:
        raise MalformedFragmentError(f"{len(tracks)} tracks in a fragment, where one belongs")
    header = tracks[0].child(b"tfhd")
    defaults = _fragment_defaults(header, init)
    from_moof = not header.unpack("I")[0] & 0x1  # no base-data-offset
    # Version 1 has a 64-bit time.
    time = tracks[0].child(b"tfdt")
    start = time.unpack("Q" if time.unpack("B")[0] == 1 else "I", 4)[0]
    runs = [_read_run(box, defaults) for box in tracks[0].children() if box.type == b"trun"]
    runs = [run for run in runs if run.sample_count]
    if not runs:
        raise MalformedFragmentError("a fragment without samples")
    return _Fragment(
        start_ticks=start,
        duration_ticks=sum(run.duration_ticks for run in runs),
        sample_count=sum(run.sample_count for run in runs),
        size_bytes=sum(run.size_bytes for run in runs),
        starts_with_sync=runs[0].starts_with_sync,
        shortest_sample_ticks=min(run.shortest_sample_ticks for run in runs),
        longest_sample_ticks=max(run.longest_sample_ticks for run in runs),
        last_sample_ticks=runs[-1].last_sample_ticks,
        first_sample_end=runs[0].first_sample_end if from_moof else None,
    )


def _fragment_defaults(tfhd: Box, init: InitInfo) -> SampleDefaults:
    flags, track_id = tfhd.unpack("II")
    if track_id != init.track_id:
        raise MalformedFragmentError(
            f"a fragment of track {track_id}, where the init segment describes {init.track_id}"
        )
    values = {0x8: init.defaults.duration_ticks, 0x10: init.defaults.size_bytes, 0x20: init.defaults.flags}
    at = 8
    for flag, layout in _TFHD_FIELDS:
        if flags & flag:
            values[flag] = tfhd.unpack(layout, at)[0]
            at += 8 if layout == "Q" else 4
    return SampleDefaults(values[0x8], values[0x10], values[0x20])


@dataclass(frozen=True)
class _Run:
    duration_ticks: int
    sample_count: int
    size_bytes: int
    starts_with_sync: bool
    shortest_sample_ticks: int
    longest_sample_ticks: int
    last_sample_ticks: int
    first_sample_end: int | None


def _read_run(trun: Box, defaults: SampleDefaults) -> _Run:
    flags, count = trun.unpack("II")
    if count > MAX_SAMPLES:
        raise MalformedFragmentError(f"a run of {count} samples, where at most {MAX_SAMPLES} are read")
    # Optional fields follow each other, so each one that is present moves the next.
    data_offset = trun.unpack("i", 8)[0] if flags & 0x1 else None
    at = 8 + (4 if flags & 0x1 else 0)
    first_flags = None
    if flags & 0x4:
        first_flags = trun.unpack("I", at)[0]
        at += 4
    columns = [flag for flag in _TRUN_COLUMNS if flags & flag]
    table = _table(trun, at, count, columns)
    # The first sample's flags have three sources, in this order of precedence.
    sample_flags = first_flags
    if sample_flags is None:
        sample_flags = int(table[0x400][0]) if count and 0x400 in table else defaults.flags
    durations, sizes = table.get(0x100), table.get(0x200)
    first_size = int(sizes[0]) if count and sizes is not None else defaults.size_bytes
    # Without a column of durations all samples have the default one.
    each_ticks = defaults.duration_ticks
    if not count or durations is None:
        total, shortest, longest, last = count * each_ticks, each_ticks, each_ticks, each_ticks
    else:
        total, shortest, longest, last = map(int, (durations.sum(), durations.min(), durations.max(), durations[-1]))
    return _Run(
        duration_ticks=total,
        sample_count=count,
        size_bytes=count * defaults.size_bytes if sizes is None else int(sizes.sum()),
        starts_with_sync=not sample_flags & _NON_SYNC,
        shortest_sample_ticks=shortest,
        longest_sample_ticks=longest,
        last_sample_ticks=last,
        first_sample_end=None if data_offset is None else data_offset + first_size,
    )


def _table(trun: Box, at: int, count: int, columns: list[int]) -> dict[int, NDArray[np.uint64]]:
    """The per-sample fields by flag, each (count,) uint64. Raises MalformedFragmentError if cut off."""
    import numpy as np  # A server that measures no fragment does without these 12 MB.

    if len(trun.payload) - at < 4 * count * len(columns):
        raise MalformedFragmentError(f"trun claims {count} samples in {len(trun.payload)} bytes")
    cells = np.frombuffer(trun.payload, ">u4", count * len(columns), at) if count and columns else np.empty(0, ">u4")
    rows = cells.reshape(count if columns else 0, len(columns))
    return {flag: rows[:, index].astype(np.uint64) for index, flag in enumerate(columns)}
