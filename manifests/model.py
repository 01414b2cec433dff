"""Domain types that every program shares, frozen. No words of the MPD and no files here."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from manifests.networks import Size
from manifests.template import expand

ContentType = Literal["video", "audio"]

Role = Literal[
    "main", "alternate", "commentary", "dub", "description", "supplementary", "subtitle", "caption", "forced-subtitle"
]
"""The part that a track plays in its presentation, in the words of DASH (urn:mpeg:dash:role:2011)."""

DynamicRange = Literal["sdr", "pq", "hlg"]
"""The transfer of a picture: BT.709, SMPTE ST 2084 or ARIB STD-B67."""


@dataclass(frozen=True)
class SegmentSeries:
    """Facts that all segments of a representation have in common: their clock and their addresses."""

    timescale: int
    """Ticks per second."""
    init_href: str
    """Address of the init segment, relative to the base URL."""
    media: str
    """Address of a segment with `$Number$` or `$Time$` in it, such as `video/v360/$Number%05d$.m4s`."""


@dataclass(frozen=True)
class Segment:
    """One media segment: a closed GOP of a video rung, or the sound of about the same time."""

    number: int
    """Its `$Number$`; 1 for the first segment of a bundle that we made."""
    start_ticks: int
    """Start in Period time, on the timescale of its series."""
    duration_ticks: int
    series: SegmentSeries = field(compare=False)
    """Series it belongs to; segments with the same boundaries are equal, whichever rung they are of."""

    @property
    def href(self) -> str:
        """Address relative to the base URL. Raises MalformedManifestError."""
        return expand(self.series.media, {"Number": self.number, "Time": self.start_ticks})

    @property
    def start_s(self) -> Fraction:
        """Start in Period time."""
        return Fraction(self.start_ticks, self.series.timescale)

    @property
    def duration_s(self) -> Fraction:
        return Fraction(self.duration_ticks, self.series.timescale)

    @property
    def end_s(self) -> Fraction:
        """End in Period time, which is the start of the next segment."""
        return Fraction(self.start_ticks + self.duration_ticks, self.series.timescale)


@dataclass(frozen=True)
class ModelFile:
    """One file of weights: a full set, or an update to another file."""

    n: int
    """Number within its ModelTrack, 1 or more; never changes meaning."""
    href: str
    """Address relative to the manifest's base URL; named by the file's content."""
    size_bytes: int
    sha256: str
    """64 lower-case hex digits over the whole file."""
    base: int | None = None
    """The `n` this file updates; None for a full set of weights."""
    gain_db: float | None = None
    """Mean gain in PSNR-Y over plain where it is used, as measured by the trainer."""


@dataclass(frozen=True)
class ModelTrack:
    """The models of one network size for one video representation, and which segment wants which."""

    id: str
    network: str
    """Name of the network, such as `c16d2`. May be one that this version does not know."""
    scale: int
    """Enlargement of the picture that goes into the network."""
    macs_per_pixel: int
    """Multiply-adds per pixel of the representation: what a player compares with its measured speed."""
    rank: int
    """1 is the best picture among the tracks of a representation."""
    bandwidth_bps: int
    """All model bytes of the track spread over the Period; a summary only."""
    format: str
    """Model format, `ndm/1`. May be one that this version does not know."""
    models: tuple[ModelFile, ...]
    uses: tuple[int | None, ...]
    """The `n` of the model of every segment of the representation, in order; None for plain."""
    input_size: Size | None = None
    """Size of the picture that goes into the network, to which each frame is resized first; None for frames as they
    are."""

    def input_size_of(self, rung: VideoFormat) -> Size:
        """Returns the size of the picture that goes into the network for frames of `rung`."""
        return self.input_size or rung.size

    def enhanced_size_of(self, rung: VideoFormat) -> Size:
        """Returns the size of the picture that comes out of the network."""
        return self.input_size_of(rung).times(self.scale)

    def model(self, n: int) -> ModelFile:
        """The model numbered `n`. Raises KeyError."""
        for model in self.models:
            if model.n == n:
                return model
        raise KeyError(n)

    def chain(self, n: int) -> tuple[ModelFile, ...]:
        """The files that make model `n`, full weights first. Raises KeyError. (No loops: the reader.)"""
        files = [self.model(n)]
        while files[0].base is not None:
            files.insert(0, self.model(files[0].base))
        return tuple(files)


@dataclass(frozen=True)
class VideoFormat:
    """Facts that a player needs to show a video representation."""

    width: int
    height: int
    frame_rate: Fraction
    sar: Fraction = Fraction(1)
    """Sample aspect ratio, width over height of one stored pixel."""
    dynamic_range: DynamicRange = "sdr"
    """`pq` and `hlg` are BT.2020; players that cannot show them take the SDR set."""

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)


@dataclass(frozen=True)
class AudioFormat:
    """Facts that a player needs to play a sound track."""

    sample_rate_hz: int
    channels: int


@dataclass(frozen=True)
class Representation:
    """One rung of the ladder, or one sound track in one format."""

    id: str
    codecs: str
    """RFC 6381, such as `avc1.64001E`."""
    bandwidth_bps: int
    segments: tuple[Segment, ...]
    """Its segments, at least one, in order and without gaps, all of one series."""

    @property
    def series(self) -> SegmentSeries:
        return self.segments[0].series

    @property
    def timescale(self) -> int:
        """Ticks per second of its segments."""
        return self.series.timescale

    @property
    def init_href(self) -> str:
        """Address of the init segment, relative to the base URL."""
        return self.series.init_href

    @property
    def hrefs(self) -> list[str]:
        """Addresses of the init segment and of every segment, in order."""
        return [self.init_href, *(segment.href for segment in self.segments)]

    @property
    def duration_s(self) -> Fraction:
        """Time from the start of the first segment to the end of the last."""
        return self.segments[-1].end_s - self.segments[0].start_s


@dataclass(frozen=True)
class VideoRepresentation(Representation):
    """One rung of the ladder."""

    video: VideoFormat
    model_tracks: tuple[ModelTrack, ...] = ()
    model_problem: str | None = None
    """Reason why the model table was skipped, e.g. a newer version; None if it was read or is absent."""

    @property
    def is_hdr(self) -> bool:
        """True if its pictures can be brighter or more colourful than BT.709 allows."""
        return self.video.dynamic_range != "sdr"

    @property
    def size(self) -> Size:
        return self.video.size

    @property
    def target_size(self) -> Size:
        """Size of its frames once enhanced: the largest of any of its tracks, its own if it has none."""
        sizes = [track.enhanced_size_of(self.video) for track in self.model_tracks]
        return max(sizes, key=lambda size: size.pixels, default=self.size)

    def frame_count(self, segment: Segment) -> int:
        """Returns how many frames a segment of it promises."""
        return round(segment.duration_s * self.video.frame_rate)


@dataclass(frozen=True)
class AudioRepresentation(Representation):
    """One sound track in one format."""

    audio: AudioFormat


@dataclass(frozen=True)
class SideFile:
    """A file with more facts about the manifest's representations, which players can do without."""

    href: str
    """Relative to the manifest's base URL; named by its content."""
    size_bytes: int
    sha256: str
    """64 lower-case hex digits over the whole file."""


