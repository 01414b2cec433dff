"""`--keep DIR`: what was downloaded, laid out as a bundle that plays, video and models apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from console.text import one_line
from manifests.errors import BundleError
from manifests.files import publish_file
from manifests.hls.write import write_playlists
from manifests.model import Presentation, Representation, VideoRepresentation
from manifests.mpd.write import write_mpd
from manifests.names import MANIFEST
from player.errors import SinkError


class DownloadRecorder:
    """Each file under the address the manifest gives it; at the end a manifest of what is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: dict[str, set[int]] = {}
        self._models: set[str] = set()

    def open(self) -> None:
        """Opens the folder. Raises SinkError if it is not empty: mixed with other files it would not be a bundle."""
        if self._folder.exists() and not self._folder.is_dir():
            raise SinkError(f"--keep {self._folder} is a file: name a folder")
        if self._folder.is_dir() and any(self._folder.iterdir()):
            raise SinkError(f"--keep {self._folder} holds something: name an empty folder, or empty this one")

    def segment(self, representation: Representation, number: int, href: str, data: bytes) -> None:
        """Raises SinkError."""
        self.file(href, data)
        self._segments.setdefault(representation.id, set()).add(number)

    def model(self, href: str, data: bytes) -> None:
        """A model, or another file that the manifest may do without. Raises SinkError."""
        self.file(href, data)
        self._models.add(href)

    def file(self, href: str, data: bytes) -> None:
        """`href` is a plain relative path, as every href of a manifest that was read. Raises SinkError."""
        path = self._folder / href
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            publish_file(path, data)
        except OSError as error:
            raise SinkError(f"{path} cannot be written: {error.strerror}") from error

    def finish(self, presentation: Presentation) -> None:
        """Write the manifest, and the playlists of what is whole, if there is any video to play. Raises SinkError."""
        kept = recorded_presentation(presentation, self._segments, frozenset(self._models))
        if kept is None:
            return
        try:
            for name, playlist in self._playlists(kept).items():
                self.file(name, playlist)
            self.file(MANIFEST, write_mpd(kept))
        except (BundleError, OSError) as error:
            raise SinkError(f"{self._folder / MANIFEST} cannot be written: {one_line(error)}") from error

    def _playlists(self, kept: Presentation) -> dict[str, bytes]:
        representations = (*kept.video, *kept.audio)
        if any(len(self._segments[r.id]) < len(r.segments) for r in representations):
            return {}  # players of HLS take each rung for whole
        hrefs = {r.id: [segment.href for segment in r.segments] for r in representations}
        sizes = {name: [(self._folder / href).stat().st_size for href in hrefs[name]] for name in hrefs}
        return write_playlists(kept, sizes)


def recorded_presentation(
    presentation: Presentation, segments: dict[str, set[int]], models: frozenset[str]
) -> Presentation | None:
    """The part of a presentation that was downloaded; None without video. Pure.

    The rungs that are whole or, where rungs were switched and none is, every rung with a segment: this player then
    takes each segment from the rung that has it. `segments` holds segment numbers by representation id.
    """
    # A rung with gaps is kept only if no rung is whole.
    touched = [r for r in presentation.video if segments.get(r.id)]
    whole = [r for r in touched if len(segments[r.id]) == len(r.segments)]
    names = {r.id for r in whole or touched} | {r.id for r in presentation.audio if segments.get(r.id)}
    if not touched:
        return None
    sets = [
        dataclasses.replace(
            s,
            base_urls=(),
            quality=s.quality if s.quality is not None and s.quality.href in models else None,
            representations=tuple(_with_models(r, models) for r in s.representations if r.id in names),
        )
        for s in presentation.adaptation_sets
    ]
    # The recording is read from its own folder, so base URLs are dropped.
    return dataclasses.replace(
        presentation,
        base_urls=(),
        adaptation_sets=tuple(s for s in sets if s.representations),
        text=tuple(track for track in presentation.text if track.href in models),
    )


def _with_models(representation: Representation, models: frozenset[str]) -> Representation:
    if not isinstance(representation, VideoRepresentation):
        return representation
    tracks = (t for t in representation.model_tracks if any(f.href in models for f in t.models))
    return dataclasses.replace(representation, model_tracks=tuple(tracks))
