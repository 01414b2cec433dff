"""Finds the bundles below ROOT, and builds the index of every file that a URL can reach.

A URL path is looked up in the index and never joined to a folder, so a path that is not a key reaches nothing. The
index is a frozen snapshot that is replaced as a whole, so readers need no lock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from manifests.bundle import Bundle, ListedFile, open_bundle
from manifests.errors import BundleError
from manifests.model import Presentation
from manifests.names import MANIFEST
from server import disk, responses

logger = logging.getLogger("server")

Kind = Literal["video", "audio", "model", "manifest", "other"]
"""Class of a file, by which traffic is counted."""

BUNDLES_AT = "/bundles/"

_MEDIA_TYPES = {
    ".mpd": "application/dash+xml",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".json": "application/json",
    ".jpg": "image/jpeg",
    ".html": responses.HTML,
    ".vtt": "text/vtt",
    ".ndm": "application/octet-stream",
    ".ndq": "application/octet-stream",
}
_PACKED_TYPES = {_MEDIA_TYPES[suffix] for suffix in (".mpd", ".m3u8", ".json", ".vtt")}
_LARGEST_PACKED_BYTES = 4 << 20
"""Size limit of files to be packed, because their packed forms are kept in memory."""
# A valid step of a file's path: no dotfile, `..`, drive, backslash or control character.
_STEP = re.compile(r"[^./\\:\x00-\x1f\x7f][^/\\:\x00-\x1f\x7f]*")
# A limit for the search, in case ROOT is a deep tree that is not a library of bundles.
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class ServedFile:
    """One file that a client can ask for."""

    url_path: str
    """URL path from the root of the server, decoded."""
    bundle: str
    """Name of its bundle."""
    root: Path
    """Folder of its bundle."""
    href: str
    """Path below `root`, with `/` between the steps."""
    kind: Kind
    media_type: str
    cache_control: str
    size_bytes: int | None
    """Size when the index was made, None if the file was missing then; an answer reads it again."""

    @property
    def url(self) -> str:
        """Percent-encoded URL path."""
        return quote(self.url_path)

    @property
    def is_immutable(self) -> bool:
        """True if a file of this name never changes its content."""
        return self.cache_control == responses.CACHE_IMMUTABLE

    @property
    def is_packed(self) -> bool:
        """True if the file is text that is worth packing, and small enough to keep its packed forms in memory."""
        return self.media_type in _PACKED_TYPES and (self.size_bytes or 0) <= _LARGEST_PACKED_BYTES


@dataclass(frozen=True)
class ServedBundle:
    """One bundle that opened without errors."""

    name: str
    """Folder relative to ROOT, with `/` between the steps; ROOT's own name if ROOT is the bundle."""
    root: Path
    presentation: Presentation
    files: tuple[ServedFile, ...]
    version: tuple[disk.Signature, int]
    """Value that changes whenever a file at the top of the bundle is published."""

    def size_bytes(self, kind: Kind) -> int:
        """Returns the total size of all files of a kind."""
        return sum(file.size_bytes or 0 for file in self.files if file.kind == kind)

    def url_of(self, href: str) -> str | None:
        """Returns the percent-encoded URL path of a listed file; None if it is not listed."""
        return next((file.url for file in self.files if file.href == href), None)

    @property
    def manifest_url(self) -> str:
        """Percent-encoded URL path of the manifest, which every bundle has."""
        return quote(f"{BUNDLES_AT}{self.name}/{MANIFEST}")


@dataclass(frozen=True)
class Index:
    """Snapshot of everything that is served."""

    bundles: Mapping[str, ServedBundle] = field(default_factory=dict)
    files: Mapping[str, ServedFile] = field(default_factory=dict)
    """Files by decoded URL path."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Reasons why folders with a manifest are not served, by name."""


def find_bundles(root: Path) -> Iterator[tuple[str, Path]]:
    """Yields (name, folder) of every folder with a manifest at or below `root`, sorted; skips links and dotfiles."""
    if (root / MANIFEST).is_file():
        yield _in_utf8(root.resolve().name), root
        return
    for folder, inner, files in os.walk(root):
        here = Path(folder).relative_to(root)
        if MANIFEST in files:
            yield _in_utf8(here.as_posix()), Path(folder)
        # A bundle's own folders contain no further bundle.
        deeper = [] if MANIFEST in files or len(here.parts) >= _DEEPEST else sorted(inner)
        inner[:] = [name for name in deeper if _STEP.fullmatch(name)]


def read_bundle(name: str, root: Path) -> ServedBundle:
    """Opens the bundle in `root` and lists its files. Raises BundleError, OSError; ValueError on an unsafe path."""
    version = _version(root)
    bundle = open_bundle(root)
    files = tuple(_served(name, bundle, listed) for listed in bundle.files().values())
    return ServedBundle(name, root, bundle.presentation, files, version)


