"""The bundle on disk: opening it, and publishing into it so that a reader never sees half of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NoReturn

from manifests.checks import media_problems, model_problems, presentation_problems, quality_problems, text_problems
from manifests.errors import BrokenBundleError, MalformedManifestError
from manifests.files import publish_file
from manifests.hls.write import write_playlists
from manifests.measure import first_samples, measure_media, sizes_bytes
from manifests.model import ModelFile, Presentation, Representation, VideoRepresentation
from manifests.mpd.read import read_mpd
from manifests.mpd.tracks import clean_label
from manifests.mpd.write import write_mpd
from manifests.mpd.xml import MAX_BYTES
from manifests.names import (
    MANIFEST,
    MASTER_PLAYLIST,
    POSTER,
    PROVENANCE,
    QUALITY,
    REPORT,
    iframe_playlist_href,
    playlist_href,
)
from manifests.timing import format_duration, parse_duration_s

FileKind = Literal[
    "manifest", "playlist", "init", "segment", "text", "model", "quality", "metadata", "poster", "report"
]

MAX_JSON_BYTES = 64 << 20


@dataclass(frozen=True)
class ListedFile:
    """A file that belongs to a bundle because the manifest lists it, or because of its name."""

    href: str
    """Relative to the bundle, with `/`."""
    kind: FileKind
    representation_id: str | None = None
    """Representation of an init segment, a segment or subtitles; None for a model, which several may share."""


@dataclass(frozen=True)
class Bundle:
    """A bundle as its manifest describes it, at the moment it was opened."""

    root: Path
    presentation: Presentation

    def files(self) -> dict[str, ListedFile]:
        """Returns the bundle's files by href: everything that the manifest lists, and side files that are there.

        Side files are playlists, metadata, poster and report.
        """
        return dict(self._listed)

    def path(self, href: str) -> Path:
        """Returns the path of a listed file.

        Raises KeyError for any other file, BrokenBundleError if a link leads out of the bundle.
        """
        path = self.root / self._listed[href].href
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise BrokenBundleError(f"{href} leads out of the bundle")
        return path

    def read(self, href: str) -> bytes:
        """The bytes of a listed file. Raises KeyError for any other file, BrokenBundleError if unreadable."""
        path = self.path(href)
        try:
            return path.read_bytes()
        except OSError as error:
            raise BrokenBundleError(f"{href} is listed but cannot be read: {error.strerror}") from error

    @cached_property
    def _listed(self) -> dict[str, ListedFile]:
        listed = [ListedFile(MANIFEST, "manifest")]
        for adaptation_set in self.presentation.adaptation_sets:
            if adaptation_set.quality is not None:
                listed.append(ListedFile(adaptation_set.quality.href, "quality"))
            for r in adaptation_set.representations:
                listed += _media_files(r)
            for rung in adaptation_set.rungs:
                models = [model for track in rung.model_tracks for model in track.models]
                listed += [ListedFile(model.href, "model") for model in models]
        listed += [ListedFile(track.href, "text", track.id) for track in self.presentation.text]
        listed += [file for file in self._optional() if (self.root / file.href).is_file()]
        # The first to claim a name keeps it: a manifest cannot make a model out of itself.
        files: dict[str, ListedFile] = {}
        for file in listed:
            files.setdefault(file.href, file)
        return files

    def _optional(self) -> list[ListedFile]:
        p = self.presentation
        ids = [*(r.id for s in p.adaptation_sets for r in s.representations), *(track.id for track in p.text)]
        stills = map(iframe_playlist_href, (r.id for r in (*p.video, *p.hdr_video)))
        playlists = [MASTER_PLAYLIST, *map(playlist_href, ids), *stills]
        return [
            *(ListedFile(name, "playlist") for name in playlists),
            *(ListedFile(name, "metadata") for name in (QUALITY, PROVENANCE)),
            ListedFile(POSTER, "poster"),
            ListedFile(REPORT, "report"),
        ]


def _media_files(r: Representation) -> list[ListedFile]:
    segments = (ListedFile(segment.href, "segment", r.id) for segment in r.segments)
    return [ListedFile(r.init_href, "init", r.id), *segments]


def open_bundle(root: Path) -> Bundle:
    """Opens the bundle in the folder `root`. Reads its manifest only; `verify` checks the rest.

    Raises BrokenBundleError if there is no readable manifest, MalformedManifestError if it breaks the rules.
    """
    path = root / MANIFEST
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = bundles_inside(root) or f"{MANIFEST} cannot be read ({error.strerror})"
        raise BrokenBundleError(f"{root} is not a bundle: {reason}") from error
    return Bundle(root, read_manifest(data, str(path)))


def bundles_inside(folder: Path) -> str | None:
    """Returns a hint for somebody who named a folder of bundles instead of one; None for any other folder."""
    try:
        inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    except OSError:
        return None
    return f"it contains bundles; name one, such as {inside[0]}" if inside else None


def read_manifest(data: bytes, where: str) -> Presentation:
    """Reads the bytes of an MPD. Raises MalformedManifestError, whose message contains `where` they came from."""
    try:
        return read_mpd(data)
    except MalformedManifestError as error:
        raise MalformedManifestError(f"{where} is not a manifest: {error}") from error


def publish_manifest(root: Path, p: Presentation) -> None:
    """Checks the bundle that `p` describes, then writes its playlists and, last, its manifest.

    Checked: every listed file is there; `video/`, `audio/` and `text/` contain no other; segments match the manifest
    and start with a sync sample; all rungs have equal boundaries and frame counts; frames and sound have the durations
    that they should; models and quality tables have their size and hash. Raises BrokenBundleError, which names the file
    and the problem, or MalformedManifestError; nothing is published then.
    """
    p = _as_written(p)
    data = write_mpd(p)
    if read_mpd(data) != p:
        raise BrokenBundleError("the manifest does not read back as it was meant: a field is out of its range")
    media = measure_media(root, p)
    checks = (
        presentation_problems(p),
        media_problems(root, p, media),
        text_problems(root, p),
        model_problems(root, p),
        quality_problems(root, p),
    )
    for problems in checks:
        for problem in problems:
            raise BrokenBundleError(problem)
    for name, playlist in write_playlists(p, sizes_bytes(media), first_samples(media)).items():
        publish_file(root / name, playlist)
    publish_file(root / MANIFEST, data)


def _as_written(p: Presentation) -> Presentation:
    """`p` with durations and gains rounded as the manifest rounds them, and labels as it holds them."""
    return replace(
        p,
        duration_s=parse_duration_s(format_duration(p.duration_s)),
        min_buffer_s=parse_duration_s(format_duration(p.min_buffer_s)),
        adaptation_sets=tuple(
            replace(s, label=clean_label(s.label), representations=tuple(map(_rounded_gains, s.representations)))
            for s in p.adaptation_sets
        ),
        text=tuple(replace(track, label=clean_label(track.label)) for track in p.text),
    )


def _rounded_gains(r: Representation) -> Representation:
    if not isinstance(r, VideoRepresentation):
        return r
    tracks = tuple(replace(t, models=tuple(map(_rounded_gain, t.models))) for t in r.model_tracks)
    return replace(r, model_tracks=tracks, model_problem=None)


def _rounded_gain(model: ModelFile) -> ModelFile:
    return model if model.gain_db is None else replace(model, gain_db=float(f"{model.gain_db:.3f}"))


def read_json(root: Path, name: str) -> dict[str, Any]:
    """Reads the object in a JSON file of the bundle. Raises BrokenBundleError if there is none."""
    try:
        path = root / name
        if path.stat().st_size > MAX_JSON_BYTES:
            raise BrokenBundleError(f"{name} is larger than {MAX_JSON_BYTES} bytes")
        value = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except OSError as error:
        raise BrokenBundleError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BrokenBundleError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BrokenBundleError(f"{name} is not a JSON object")
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def publish_json(root: Path, name: str, value: dict[str, Any]) -> None:
    """Write `value` to a JSON file of the bundle as `publish_file` does.

    Raises ValueError for NaN and infinity, OSError.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    publish_file(root / name, text.encode() + b"\n")
