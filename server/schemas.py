"""Defines the JSON answers, from which the OpenAPI description is made."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, Field

from manifests.model import ModelTrack, VideoFormat, VideoRepresentation
from manifests.names import MASTER_PLAYLIST, POSTER, QUALITY, REPORT
from server.catalogue import Index, ServedBundle
from server.cmcd import Reports
from server.metrics import Counters


class Health(BaseModel):
    """State of the server."""

    status: str = Field(examples=["ok"])
    bundles: int = Field(description="Number of bundles that are served.")


class Models(BaseModel):
    """Models of one network for one rung."""

    network: str
    width: int = Field(description="Width of the enhanced picture.")
    height: int
    files: int = Field(description="Number of model files.")
    bytes: int
    segments: int = Field(description="Number of segments that are enhanced; the others are shown plain.")


class RungSummary(BaseModel):
    """One video representation."""

    id: str
    width: int
    height: int
    frame_rate: str = Field(examples=["30000/1001"])
    codecs: str
    bandwidth_bps: int
    segments: int
    models: list[Models]


class Bytes(BaseModel):
    """Total sizes of all files of each kind."""

    video: int
    audio: int
    model: int
    manifest: int


class BundleSummary(BaseModel):
    """One bundle. Addresses are relative to the address of this document."""

    name: str
    title: str | None
    duration_s: float
    manifest_url: str
    playlist_url: str | None = Field(description="The HLS master playlist.")
    poster_url: str | None
    quality_url: str | None = Field(description="Measured quality of every segment, plain and enhanced.")
    report_url: str | None = Field(description="The same as a page, with pictures and the trainer's choices.")
    bytes: Bytes
    rungs: list[RungSummary] = Field(description="Lowest bandwidth first.")


class ListedFileSummary(BaseModel):
    """One file of a bundle."""

    url: str
    kind: str = Field(description="video, audio, model, manifest or other")
    media_type: str
    bytes: int | None = Field(description="None if the manifest lists the file but it is missing.")


class BundleDetail(BundleSummary):
    """One bundle with every file that can be fetched."""

    files: list[ListedFileSummary]


class BrokenBundle(BaseModel):
    """Folder with a manifest that cannot be served."""

    name: str
    problem: str


class BundleList(BaseModel):
    """Catalogue of all bundles."""

    bundles: list[BundleSummary]
    broken: list[BrokenBundle]


class TrafficCount(BaseModel):
    """Totals of one kind of file."""

    requests: int
    bytes: int = Field(description="Bytes of bodies, without heads.")


class Metrics(BaseModel):
    """Totals since a process started. If there are several workers, each counts its own: see `process_id`."""

    process_id: int
    started_at_s: float = Field(description="Unix time.")
    kinds: dict[str, TrafficCount] = Field(description="video, audio, model, manifest, other; page: not a file")
    statuses: dict[str, int]


class PlayerSession(BaseModel):
    """Last report of one playback."""

    seen_at_s: float = Field(description="Unix time of its last request.")
    requests: int
    stalls: int = Field(description="Requests after its buffer had run empty.")
    buffer_ms: int | None
    bitrate_kbps: int | None
    model: str | None = Field(description="Id of the model track in use, or `none`.")


class Sessions(BaseModel):
    """Playbacks that reported lately, by session id. Each of several workers has a part: see `process_id`."""

    process_id: int
    sessions: dict[str, PlayerSession]


class Problem(BaseModel):
    """Reason why a request failed."""

    detail: str


def bundle_list(index: Index, may_show: Callable[[str], bool]) -> BundleList:
    """Returns everything in an index that may be shown, sorted by name."""
    return BundleList(
        bundles=[bundle_summary(bundle) for name, bundle in sorted(index.bundles.items()) if may_show(name)],
        broken=[BrokenBundle(name=name, problem=text) for name, text in sorted(index.broken.items()) if may_show(name)],
    )


def bundle_summary(bundle: ServedBundle) -> BundleSummary:
    """Returns the description of a bundle without its files."""
    presentation = bundle.presentation
    return BundleSummary(
        name=bundle.name,
        title=presentation.title,
        duration_s=round(float(presentation.duration_s), 3),
        manifest_url=bundle.manifest_url,
        playlist_url=bundle.url_of(MASTER_PLAYLIST),
        poster_url=bundle.url_of(POSTER),
        quality_url=bundle.url_of(QUALITY),
        report_url=bundle.url_of(REPORT),
        bytes=Bytes(
            video=bundle.size_bytes("video"),
            audio=bundle.size_bytes("audio"),
            model=bundle.size_bytes("model"),
            manifest=bundle.size_bytes("manifest"),
        ),
        rungs=[_rung(representation) for representation in presentation.video],
    )


def bundle_detail(bundle: ServedBundle) -> BundleDetail:
    """Returns the description of a bundle with its files, in the manifest's order."""
    files = [
        ListedFileSummary(
            url=file.url,
            kind=file.kind,
            media_type=file.media_type,
            bytes=file.size_bytes,
        )
        for file in bundle.files
    ]
    return BundleDetail(**bundle_summary(bundle).model_dump(), files=files)


def metrics(counters: Counters, process_id: int) -> Metrics:
    """Returns the totals so far."""
    return Metrics(
        process_id=process_id,
        started_at_s=round(counters.started_at_s, 3),
        kinds={kind: TrafficCount(requests=t.requests, bytes=t.bytes) for kind, t in counters.kinds().items()},
        statuses={str(status): count for status, count in sorted(counters.statuses.items())},
    )


def sessions(reports: Reports, process_id: int) -> Sessions:
    """Returns the last reports of all sessions."""
    return Sessions(
        process_id=process_id,
        sessions={name: PlayerSession(**vars(session)) for name, session in reports.sessions.items()},
    )


def _rung(representation: VideoRepresentation) -> RungSummary:
    video = representation.video
    return RungSummary(
        id=representation.id,
        width=video.width,
        height=video.height,
        frame_rate=str(video.frame_rate),
        codecs=representation.codecs,
        bandwidth_bps=representation.bandwidth_bps,
        segments=len(representation.segments),
        models=[_models(track, video) for track in representation.model_tracks],
    )


def _models(track: ModelTrack, rung: VideoFormat) -> Models:
    width, height = track.enhanced_size_of(rung)
    return Models(
        network=track.network,
        width=width,
        height=height,
        files=len(track.models),
        bytes=sum(model.size_bytes for model in track.models),
        segments=sum(use is not None for use in track.uses),
    )