def build_index(root: Path, before: Index) -> Index:
    """Returns the index of `root` as it is now, reusing bundles unchanged since `before`. Blocks on the disk."""
    bundles: dict[str, ServedBundle] = {}
    broken: dict[str, str] = {}
    for name, folder in find_bundles(root):
        try:
            bundles[name] = _current_bundle(name, folder, before.bundles.get(name))
        except (BundleError, OSError, ValueError) as error:
            # The reason is shown to clients, who must not learn the folder's path on this machine.
            broken[_printable(name)] = str(error).replace(str(folder), name)
    files = {file.url_path: file for bundle in bundles.values() for file in bundle.files}
    return Index(bundles, files, broken)


class Catalogue:
    """Keeps the current Index of a folder. One for each process."""

    def __init__(self, root: Path, rescan_s: float = 1.0) -> None:
        self.root = root
        self.index = Index()
        self._rescan_s = rescan_s
        self._next_look_s = float("-inf")
        self._looking = asyncio.Lock()

    def look(self) -> Index:
        """Reads the disk and replaces the index. Blocks. Logs each bundle that became broken."""
        before, started_s = self.index, time.monotonic()
        try:
            self.index = build_index(self.root, before)
        finally:
            ended_s = time.monotonic()
            # A huge tree must not keep the disk busy forever: looking takes at most a tenth of the time.
            pause_s = max(self._rescan_s, 9 * (ended_s - started_s)) if self._rescan_s else 0
            self._next_look_s = ended_s + pause_s
        # Each reason is logged once, when it is new.
        for name, reason in self.index.broken.items():
            if before.broken.get(name) != reason:
                logger.warning("bundle %s is not served: %s", name, reason)
        return self.index

    @property
    def looks_always(self) -> bool:
        """True if every request waits for a look at the disk (`rescan_s` is 0)."""
        return self._rescan_s == 0

    @property
    def is_due(self) -> bool:
        """True if the index may be too old and no look is under way."""
        return time.monotonic() >= self._next_look_s and not self._looking.locked()

    async def current(self) -> Index:
        """Returns the index, at most `rescan_s` old unless looking takes longer; 0 looks for every request."""
        if self.is_due:
            async with self._looking:
                await asyncio.to_thread(self.look)
        return self.index


def _in_utf8(name: str) -> str:
    """Decodes a folder's name as UTF-8, as URLs are, whichever encoding the locale uses for names."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def _printable(name: str) -> str:
    """Replaces the parts of a name that are not UTF-8 by `?`."""
    return name.encode("utf-8", "replace").decode()


def _current_bundle(name: str, folder: Path, before: ServedBundle | None) -> ServedBundle:
    if _printable(name) != name:
        raise ValueError("its name is not in UTF-8; rename the folder")
    if before is not None and before.version == _version(folder):
        return before
    return read_bundle(name, folder)


def _version(root: Path) -> tuple[disk.Signature, int]:
    # Publishing renames a file into the folder, which changes the folder's modification time.
    return disk.signature_of((root / MANIFEST).lstat()), root.stat().st_mtime_ns


def _served(name: str, bundle: Bundle, listed: ListedFile) -> ServedFile:
    if not all(_STEP.fullmatch(step) for step in listed.href.split("/")):
        raise ValueError(f"the manifest lists {listed.href!r}, which is not a plain path below the bundle")
    kind = _kind(bundle.presentation, listed)
    immutable = listed.kind in ("init", "segment", "text", "model", "quality")
    return ServedFile(
        f"{BUNDLES_AT}{name}/{listed.href}",
        name,
        bundle.root,
        listed.href,
        kind,
        _media_type(listed, kind),
        responses.CACHE_IMMUTABLE if immutable else responses.CACHE_SHORT,
        _size_bytes(bundle.root / listed.href),
    )


def _size_bytes(path: Path) -> int | None:
    # A bundle with a missing model is still served: its segments are shown plain.
    try:
        return disk.signature_of(path.lstat())[1]
    except OSError:
        return None


def _kind(presentation: Presentation, listed: ListedFile) -> Kind:
    if listed.kind == "model":
        return "model"
    if listed.kind in ("manifest", "playlist"):
        return "manifest"
    if listed.kind in ("init", "segment"):
        audio = any(r.id == listed.representation_id for r in presentation.audio)
        return "audio" if audio else "video"
    return "other"


def _media_type(listed: ListedFile, kind: Kind) -> str:
    if listed.kind in ("init", "segment"):
        return f"{kind}/mp4"
    return _MEDIA_TYPES.get(Path(listed.href).suffix, "application/octet-stream")