@dataclass(frozen=True)
class TextTrack:
    """Subtitles of the whole presentation in one WebVTT file, its times those of the Period."""

    id: str
    """Unlike that of any representation."""
    href: str
    """Relative to the manifest's base URL; named by its content."""
    bandwidth_bps: int
    language: str | None = None
    """BCP 47."""
    label: str | None = None
    """The name that a viewer reads in a menu."""
    role: Role = "subtitle"


@dataclass(frozen=True)
class AdaptationSet:
    """Representations a player may switch among."""

    id: str
    content_type: ContentType
    mime_type: str
    representations: tuple[Representation, ...]
    language: str | None = None
    """BCP 47, for audio."""
    label: str | None = None
    """The name that a viewer reads in a menu."""
    role: Role | None = None
    """`main` for the sound that plays when nobody chooses."""
    base_urls: tuple[str, ...] = ()
    quality: SideFile | None = None
    """The quality table of its representations (`manifests.quality_table`)."""

    @property
    def rungs(self) -> tuple[VideoRepresentation, ...]:
        """Its representations, if they are video."""
        return tuple(r for r in self.representations if isinstance(r, VideoRepresentation))

    @property
    def sound(self) -> tuple[AudioRepresentation, ...]:
        """Its representations, if they are sound."""
        return tuple(r for r in self.representations if isinstance(r, AudioRepresentation))


@dataclass(frozen=True)
class Presentation:
    """A whole static presentation of one Period: the content of `manifest.mpd`."""

    duration_s: Fraction
    adaptation_sets: tuple[AdaptationSet, ...]
    min_buffer_s: Fraction = Fraction(4)
    base_urls: tuple[str, ...] = ()
    title: str | None = None
    text: tuple[TextTrack, ...] = ()

    @property
    def all_video(self) -> tuple[VideoRepresentation, ...]:
        """All rungs, SDR and HDR, lowest bandwidth first."""
        found = [r for s in self.adaptation_sets for r in s.rungs]
        return tuple(sorted(found, key=lambda r: r.bandwidth_bps))

    @property
    def video(self) -> tuple[VideoRepresentation, ...]:
        """The SDR rungs, which are enhanced, trained and played here; lowest bandwidth first."""
        return tuple(r for r in self.all_video if not r.is_hdr)

    @property
    def hdr_video(self) -> tuple[VideoRepresentation, ...]:
        """The HDR rungs, which players that can show them show unchanged; lowest bandwidth first."""
        return tuple(r for r in self.all_video if r.is_hdr)

    @property
    def audio(self) -> tuple[AudioRepresentation, ...]:
        """All sound, lowest bandwidth first."""
        found = [r for s in self.adaptation_sets for r in s.sound]
        return tuple(sorted(found, key=lambda r: r.bandwidth_bps))

    @property
    def representations(self) -> tuple[Representation, ...]:
        """All of them: SDR rungs, HDR rungs, sound."""
        return (*self.video, *self.hdr_video, *self.audio)

    @property
    def audio_sets(self) -> tuple[AdaptationSet, ...]:
        """The sets of sound, those of role `main` first, otherwise in the order of the manifest."""
        sets = (s for s in self.adaptation_sets if s.content_type == "audio")
        return tuple(sorted(sets, key=lambda s: s.role != "main"))
